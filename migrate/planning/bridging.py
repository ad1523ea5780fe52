"""What a plan looks at behind a bridge: keys, health, and what the objects hold. Nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from migrate.addresses import DurableAddress
from migrate.bridge_keys import Scope, find_bridge_keys
from migrate.core.partition import overlap
from migrate.core.ports import RunId
from migrate.credentials import find_token
from migrate.desk import Desk
from migrate.errors import ConfigError, StoreError, StoreUnavailable
from migrate.formats.plan_facts import Bridging, Refused, Rows, Said

if TYPE_CHECKING:
    from migrate.stores.durable import Bridge

_PATIENCE = 20.0
"""Seconds that one question's failures may take: a plan does not wait as an export does."""

_UNANSWERED = "check the host name, and that the bridge is deployed and may be reached from here"
_UNCOUNTED = "how many rows there are is not known without asking every object"


def look_at_bridge(desk: Desk, address: DurableAddress, prefixes: Sequence[str], run: RunId) -> Bridging:
    """Ask a bridge for everything that tells whether an export can begin; what fails is in the answer.

    `run`: the export that would be begun or resumed.
    """
    settings = desk.settings
    try:
        keys = find_bridge_keys(settings.environ, settings.cwd, settings.clock.now())
        bridge = desk.opener.bridge(address)
    except ConfigError as error:
        return Bridging(str(address), keyless=Refused(error.message, error.hint))
    found = Bridging(str(address), {str(scope): float(end) for scope, end in keys.expire().items()})
    try:
        health = bridge.health(_PATIENCE)
    except StoreError as error:
        hint = _UNANSWERED if isinstance(error, StoreUnavailable) else error.hint
        return replace(found, problem=Refused(error.message, hint))
    said = Said(health.placement, health.prefix, health.ahead, health.version, health.class_version)
    found = replace(found, said=said, unlistable=_unlistable(desk, address, said))
    within = _within(prefixes, said.prefix)
    try:
        rows = _noted(bridge, within, run)
    except StoreError as error:
        return replace(found, problem=Refused(error.message, error.hint))
    if not said.shards:
        return replace(found, rows=rows, uncounted=_UNCOUNTED)
    try:
        return replace(found, rows=_counted(bridge, within, rows))
    except StoreError as error:
        return replace(found, rows=rows, uncounted=f"the rows could not be counted: {error.message}")


def _within(prefixes: Sequence[str], ours: str) -> list[str]:
    """What the bridge keeps of the prefixes that were asked for."""
    both = {max(prefix, ours, key=len) for prefix in prefixes if overlap(prefix, ours)}
    return sorted(both)


def _noted(bridge: Bridge, prefixes: Sequence[str], run: RunId) -> Rows:
    """What the notes say: sweeps, lease and quarantine."""
    from migrate.stores.durable import notes

    sweeps = (notes.sweep_of(note) for note in notes.listed(bridge, notes.SWEEPS))
    mine = sorted((info for info in sweeps if info.run == run), key=lambda info: info.number)
    lease = notes.lease_of(notes.read(bridge, [notes.LEASE], _PATIENCE).get(notes.LEASE))
    held = sum(1 for prefix in prefixes for _ in notes.quarantined(bridge, prefix, None))
    if lease is None:
        return Rows({}, 0, held, mine)
    return Rows({}, 0, held, mine, f"{lease.who} (process {lease.pid} on {lease.host})", lease.until)


def _counted(bridge: Bridge, prefixes: Sequence[str], rows: Rows) -> Rows:
    """The same with the rows of the shards."""
    origins, tombstones = {"copy": 0, "dual": 0, "app": 0, "legacy": 0}, 0
    for prefix in prefixes:
        count = bridge.ask("count", Scope.VERIFY, {"prefix": prefix}, patience=_PATIENCE)["count"]
        origins = {origin: number + count[origin] for origin, number in origins.items()}
        tombstones += count["tombstones"]
    return replace(rows, origins=origins, tombstones=tombstones)


def _unlistable(desk: Desk, address: DurableAddress, said: Said) -> Refused | None:
    """Objects of their own are listed by Cloudflare's API, which wants a token; shards need no list."""
    if said.shards or address.local:
        return None
    settings = desk.settings
    try:
        find_token(settings.environ, settings.cwd, settings.clock.now())
    except ConfigError as error:
        return Refused(error.message, error.hint)
    return None
