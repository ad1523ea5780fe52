"""What Workers KV's answers mean: pages of keys and bulk reads, checked while they are taken apart.

An answer that breaks the API's own promises (order, prefix, types; Workers KV's documents) raises
StoreBroken: a copy made from such a listing could lack sessions, so nobody goes on from here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, TypeVar

from migrate.core.record import NEVER, UNKNOWN, Digest, Expiration, Head, Key, Metadata, Written
from migrate.errors import StoreBroken
from migrate.stores import exact
from migrate.stores.envelope import Envelope
from migrate.stores.stamp import Listed, listed

_T = TypeVar("_T")

_LARGEST = 2**63 - 1


class Held(NamedTuple):
    """A value as text, with what the same answer says of it."""

    text: str
    metadata: Metadata
    expiration: Expiration
    stamped: Digest | None = None
    written: Written | None = None


def broken(what: str) -> StoreBroken:
    """The error for an answer that breaks the API's promises; `what` names no key."""
    return StoreBroken(
        f"the key-value API broke its contract: {what}",
        "do not trust this listing; run the command again, and report it if it stays",
    )


def read_heads(envelope: Envelope, prefix: str) -> list[Head]:
    """The keys of a list page, strictly rising, all with the prefix."""
    return _exactly(envelope, lambda result: _heads(result, prefix))


def read_cursor(envelope: Envelope) -> str | None:
    """The cursor of the next page; None at the end (missing or empty)."""
    if envelope.info is None:
        raise broken("a page of keys does not say whether it is the last")
    cursor = envelope.info.get("cursor")
    if cursor is not None and not isinstance(cursor, str):
        raise broken("a cursor is no text")
    return cursor or None


def read_values(envelope: Envelope, asked: Collection[Key]) -> dict[Key, Held | None]:
    """A bulk get with metadata. None: there is no such key. Keys that the answer left out are out."""
    return _exactly(envelope, lambda result: _values(result, asked, _held))


def read_texts(envelope: Envelope, asked: Collection[Key]) -> dict[Key, Held | None]:
    """A bulk get without metadata, as the local runtime gives it: the expiration is unknown."""
    return _values(envelope.result, asked, _text)


def read_expiration_header(text: str | None) -> Expiration:
    """The `expiration` header of a single GET; it is only sent when the value expires."""
    if text is None:
        return NEVER
    if not text.isascii() or not text.isdigit():
        raise broken("an expiration header is no whole number of seconds")
    return _expiration(int(text))


def _exactly(envelope: Envelope, take: Callable[[Any], _T]) -> _T:
    """Take the result apart; parse it again to the letter if metadata holds a rounded number."""
    try:
        return take(envelope.result)
    except exact.InexactError:
        return take(exact.precise(envelope.content)["result"])


def _heads(result: Any, prefix: str) -> list[Head]:
    if not isinstance(result, list):
        raise broken("a page of keys is no list")
    heads: list[Head] = []
    last = ""
    for item in result:
        name = item.get("name") if isinstance(item, dict) else None
        if not isinstance(name, str) or not _encodable(name):
            raise broken("a key has no name")
        if name <= last:
            raise broken("keys are not in rising order")
        if not name.startswith(prefix):
            raise broken("a key does not start with the prefix that was asked for")
        last = name
        heads.append(_head(Key(name), item))
    return heads


def _values(
    result: Any, asked: Collection[Key], take: Callable[[Any], Held | None]
) -> dict[Key, Held | None]:
    values = result.get("values") if isinstance(result, dict) else None
    if not isinstance(values, dict):
        raise broken("a bulk read holds no values")
    if not values.keys() <= set(asked):
        raise broken("a bulk read answers keys that were not asked for")
    return {Key(name): None if item is None else take(item) for name, item in values.items()}


def _held(item: Any) -> Held | None:
    """Not even a null value may hide a missing member: an answer without metadata has no expiration."""
    if not isinstance(item, dict) or "value" not in item:
        raise broken("a bulk read came without metadata and expiration")
    value = item["value"]
    if value is None:
        return None
    if not isinstance(value, str):
        raise broken("a value is no text")
    return Held(value, *_told(item))


def _text(item: Any) -> Held:
    if not isinstance(item, str):
        raise broken("a value is no text")
    return Held(item, None, UNKNOWN)


def _head(key: Key, item: Mapping[str, Any]) -> Head:
    return Head(key, *_told(item))


def _told(item: Mapping[str, Any]) -> Listed:
    """Metadata and expiration, both without what the session store adds, and what that says."""
    metadata, expiration = item.get("metadata"), _expiration(item.get("expiration"))
    return Listed(None, expiration) if metadata is None else listed(exact.dumps(metadata), expiration)


def _expiration(value: Any) -> Expiration:
    """Absent (or null) means never; a whole float is a number all the same in JSON."""
    if value is None:
        return NEVER
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or not 0 < value <= _LARGEST:
        raise broken("an expiration is no whole number of seconds")
    return value


def _encodable(name: str) -> bool:
    if name.isascii():
        return True
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
