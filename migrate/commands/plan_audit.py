"""What a plan asks the code: are sessions in KV and in another store already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from audits.auditing import Audit, audit
from audits.operation import RelationKind
from audits.request import Request
from audits.rules.rule import Settings
from migrate.formats.plan_facts import Code

_RULE = "session-kv-call"
_BOTH = (RelationKind.ALSO, RelationKind.FALLBACK, RelationKind.BEFORE)
"""A write beside another store's, and reads behind or in front of one."""


def audited(folder: Path, prefixes: Sequence[str]) -> Code:
    """What an audit of this checkout shows. Raises what an audit raises."""
    found = audit(Request(folder, select=(_RULE,), settings=Settings(prefixes=tuple(prefixes))))
    whole = not found.analysis.unread and not found.analysis.unparsed
    return Code(str(folder), tuple(dict.fromkeys(_places(found))), whole)


def _places(found: Audit) -> Iterator[str]:
    """`path:line` of each call on a session's key that another store is asked beside, and which, if known."""
    shown = [one.finding for one in found.findings] + [one.finding for one in found.suppressed]
    sessions = {one.place for one in shown}
    for one in found.operations:
        stores = {relation.what for relation in one.relations if relation.kind in _BOTH}
        if one.place in sessions and not one.migration and stores:
            which = " and ".join(sorted(stores - {""}))
            yield f"{one.place.path}:{one.place.line}" + (f" ({which})" if which else "")
