"""Sessions that look like real ones: made by seed, the same for the same seed, about 400 bytes each."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Iterator

import orjson

from tests.fake_api.state import Entry

PREFIX = "spotify_session:"
_COUNTRIES = ("AT", "BR", "DE", "GB", "IN", "JP", "SE", "US")


def sample_sessions(
    count: int, *, seed: int = 0, now: float, size: int = 400, prefix: str = PREFIX, stamped: bool = False
) -> Iterator[tuple[str, Entry]]:
    """`count` keys with JSON values of about `size` bytes, in random key order.

    One in twenty never expires, the others in 1 hour to 30 days; one in four has metadata. `stamped`: all
    have those of an application's session store beside them.
    """
    dice = random.Random(seed)
    for number in range(count):
        user = f"user{dice.randrange(10**9)}"
        session = {
            "userId": user,
            "displayName": f"Zoë {user}",
            "country": dice.choice(_COUNTRIES),
            "scope": "user-read-email user-read-private playlist-read-private",
            "expiresAt": (int(now) + dice.randrange(3600)) * 1000,
            "accessToken": "",
        }
        missing = max(0, size - len(orjson.dumps(session)))
        session["accessToken"] = dice.randbytes((missing + 1) // 2).hex()[:missing]
        expiration = None if number % 20 == 0 else int(now) + dice.randrange(3600, 30 * 86400)
        value = orjson.dumps(session)
        members: dict[str, object] = {"v": 1, "user": user} if number % 4 == 0 else {}
        if stamped:
            members["_kvferry"] = stamp(value, expiration)
        metadata = orjson.dumps(members).decode() if members else None
        yield prefix + dice.randbytes(16).hex(), Entry(value, metadata, expiration)


def stamp(value: bytes, expiration: int | None) -> dict[str, object]:
    """What a session store keeps in KV metadata, see migrate/edge/src/store/stamp.ts."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(value).digest()[:16]).rstrip(b"=").decode()
    return {"d": digest, "v": 1, "s": "shadow-read@01234567", "e": expiration}
