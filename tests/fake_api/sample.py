"""Sessions that look like real ones: made by seed, the same for the same seed, about 400 bytes each."""

from __future__ import annotations

import random
from collections.abc import Iterator

import orjson

from tests.fake_api.state import Entry

PREFIX = "spotify_session:"
_COUNTRIES = ("AT", "BR", "DE", "GB", "IN", "JP", "SE", "US")


def sample_sessions(
    count: int, *, seed: int = 0, now: float, size: int = 400, prefix: str = PREFIX
) -> Iterator[tuple[str, Entry]]:
    """`count` keys with JSON values of about `size` bytes, in random key order.

    One in twenty never expires, the others in 1 hour to 30 days; one in four has metadata.
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
        metadata = orjson.dumps({"v": 1, "user": user}).decode() if number % 4 == 0 else None
        yield prefix + dice.randbytes(16).hex(), Entry(orjson.dumps(session), metadata, expiration)
