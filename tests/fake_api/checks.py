"""What Cloudflare refuses to store: keys, values, metadata and expirations outside its rules.

The statuses and the codes 10024, 10033, 10034 are Cloudflare's. For what has no published code
(names, metadata, item counts) the code is 10001: clients decide by status first.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from tests.fake_api.state import Entry
from tests.fake_api.wire import Refusal

KEY_BYTES = 512
VALUE_BYTES = 25 * 1024 * 1024
METADATA_BYTES = 1024
SOONEST = 60
BULK_GET_KEYS = 100
BULK_WRITE_KEYS = 10_000


def check_key(key: object) -> str:
    """1 to 512 bytes of UTF-8, and neither `.` nor `..`."""
    if not isinstance(key, str) or key in ("", ".", ".."):
        raise Refusal(400, 10001, "key name is empty or not allowed")
    size = len(key.encode())
    if size > KEY_BYTES:
        raise Refusal(414, 10001, f"UTF-8 encoded length of {size} exceeds key length limit of {KEY_BYTES}.")
    return key


def check_names(names: object, most: int) -> list[str]:
    """A list of 1 to `most` key names."""
    if not isinstance(names, list) or not 1 <= len(names) <= most:
        raise Refusal(400, 10001, f"expected 1 to {most} key names")
    return [check_key(name) for name in names]


def check_metadata(text: str | None) -> str | None:
    """JSON of at most 1,024 bytes; JSON null is the same as none."""
    if text is None:
        return None
    try:
        meaning = json.loads(text)
    except ValueError:
        raise Refusal(400, 10001, "metadata is not valid JSON") from None
    if len(text.encode()) > METADATA_BYTES:
        raise Refusal(413, 10001, f"metadata exceeds the limit of {METADATA_BYTES} bytes")
    return None if meaning is None else text


def check_expiration(expiration: object, ttl: object, now: float) -> int | None:
    """The absolute expiration, at least 60 seconds ahead; a TTL wins. None = never."""
    if ttl not in (None, ""):
        seconds = _integer(ttl, 10034)
        if seconds < SOONEST:
            raise Refusal(400, 10034, f"Invalid expiration_ttl of {seconds}. It must be at least {SOONEST}.")
        return int(now) + seconds
    if expiration in (None, ""):
        return None
    moment = _integer(expiration, 10033)
    if moment < now + SOONEST:
        raise Refusal(400, 10033, f"Invalid expiration of {moment}: less than {SOONEST} seconds ahead.")
    return moment


def check_value(value: bytes) -> bytes:
    """At most 25 MiB."""
    if len(value) > VALUE_BYTES:
        raise Refusal(413, 10024, f"value exceeds the limit of {VALUE_BYTES} bytes")
    return value


def check_items(items: object, now: float) -> dict[str, Entry]:
    """The items of a bulk put, by key; a key that comes twice is refused."""
    if not isinstance(items, list) or not 1 <= len(items) <= BULK_WRITE_KEYS:
        raise Refusal(400, 10001, f"expected 1 to {BULK_WRITE_KEYS} items")
    pairs = [_item(item, now) for item in items]
    if len(dict(pairs)) != len(pairs):
        raise Refusal(400, 10001, "duplicate keys in one bulk request")
    return dict(pairs)


def _item(item: Mapping[str, Any], now: float) -> tuple[str, Entry]:
    key = check_key(item.get("key"))
    text = item.get("value")
    if not isinstance(text, str):
        raise Refusal(400, 10001, "an item has no value")
    try:
        value = base64.b64decode(text, validate=True) if item.get("base64") else text.encode()
    except binascii.Error:
        raise Refusal(400, 10001, "an item's value is not valid base64") from None
    given = item.get("metadata")
    metadata = None if given is None else json.dumps(given, separators=(",", ":"), ensure_ascii=False)
    expiration = check_expiration(item.get("expiration"), item.get("expiration_ttl"), now)
    return key, Entry(check_value(value), check_metadata(metadata), expiration)


def _integer(given: object, code: int) -> int:
    if isinstance(given, str | int) and not isinstance(given, bool):
        try:
            return int(given)
        except ValueError:
            pass
    raise Refusal(400, code, "Invalid expiration. Please specify an integer.")
