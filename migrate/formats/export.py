"""The export report: what became of every key that was listed, and what to type next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from migrate.core.authority import Authority
from migrate.core.document import Document, envelope, moment
from migrate.core.fingerprint import Fingerprints
from migrate.core.ports import (
    DELETED_AT_SOURCE,
    EMPTY,
    EQUAL_BY_JSON,
    EQUAL_BY_PROJECTION,
    LISTED,
    UNNAMED,
    Outcome,
    Quarantined,
    Tally,
    balanced,
)
from migrate.errors import Exit
from migrate.formats.samples import samples

NAME = "export-report"
VERSION = 1

SAMPLES = 20
"""How many quarantined and how many failed keys a report names."""


@dataclass(frozen=True, slots=True)
class ExportFacts:
    """What an export knows when it ends, well or not. Times are Unix seconds, durations seconds.

    `complete`: the sweep is finished. `partial`: why it was not meant to be whole (`--limit 100`),
    None when it was. `quarantined` and `failed` are samples; the counts are in `tally`.
    `requests` counts by kind of request. `next`: the command to type next. `configuration`: the
    digest (`core.configuration`). `project`: the entries of the project list.
    `authority`: who is right about legacy rows.
    `ignored_names`: globs of names that were left out. `aside`: objects of the source's class that are no
    session's, by what they are. `requests` counts by kind of request. `next`: the command to type next.
    """

    run: str
    source: str
    target: str
    prefixes: Sequence[str]
    sweep: int
    started: float
    finished: float
    complete: bool
    tally: Tally
    exit: Exit
    next: str
    configuration: str
    partial: str | None = None
    dry_run: bool = False
    requests: Mapping[str, int] = field(default_factory=dict)
    throttled: float = 0.0
    settle: float = 0.0
    quarantined: Sequence[Quarantined] = ()
    failed: Sequence[Quarantined] = ()
    note: str = ""
    project: Sequence[Mapping[str, str]] = ()
    authority: Authority | None = None
    ignored_names: Sequence[str] = ()
    aside: Mapping[str, int] = field(default_factory=dict)


def build_export(facts: ExportFacts, fingerprints: Fingerprints) -> Document:
    """The export report, version 1. When the equation does not hold its exit code is never 0."""
    tally = facts.tally
    holds = balanced(tally) and min(tally.values(), default=0) >= 0
    return {
        **envelope(NAME, VERSION),
        "run": facts.run,
        "source": facts.source,
        "target": facts.target,
        "prefixes": list(facts.prefixes),
        "configuration": facts.configuration,
        "project": [dict(one) for one in facts.project],
        "authority": facts.authority,
        "sweep": facts.sweep,
        "started": moment(facts.started),
        "finished": moment(facts.finished),
        "state": "complete" if facts.complete else "unfinished",
        "partial": facts.partial,
        "dry_run": facts.dry_run,
        "exit": int(facts.exit if holds or facts.exit else Exit.UNFINISHED),
        "listed": tally[LISTED],
        "tally": {outcome.value: tally[outcome] for outcome in Outcome},
        "balanced": holds,
        "equal_by_projection": tally[EQUAL_BY_PROJECTION],
        "equal_by_json": tally[EQUAL_BY_JSON],
        "deleted_at_source": tally[DELETED_AT_SOURCE],
        "ignored_names": list(facts.ignored_names),
        "objects": {kind: facts.aside.get(kind, 0) for kind in (UNNAMED, EMPTY)},
        "requests": dict(facts.requests),
        "throttled_seconds": round(facts.throttled, 3),
        "settle_seconds": facts.settle,
        "quarantined": _samples(facts.quarantined, tally[Outcome.QUARANTINED], facts, fingerprints),
        "failed": _samples(facts.failed, tally[Outcome.FAILED], facts, fingerprints),
        "note": facts.note,
        "next": facts.next,
    }


def _samples(
    found: Sequence[Quarantined], total: int, facts: ExportFacts, fingerprints: Fingerprints
) -> Document:
    first = ((one.key, one.reason) for one in found[:SAMPLES])
    shown, more = samples(first, total, facts.prefixes, fingerprints)
    return {"count": total, "samples": shown, "more": more}
