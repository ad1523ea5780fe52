"""The report of a rollback: conditions, what became of each row, what it costs, and the look at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from migrate.core.document import Document, envelope, moment
from migrate.core.fingerprint import Fingerprints
from migrate.core.gate.at_rest import Line, Word
from migrate.core.ports import LISTED, Quarantined, Tally
from migrate.core.rolling_back import Fate
from migrate.errors import Exit, MigrateError
from migrate.formats.figures import clean, count, duration, named, plural
from migrate.formats.key_check import check_lines
from migrate.formats.samples import samples

NAME = "rollback-report"
VERSION = 1

WRITTEN, DELETED, DYING, SHOWN, SETTLES = "written", "deleted", "dying", "shown", "settles"
"""Counted beside the fates: puts and deletes of KV, and sessions that are left to end; of what is not done
also rows that KV shows already, and those that changed while they were read."""

EFFECTS = (
    "write every row of the application's that KV does not show into KV, with its expiration and metadata",
    "delete in KV what is deleted, or has expired, in the target",
    "once KV was seen to show each, twice and H apart: let KV be right about it again",
    "from now on no verdict counts: a new verify is needed before object-first",
)


@dataclass(frozen=True, slots=True)
class RollbackFacts:
    """What a rollback knows when it ends. Times are Unix seconds, durations seconds.

    `number`: of the task, None: nothing was done. `lines`: the conditions. `tally`: keys by fate, LISTED, and
    what is counted beside; of one that was not done, by what would be. `waiting`: keys on their way.
    `samples`: the first keys of a fate with which the way back is not free. `cost`: of writing KV.
    `lifted`: is the gate's fence down?"""

    number: int | None
    source: str
    target: str
    prefixes: Sequence[str]
    started: float
    finished: float
    settle: float
    lines: Sequence[Line]
    tally: Tally
    waiting: int
    samples: Mapping[Fate, Sequence[Quarantined]]
    lifted: bool
    next: str
    cost: Document
    check: Document | None = None
    requests: Mapping[str, int] = field(default_factory=dict)
    error: MigrateError | None = None

    @property
    def fates(self) -> dict[str, int]:
        """What became of the keys; of those that would be written, what would be done."""
        found = {str(fate): self.tally[fate] for fate in Fate}
        if self.number is not None:
            return found | {"waiting": self.waiting}
        would = (WRITTEN, DELETED, DYING, SHOWN, SETTLES)
        return found | {name: self.tally[name] for name in would}

    @property
    def balanced(self) -> bool:
        """Law 5: is every row that was listed accounted for?"""
        return self.tally[LISTED] == sum(self.fates.values())

    @property
    def exit(self) -> Exit:
        """0: all is given back (or could be), and the look at the end agrees."""
        if self.error is not None:
            return self.error.exit
        words = {line.word for line in self.lines}
        checked = Exit.CLEAN if self.check is None else Exit(self.check["exit"])
        if Word.FAILED in words or self.tally[Fate.NEWER] or checked is Exit.AGAINST:
            return Exit.AGAINST
        doubts = self.waiting or self.tally[Fate.FAILED] or self.tally[Fate.UNSETTLED]
        looked = self.number is None or self.check is not None
        if doubts or Word.UNPROVEN in words or not self.balanced or not looked or checked is not Exit.CLEAN:
            return Exit.UNFINISHED
        return Exit.CLEAN


def build_rollback(facts: RollbackFacts, fingerprints: Fingerprints) -> Document:
    """The report, version 1."""
    return {
        **envelope(NAME, VERSION),
        "number": facts.number,
        "dry_run": facts.number is None,
        "source": facts.source,
        "target": facts.target,
        "prefixes": list(facts.prefixes),
        "settle_seconds": facts.settle,
        "started": moment(facts.started),
        "finished": moment(facts.finished),
        "state": "complete" if facts.lifted else "unfinished",
        "exit": int(facts.exit),
        "conditions": [
            {"name": one.name, "word": str(one.word), "said": one.said, "next": one.todo}
            for one in facts.lines
        ],
        "effects": list(EFFECTS),
        "listed": facts.tally[LISTED],
        "tally": facts.fates,
        "balanced": facts.balanced,
        "kv": {name: facts.tally[name] for name in (WRITTEN, DELETED, DYING)},
        "cost": facts.cost,
        "open": {
            str(fate): _sampled(facts, found, facts.tally[fate], fingerprints)
            for fate, found in facts.samples.items()
        },
        "fence_lifted": facts.lifted,
        "check": facts.check,
        "requests": dict(facts.requests),
        "note": "" if facts.error is None else facts.error.message,
        "next": facts.next,
    }


def _sampled(
    facts: RollbackFacts, found: Sequence[Quarantined], total: int, fingerprints: Fingerprints
) -> Document:
    shown, more = samples(((one.key, one.reason) for one in found), total, facts.prefixes, fingerprints)
    return {"count": total, "samples": shown, "more": more}


# ---------------------------------------------------------------- text

ONLY_HERE = (
    "going back from object-only to object-first, and to shadow-read, needs nothing; this is for the step"
    " from shadow-read to dual-write"
)


def rollback_text(document: Document) -> str:
    """The report as text."""
    head = (
        "nothing was done" if document["dry_run"] else f"rollback {document['number']}: {document['state']}"
    )
    lines = [ONLY_HERE, "", head, *named(list(_pairs(document))), ""]
    for one in document["conditions"]:
        lines.append(f"{_WORDS[one['word']]} {one['name']:<8} {clean(one['said'])}")
        if one["next"]:
            lines.append(f"{'':<17} → {clean(one['next'])}")
    lines += ["", _equation(document), _kv(document)]
    if not document["balanced"]:
        lines.append("THE ACCOUNT DOES NOT BALANCE: keep this report, and type it again with --fresh")
    for fate, said in _OPEN.items():
        lines += _samples(said, document["open"][fate])
    if document["dry_run"]:
        lines += ["with --execute:", *(f"  {effect}" for effect in document["effects"])]
    if document["check"] is not None:
        lines += check_lines(document["check"])
    if document["fence_lifted"]:
        lines.append("the gate's fence is lifted, and every verdict on these stores is void")
    if document["note"]:
        lines.append(clean(document["note"]))
    return "\n".join([*lines, f"next: {clean(document['next'])}"]) + "\n"


_WORDS = {"ok": "ok      ", "failed": "FAILED  ", "unproven": "unproven", "note": "note    "}

_OPEN = {
    "newer_in_kv": "KV has what the row has never been, and was left as it is: find out who writes KV past"
    " the store, and log these sessions out, or let them end",
    "failed": "KV cannot be read, or does not take it",
    "unsettled": "written more often than it settles: run it again when they rest",
}


def _pairs(document: Document) -> Iterator[tuple[str, str]]:
    prefixes = ", ".join(clean(prefix) if prefix else "(every key)" for prefix in document["prefixes"])
    yield "source", clean(document["source"])
    yield "target", clean(document["target"])
    yield "prefix", prefixes
    yield "settle", duration(document["settle_seconds"])
    if document["requests"]:
        yield "requests", ", ".join(f"{clean(kind)} {count(n)}" for kind, n in document["requests"].items())


def _equation(document: Document) -> str:
    """Law 5 in one line."""
    parts = [f"{name.replace('_', ' ')} {count(n)}" for name, n in document["tally"].items() if n]
    would = "by one reading: " if document["dry_run"] else ""
    return f"{would}{plural(document['listed'], 'row')} listed = {' + '.join(parts) or '0'}"


def _kv(document: Document) -> str:
    kv, cost = document["kv"], document["cost"]
    would = "would be " if document["dry_run"] else ""
    said = f"KV: {would}{count(kv['written'])} written, {count(kv['deleted'])} deleted"
    said += f"; {count(kv['dying'])} end within the minute, and are left to" if kv["dying"] else ""
    said += f"; ${cost['dollars']} beyond what a paid plan includes ({cost['dated']})"
    return f"{said}, {plural(cost['free_days'], 'day')} of a free plan" if cost["free_days"] > 1 else said


def _samples(said: str, found: Document) -> Iterator[str]:
    if not found["count"]:
        return
    yield f"{said} ({count(found['count'])}):"
    yield from (f"  {clean(one['fingerprint'])}  {clean(one['reason'])}" for one in found["samples"])
    if found["more"]:
        yield f"  … and {count(found['more'])} more"
