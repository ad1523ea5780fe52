"""The record: one key of a store with its value, metadata and expiration, and how two compare.

`Record`, `Head` and `Row` are NamedTuples, not dataclasses: millions are made, and building a
frozen dataclass costs about four times as much.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any, NamedTuple, NewType

Key = NewType("Key", str)
"""A store's key: 1 to 512 bytes of UTF-8. A session id, hence a secret."""

Digest = NewType("Digest", bytes)
"""The first 16 bytes of SHA-256 over a value's bytes."""


class Lasting(enum.Enum):
    """The two expirations that are not a time."""

    NEVER = "never"
    UNKNOWN = "unknown"


_MOST_DIGITS = 600  # Python's own limit can be lowered to 640 (sys.set_int_max_str_digits)

NEVER = Lasting.NEVER
UNKNOWN = Lasting.UNKNOWN

Expiration = int | Lasting
"""Absolute integer Unix seconds, NEVER or UNKNOWN. A relative TTL never gets this far."""

Metadata = str | None
"""JSON text as the store gave it or compactly re-written; None = absent (JSON null is absent)."""


class Written(NamedTuple):
    """Which write of the session store a record is, by its stamp: the version that the row got by the
    same write, and the namespace of that row's object."""

    version: int
    namespace: str


class Head(NamedTuple):
    """A record without its value, as a listing gives it.

    `stamped`: the value's digest by the word of the application's session store; None: it gave none.
    `written`: None unless `stamped` is known, and where the object did not tell its version.
    """

    key: Key
    metadata: Metadata
    expiration: Expiration
    stamped: Digest | None = None
    written: Written | None = None


class Record(NamedTuple):
    """Key, value bytes, metadata and expiration, all three from one answer of the store.

    `stamped`, `written`: as of `Head`, from the same answer.
    """

    key: Key
    value: bytes
    metadata: Metadata
    expiration: Expiration
    stamped: Digest | None = None
    written: Written | None = None

    @property
    def marked(self) -> bool:
        """Did the application's session store write this very value, by its stamp?"""
        return self.stamped is not None and self.stamped == digest(self.value)


class Origin(enum.StrEnum):
    """Who wrote a target row, which decides who may change it."""

    COPY = "copy"
    DUAL = "dual"
    APP = "app"
    LEGACY = "legacy"


@dataclass(frozen=True, slots=True)
class Unseen:
    """A value that is there and was not shown: its digest, and its size in bytes.

    The digest was computed from what is stored, by the store that holds it. It is neither empty
    nor deleted, has no bytes, and whoever compares it with bytes is stopped: that is what `holds`
    is for.
    """

    digest: Digest
    size: int

    def __eq__(self, other: object) -> bool:
        if isinstance(other, bytes):
            raise TypeError("an unseen value is compared with bytes by holds()")
        return isinstance(other, Unseen) and (self.digest, self.size) == (other.digest, other.size)


Content = bytes | Unseen | None
"""What a row holds: a value, a value that was not shown, or nothing (a tombstone)."""


class Row(NamedTuple):
    """What a target holds under a key: a session, expired or not, or a tombstone (value None).

    A store that was asked for no values gives them as `Unseen`. `version` starts at 1 and rises by one
    with each change of the row. `sweep` is the target's number of the sweep that inserted it, None when
    no sweep did.
    """

    key: Key
    value: Content
    metadata: Metadata
    expiration: Expiration
    origin: Origin
    version: int
    sweep: int | None

    @property
    def deleted(self) -> bool:
        """Is this a tombstone?"""
        return self.value is None


class Change(NamedTuple):
    """The version that a row got by a change, and when, by our own clock (Unix seconds)."""

    version: int
    at: float


def digest(value: bytes) -> Digest:
    """The digest of a value's bytes; nothing canonicalised is ever hashed."""
    return Digest(hashlib.sha256(value).digest()[:16])


def digest_text(value: bytes) -> str:
    """The digest as text: base64url without padding, 22 characters."""
    return text_of(digest(value))


def text_of(digested: Digest) -> str:
    """A digest as text, see `digest_text`."""
    return base64.urlsafe_b64encode(digested).rstrip(b"=").decode("ascii")


def holds(held: Content, value: bytes) -> bool:
    """Are these the bytes that a row holds? An unseen value is known by size and digest; a tombstone
    holds none."""
    if isinstance(held, Unseen):
        return held.size == len(value) and held.digest == digest(value)
    return held == value


def expired(expiration: Expiration, now: float) -> bool:
    """Has it expired at `now` (Unix seconds)? NEVER and UNKNOWN never have."""
    return isinstance(expiration, int) and expiration <= now


def same_expiration(one: Expiration, other: Expiration) -> bool:
    """Are two expirations the same, give or take the one second that rounding may cost?"""
    if isinstance(one, int) and isinstance(other, int):
        return abs(one - other) <= 1
    return one is other


def same_metadata(one: Metadata, other: Metadata) -> bool:
    """Do both mean the same JSON? The text may differ in spacing and member order."""
    if one == other:
        return True
    return one is not None and other is not None and same_json(one, other)


def same_json(one: str | bytes, other: str | bytes) -> bool:
    """Do both texts parse, to the same JSON value? False when either is not JSON.

    JSON is UTF-8 without a byte order mark here (RFC 8259), and a number beyond a double's range
    is refused: two of them would look the same.
    """
    try:
        return equal_json(parse_json(one), parse_json(other))
    except (ValueError, RecursionError):
        return False


def parse_json(text: str | bytes) -> Any:
    """The JSON value of a text, as `same_json` reads it. Raises ValueError, RecursionError."""
    if isinstance(text, bytes):
        text = text.decode("utf-8")  # json.loads would guess the encoding, and drop a byte order mark
    return json.loads(text, parse_constant=_refuse, parse_float=_finite, parse_int=_whole)


def _finite(number: str) -> float:
    parsed = float(number)
    if math.isinf(parsed):
        raise ValueError("a number beyond the range of doubles")
    return parsed


def _whole(number: str) -> int | tuple[str]:
    """An int, or its digits where Python would refuse to make one of them (JSON has no leading zeros)."""
    return int(number) if len(number) <= _MOST_DIGITS else (number,)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def equal_json(one: Any, other: Any) -> bool:
    """JSON equality: unlike Python's, true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal_json(v, other[k]) for k, v in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal_json, one, other))
    return bool(one == other)
