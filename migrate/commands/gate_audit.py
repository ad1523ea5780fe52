"""What a gate asks the code: who writes sessions to KV past the session store, and what readers cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from audits.auditing import Audit, audit
from audits.operation import Method, Operation
from audits.request import Request
from audits.revision import revision
from audits.rules.rule import Settings
from audits.rules.stale_session_read import kept_sessions
from migrate.core.document import Document, moment

_RULE = "session-kv-call"
_WRITES = (Method.PUT, Method.DELETE)
_READS = (Method.GET, Method.GET_WITH_METADATA)
_DEFAULT_CACHE = 60.0
"""Seconds that KV keeps what was read where nothing else is said."""


def audited(folder: Path, prefixes: Sequence[str], now: float) -> Document:
    """The exhibit of an audit of this checkout. Raises what an audit raises."""
    settings = Settings(prefixes=tuple(prefixes))
    request = Request(folder, select=(_RULE,), settings=settings)
    found = audit(request)
    at = revision(folder)
    return {
        "audited": moment(now),
        "commit": at.commit,
        "dirty": at.dirty is not False,
        "whole": not found.analysis.unread and not found.analysis.unparsed,
        "writes": sorted(_writes(found)),
        "kept": sorted(_kept(found.operations, settings)),
        "caches_seconds": max([_DEFAULT_CACHE, *_caches(found.operations)]),
    }


def _writes(found: Audit) -> list[str]:
    """`path:line` of every put and delete of a session that is not the session store's own; one that is
    excused by a comment writes all the same."""
    writing = {one.place for one in found.operations if one.method in _WRITES and not one.migration}
    shown = [one.finding for one in found.findings] + [one.finding for one in found.suppressed]
    return [f"{one.place.path}:{one.place.line}" for one in shown if one.place in writing]


def _kept(operations: Sequence[Operation], settings: Settings) -> set[str]:
    """`path:line` of whatever keeps a session that was read from KV in the isolate."""
    return {
        f"{kept.place.path}:{kept.place.line}"
        for one in operations
        if one.method in _READS and not one.migration
        for kept in kept_sessions(one, settings)
    }


def _caches(operations: Sequence[Operation]) -> list[float]:
    return [float(value) for one in operations if one.cache_ttl is not None for value in one.cache_ttl.values]
