"""One item of a dump: the JSON of a bulk-put item, checked strictly and turned into a record.

An item is `{"key", "value", "base64"?, "expiration"?, "expiration_ttl"?, "metadata"?}`, as
`wrangler kv bulk put` takes it. What is read loosely elsewhere is refused here, because each
slip costs a session: a misspelt `expiraton` would make one live for ever, so an unknown member
is an error, and so are milliseconds, a value that is not a string, and sloppy base64.

- No `expiration`, or null: the session never expires.
- `expiration_ttl` counts from the moment the dump was made, which only `dumped_at` can tell. Where
  an item has both, the TTL counts: so says Cloudflare's documentation of bulk put, and so does
  its local runtime.
- Metadata is kept as JSON text; numbers that a double cannot hold are kept digit by digit.

No message here ever holds a key or a value.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, NamedTuple

import orjson

from migrate.core.ports import Unreadable
from migrate.core.record import NEVER, Expiration, Head, Key, Metadata, Record
from migrate.stores.dump.walk import Walker, WalkError
from migrate.stores.stamp import MEMBER, unstamped

MEMBERS = ("key", "value", "base64", "expiration", "expiration_ttl", "metadata")
"""All that an item may have."""

LATEST = 10**11
"""The last plausible expiration in seconds (the year 5138); more is milliseconds."""

_KEY_BYTES = 512

_FLOAT = re.compile(rb"[0-9][.eE][-+0-9]")
"""Where orjson wrote a double: the text it came from may have said more than a double can hold."""

_SPACE = re.compile(rb'("(?:[^"\\]|\\.)*")|[ \t\r\n]+')
"""A string, to be kept, or white space between the parts of a JSON text."""

new = tuple.__new__
"""Makes a NamedTuple at half the price of calling its class; there are millions of them."""

_CLIPPED = Unreadable(
    "the value holds U+FFFD: a bulk get gives that for bytes that are not UTF-8, so it may not be the value"
)


class ItemError(ValueError):
    """An item is malformed; says why in a few words, without the key or the value."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


class Read(NamedTuple):
    """One item: its head, and the record, why there is none, or None when the session was gone."""

    head: Head
    answer: Record | Unreadable | None


@dataclass(frozen=True, slots=True)
class Items:
    """How the items of one dump are to be read.

    `dumped_at`: Unix seconds, the start of every `expiration_ttl`. `bulk_get`: the items were
    made from a bulk get, where a null value means that the key was gone, and where a value with
    U+FFFD cannot be trusted.
    """

    dumped_at: int | None = None
    bulk_get: bool = False

    def key(self, line: bytes) -> Key:
        """Check one item thoroughly and return its key. Raises ItemError.

        Every line of a dump comes through here: what is nearly always right is seen without a call.
        """
        item = parse(line)
        members = 2
        if "base64" in item:
            members += 1
        if "expiration" in item:
            members += 1
            at = item["expiration"]
            if type(at) is not int or not 0 < at <= LATEST:
                check_expiration(at)
        if "expiration_ttl" in item:
            members += 1
            self._expiration(item)
        if "metadata" in item:
            members += 1
            _compact(item["metadata"])
        value = item.get("value")
        if type(value) is not str and not (self.bulk_get and value is None and "value" in item):
            raise ItemError("value is not a string" if "value" in item else "value is missing")
        key: Key = item.get("key", "")
        if type(key) is not str or not 0 < len(key) <= _KEY_BYTES // 4:
            check_key(item.get("key"), "key")
        if len(item) != members:
            raise ItemError(f"has a member that is none of {', '.join(MEMBERS)}")
        if "base64" in item:
            self._value(item)
        return key

    def records(self, lines: Sequence[bytes]) -> list[Record] | None:
        """The records of lines that `key` has accepted; None when one of them is not a record."""
        records = []
        # every line is known to be one whole JSON value, so that joining them is safe
        for line, item in zip(lines, orjson.loads(b"[" + b",".join(lines) + b"]"), strict=True):
            value = item["value"]
            if self.bulk_get and (value is None or "\ufffd" in value):
                return None
            metadata = item.get("metadata")
            text = None if metadata is None else metadata_text(metadata, line)
            at = self._expiration(item) if "expiration_ttl" in item else item.get("expiration") or NEVER
            if text is not None and MEMBER in text:
                text, at = unstamped(text, at)
            content = self._value(item) if "base64" in item else value.encode()
            fields = (item["key"], content, text, at, None, None)
            records.append(new(Record, fields))
        return records

    def read(self, line: bytes) -> Read:
        """One line that `key` has accepted, whatever it holds."""
        item = parse(line)
        told = unstamped(metadata_text(item.get("metadata"), line), self._expiration(item))
        head = Head(item["key"], *told)
        value = item["value"]
        if value is None:
            return Read(head, None)
        if self.bulk_get and "\ufffd" in value:
            return Read(head, _CLIPPED)
        return Read(head, Record(head.key, self._value(item), head.metadata, head.expiration))

    def _value(self, item: dict[str, Any]) -> bytes:
        """The value's bytes."""
        value: str = item["value"]
        base64 = item.get("base64", False)
        if base64 is False:
            return value.encode()
        if base64 is not True:
            raise ItemError("base64 is neither true nor false")
        try:
            if len(value) % 4 == 0:  # strict_mode lets one padding too many pass
                return binascii.a2b_base64(value, strict_mode=True)
        except ValueError:  # also when the text is not ASCII
            pass
        raise ItemError("value is not valid base64")

    def _expiration(self, item: dict[str, Any]) -> Expiration:
        """When it expires. Nothing given means never."""
        at = item.get("expiration")
        ttl = item.get("expiration_ttl")
        if ttl is None:
            return NEVER if at is None else int(at)
        if type(ttl) is not int or not 0 < ttl < LATEST:
            raise ItemError("expiration_ttl is not a positive number of whole seconds")
        if self.dumped_at is None:
            raise ItemError(
                "expiration_ttl counts from when the dump was made, which the dump does not say",
                "give the time at which it was made: --dumped-at UNIX_SECONDS",
            )
        return self.dumped_at + ttl


def parse(line: bytes) -> dict[str, Any]:
    """The JSON object in a line. Raises ItemError."""
    try:
        item = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ItemError(f"not JSON ({error.msg}, column {error.colno})") from None
    if type(item) is not dict:
        raise ItemError("not a JSON object")
    return item


def check_key(key: object, name: str) -> Key:
    """A store's key, or ItemError. `name` is what the member is called."""
    if type(key) is not str:
        raise ItemError(f"{name} is missing or not a string")
    if not key or (len(key) > _KEY_BYTES // 4 and len(key.encode()) > _KEY_BYTES):
        raise ItemError(f"{name} is empty" if not key else f"{name} is longer than {_KEY_BYTES} bytes")
    return Key(key)


def check_expiration(at: object) -> None:
    """Plausible integer Unix seconds or None, else ItemError."""
    if at is None or (type(at) is int and 0 < at <= LATEST):
        return
    if type(at) is int and at > LATEST:
        raise ItemError("expiration is too large for seconds", "it looks like milliseconds: divide by 1000")
    raise ItemError("expiration is not a positive integer of Unix seconds")


def metadata_text(metadata: object, line: bytes) -> Metadata:
    """The metadata as JSON text: compact, or as it stands in `line` where a double would lose digits.

    None when it is null. Raises ItemError when it is nested too deeply.
    """
    if metadata is None:
        return None
    text = _compact(metadata)
    if _FLOAT.search(text):
        text = _as_it_stands(line)
    return text.decode()


def _compact(metadata: object) -> bytes:
    """Compact JSON. Raises ItemError when it is nested too deeply to be written."""
    try:
        return orjson.dumps(metadata)
    except TypeError:
        raise ItemError("metadata is nested too deeply") from None


def _as_it_stands(line: bytes) -> bytes:
    """The member `metadata` of a line that has one, without white space; of several, the last counts."""
    members = Walker(BytesIO(line)).members()
    try:
        raw = [raw for name, raw, _ in members if orjson.loads(name) == "metadata"][-1]
    except WalkError:
        raise ItemError("metadata is nested too deeply") from None
    return _SPACE.sub(rb"\1", raw)
