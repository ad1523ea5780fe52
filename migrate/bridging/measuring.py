"""How much one request to a bridge may have, found out by trying; nothing is written."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from typing import Any

from migrate.bridge_keys import Scope
from migrate.bridging.facts import Measured, Refusal
from migrate.errors import StoreError
from migrate.stores.durable.bridge import Bridge, BridgeRefused, Choked, Health

_SESSION = 1024
"""Bytes of a value, as sessions go."""

_SMALLEST_BODY = 65_536
_PATIENCE = 20.0
_REST = 400
"""Bytes of a record beside its value, at most, and of what is around the records."""

Record = dict[str, Any]


def missing_methods(bridge: Bridge) -> Sequence[str]:
    """The methods that the class lacks. Raises StoreError."""
    answer = _probe(bridge, [], methods=True)
    return tuple(map(str, answer["missing"]))


def measure(bridge: Bridge, health: Health, now: float) -> Measured:
    """Try an import's records and its body at what the bridge announces, then at half of it, and so on.

    Raises StoreUnavailable when the bridge cannot be reached any more: then nothing is known.
    """
    records, calls, refused = _records(bridge, health, now)
    body_bytes, too_big = _body(bridge, health, now)
    return Measured(records, calls, body_bytes, refused or too_big)


def _records(bridge: Bridge, health: Health, now: float) -> tuple[int, int, Refusal | None]:
    refused = None
    number = health.limits.records
    while number > 0:
        some = [_record(health.prefix, index, _SESSION, now) for index in range(number)]
        try:
            answer = _probe(bridge, some, methods=False)
        except (Choked, BridgeRefused) as error:
            refused = Refusal(error.message, error.hint)
            number //= 2
        else:
            return number, int(answer["calls"]), refused
    return 0, 0, refused


def _body(bridge: Bridge, health: Health, now: float) -> tuple[int, Refusal | None]:
    refused = None
    size = health.limits.body_bytes
    while size >= _SMALLEST_BODY:
        try:
            _probe(bridge, filling(health, size, now), methods=False)
        except Choked as error:
            refused = Refusal(error.message, error.hint)
        except StoreError as error:
            if not _final(error):
                raise
            refused = Refusal(error.message, error.hint)
        else:
            return size, refused
        size //= 2
    return 0, refused


def filling(health: Health, size: int, now: float) -> list[Record]:
    """As few records as make a body of nearly `size` bytes, and not of more."""
    longest = -(-health.limits.value_bytes // 3) * 4
    number = -(-size // longest)
    room = (size - _REST * (number + 1)) // number
    return [_record(health.prefix, index, room // 4 * 3, now) for index in range(number)]


def _record(prefix: str, index: int, size: int, now: float) -> Record:
    return {
        "key": f"{prefix}kvferry-probe-{index}-{secrets.token_hex(8)}",
        "value": base64.b64encode(bytes(size)).decode(),
        "metadata": None,
        "expiration": int(now) + 3600,
    }


def _probe(bridge: Bridge, records: list[Record], *, methods: bool) -> dict[str, Any]:
    body = {"records": records, "methods": methods}
    return bridge.ask("probe", Scope.VERIFY, body, chokes=1, patience=_PATIENCE)


def _final(error: StoreError) -> bool:
    return error.exit.name != "UNFINISHED" or "too-large" in error.message
