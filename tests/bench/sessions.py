"""Sessions to copy: made by seed, in random key order, one bulk-put item per line.

Each has an expiration and metadata, though many real ones have not: that is the slower case.
"""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path

PREFIX = "spotify_session:"
_SEED = 20261120
_EXPIRES = 4_000_000_000
"""Far ahead, so that the same file serves for years."""


def write_sessions(path: Path, count: int, more: int = 0) -> Path:
    """Write `count` sessions of about 520 bytes a line and `more`; what was written before is kept."""
    done = path.with_suffix(".done")
    if done.exists() and done.read_text() == str(count):
        return path
    dice = random.Random(_SEED)
    with open(path, "w", encoding="ascii", buffering=1 << 20) as file:
        for _ in range(count):
            file.write(_line(dice, more))
    done.write_text(str(count))
    return path


def _line(dice: random.Random, more: int) -> str:
    token = base64.urlsafe_b64encode(dice.randbytes(189)).decode()
    value = json.dumps(
        {
            "userId": token[:12],
            "accessToken": "BQ" + token[:136],
            "refreshToken": "AQ" + token[136:],
            "expiresAt": _EXPIRES + dice.randrange(10**6),
            "scope": "user-read-email user-read-private",
            "user": {"display_name": "Zoë", "country": "SE"},
            **({"last": base64.b64encode(dice.randbytes(more * 3 // 4)).decode()} if more else {}),
        },
        separators=(",", ":"),
    )
    item = {
        "key": PREFIX + dice.randbytes(16).hex(),
        "value": value,
        "expiration": _EXPIRES + dice.randrange(10**6),
        "metadata": {"v": 1},
    }
    return json.dumps(item, separators=(",", ":")) + "\n"
