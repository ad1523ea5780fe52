"""What is seeded: every awkward case that a session store can hold, as a Worker can put it."""

from __future__ import annotations

import time

from tests.runtime.runtime import Seed

MIB = 2**20
PREFIX = "spotify_session:"


def awkward_seeds() -> list[Seed]:
    """One of each. Expirations are relative to the time of the call."""
    now = int(time.time())
    return [
        Seed(f"{PREFIX}plain", b'{"accessToken":"t","n":1}', ttl=3600),
        Seed(f"{PREFIX}at", b"{}", expiration=now + 86_400),
        Seed(f"{PREFIX}never", b"{}"),
        Seed(f"{PREFIX}soon", b"{}", expiration=now + 70),
        Seed(f"{PREFIX}far", b"{}", expiration=2**31 - 2),
        Seed(f"{PREFIX}empty", b""),
        Seed(f"{PREFIX}binary", bytes(range(256)), {"type": "bytes"}, ttl=600),
        Seed(f"{PREFIX}not-utf8", b'{"name":"\xff\xc3"}'),
        Seed(f"{PREFIX}replacement", "\ufffd is text here".encode()),
        Seed(f"{PREFIX}nul", b"a\x00b"),
        Seed(f"{PREFIX}big", b"0123456789abcdef" * (MIB // 16), ttl=600),
        Seed(f"{PREFIX}metadata", b"v", {"v": 1, "näme": ["ü", None, True, 1.5]}, ttl=600),
        Seed(f"{PREFIX}metadata-text", b"v", "text"),
        Seed(f"{PREFIX}metadata-false", b"v", False),
        Seed(f"{PREFIX}metadata-longest", b"v", "m" * 1022),
        Seed(f"{PREFIX}ключ/日本/é?#%&+ ", "ключ".encode(), ttl=600),
        Seed(f"{PREFIX}\U0001f511", b"astral"),
        Seed(f"{PREFIX}\uffee", b"before astral in UTF-8, behind it in UTF-16"),
        Seed(f"{PREFIX}^\x1f...", b"no single route in production"),
        Seed(PREFIX, b"the prefix itself"),
        Seed("k" * 512, b"longest key"),
        Seed("ü" * 256, b"longest key"),
        Seed("other", b"outside the prefix"),
    ]


def many_seeds(count: int) -> list[Seed]:
    """More than one page of plain sessions."""
    return [
        Seed(f"many:{number:05}", b'{"n":%d}' % number, {"n": number} if number % 3 == 0 else None, ttl=900)
        for number in range(count)
    ]
