"""The report of a repair: what became of each key, what it leaves alone, and the look at them afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from migrate.core.burying import Burial
from migrate.core.document import Document, envelope, moment
from migrate.core.fingerprint import Fingerprints
from migrate.core.gate.alone import Gone
from migrate.core.ports import LISTED, Outcome, Quarantined, Tally
from migrate.errors import Exit
from migrate.formats.figures import clean, count, duration, named, plural
from migrate.formats.key_check import check_lines
from migrate.formats.samples import samples

NAME = "repair-report"
VERSION = 1

CANDIDATES, LACKING, IN_KV = "candidates", "lacking", "in_kv"
"""Counted: keys that were looked at; those that KV lacked at the first reading and that wait for the second;
those that KV turned out to have."""

WRITTEN, EMPTIED, AGREES = "written", "emptied", "kv_agrees"
EXPIRING, EXPIRED, CHANGED = "expiring", "expired", "changed"
"""Counted of what KV is to show: put into it; deleted from it; shown by it already; with less than a minute
to live, which KV does not take; dead; changed while it was looked at."""

OUTCOMES = {
    "missing": tuple(str(one) for one in Outcome),
    "tombstone-deleted": (
        *(str(one) for one in Burial if one is not Burial.FENCED),
        IN_KV,
        str(Outcome.FAILED),
        LACKING,
    ),
    "refresh-kv": (WRITTEN, EMPTIED, AGREES, EXPIRING, EXPIRED, CHANGED, str(Outcome.FAILED)),
}
"""What a key of each mode may have become: these add up to the candidates."""

_DOUBTS = (str(Outcome.FAILED), str(Outcome.WAITING), str(Burial.CHANGED), LACKING)
"""Outcomes after which the same command, or a sweep, has more to do."""


@dataclass(frozen=True, slots=True)
class RepairFacts:
    """What a repair knows when it ends. Times are Unix seconds, durations seconds.

    `number`: of the task, None: nothing was done. `verify`: run, number and beginning of the one that it
    went by. `candidates`: how many keys that reported. `tally`: keys by what became of them. `gone`: since
    when nobody writes KV alone. `left`: class, keys, who decides, next command of what is not repaired here.
    `check`: the document of the look at the end. `failed`, `quarantined`: the first of many.
    """

    mode: str
    number: int | None
    source: str
    target: str
    prefixes: Sequence[str]
    started: float
    finished: float
    verify: tuple[str, int, float]
    stage: str
    settle: float
    candidates: int
    tally: Tally
    complete: bool
    effects: Sequence[str]
    next: str
    gone: Gone | None = None
    left: Sequence[tuple[str, int, str, str]] = ()
    failed: Sequence[Quarantined] = ()
    quarantined: Sequence[Quarantined] = ()
    check: Document | None = None
    requests: Mapping[str, int] = field(default_factory=dict)
    note: str = ""

    @property
    def looked(self) -> int:
        """How many keys were looked at."""
        return self.tally[LISTED] if self.mode == "missing" else self.tally[CANDIDATES]

    @property
    def outcomes(self) -> dict[str, int]:
        """What became of them."""
        return {name: self.tally[name] for name in OUTCOMES[self.mode]}

    @property
    def balanced(self) -> bool:
        """Law 5: is every key that was looked at accounted for, and was every one looked at?"""
        whole = self.looked == self.candidates or not self.complete
        return whole and self.looked == sum(self.outcomes.values())

    @property
    def exit(self) -> Exit:
        """0: all that could be repaired is, and the look at the end agrees."""
        if self.number is None:
            return Exit.CLEAN if self.balanced else Exit.UNFINISHED
        checked = Exit.UNFINISHED if self.check is None else Exit(self.check["exit"])
        if checked is Exit.AGAINST or self.tally[Outcome.QUARANTINED]:
            return Exit.AGAINST
        doubts = any(self.outcomes.get(name) for name in _DOUBTS)
        if doubts or checked is not Exit.CLEAN or not self.balanced or not self.complete:
            return Exit.UNFINISHED
        return Exit.CLEAN


def build_repair(facts: RepairFacts, fingerprints: Fingerprints) -> Document:
    """The report, version 1."""
    run, number, began = facts.verify
    return {
        **envelope(NAME, VERSION),
        "mode": facts.mode,
        "number": facts.number,
        "dry_run": facts.number is None,
        "source": facts.source,
        "target": facts.target,
        "prefixes": list(facts.prefixes),
        "verify": {"run": run, "number": number, "started": moment(began)},
        "stage": facts.stage,
        "settle_seconds": facts.settle,
        "started": moment(facts.started),
        "finished": moment(facts.finished),
        "state": "complete" if facts.complete else "unfinished",
        "exit": int(facts.exit),
        "gone": _gone(facts.gone),
        "effects": list(facts.effects),
        "candidates": facts.candidates,
        "looked_at": facts.looked,
        "tally": facts.outcomes,
        "balanced": facts.balanced,
        "failed": _sampled(facts, facts.failed, facts.tally[Outcome.FAILED], fingerprints),
        "quarantined": _sampled(facts, facts.quarantined, facts.tally[Outcome.QUARANTINED], fingerprints),
        "left": [
            {"class": kind, "keys": keys, "who": who, "next": todo} for kind, keys, who, todo in facts.left
        ],
        "check": facts.check,
        "requests": dict(facts.requests),
        "note": facts.note,
        "next": facts.next,
    }


def _gone(gone: Gone | None) -> Document | None:
    if gone is None:
        return None
    return {"since": moment(gone.since), "said": list(gone.said), "word": gone.word}


def _sampled(
    facts: RepairFacts, found: Sequence[Quarantined], total: int, fingerprints: Fingerprints
) -> Document:
    shown, more = samples(((one.key, one.reason) for one in found), total, facts.prefixes, fingerprints)
    return {"count": total, "samples": shown, "more": more}


_WHAT = {
    "missing": "copying what the target lacks",
    "tombstone-deleted": "tombstones for what KV lacks",
    "refresh-kv": "KV made to show what the target is right about",
}


def repair_text(document: Document) -> str:
    """The report as text."""
    what = _WHAT[document["mode"]]
    head = f"nothing was done: {what}" if document["dry_run"] else f"repair {document['number']}, {what}"
    head += "" if document["dry_run"] else f": {document['state']}"
    lines = [head, *named(list(_pairs(document))), ""]
    lines.append(_equation(document))
    if not document["balanced"]:
        lines.append("THE ACCOUNT DOES NOT BALANCE: keep this report, and type it again with --fresh")
    for word in ("failed", "quarantined"):
        lines += _samples(word, document[word])
    if document["dry_run"] and document["candidates"]:
        lines += ["with --execute:", *(f"  {effect}" for effect in document["effects"])]
    if document["left"]:
        lines.append("not repaired by this:")
    for one in document["left"]:
        lines.append(f"  {one['class'].replace('_', ' ')} {count(one['keys'])}: decided by {one['who']}")
        lines.append(f"    → {clean(one['next'])}")
    if document["check"] is not None:
        lines += check_lines(document["check"])
    if document["note"]:
        lines.append(clean(document["note"]))
    return "\n".join([*lines, f"next: {clean(document['next'])}"]) + "\n"


def _pairs(document: Document) -> Iterator[tuple[str, str]]:
    prefixes = ", ".join(clean(prefix) if prefix else "(every key)" for prefix in document["prefixes"])
    yield "source", clean(document["source"])
    yield "target", clean(document["target"])
    yield "prefix", prefixes
    verify = document["verify"]
    yield "verify", f"{verify['number']} of run {verify['run']}, begun {verify['started']['iso']}"
    yield "settle", duration(document["settle_seconds"])
    if document["gone"] is not None:
        gone = document["gone"]
        said = clean("; ".join(gone["said"]))
        yield "alone", f"nobody writes KV alone since {gone['since']['iso']}: {said}"
    if document["requests"]:
        yield "requests", ", ".join(f"{clean(kind)} {count(n)}" for kind, n in document["requests"].items())


def _equation(document: Document) -> str:
    """Law 5 in one line."""
    if not document["candidates"]:
        if document["mode"] == "refresh-kv":
            return "the target has nothing that KV would have to show"
        return "the last verify has reported nothing of this kind"
    parts = [f"{name.replace('_', ' ')} {count(n)}" for name, n in document["tally"].items() if n]
    looked = f"looked at {count(document['looked_at'])} of {plural(document['candidates'], 'key')}"
    looked = f"as of now: {looked}" if document["dry_run"] else looked
    return f"{looked} = {' + '.join(parts) or '0'}"


def _samples(word: str, found: Mapping[str, object]) -> Iterator[str]:
    if not found["count"]:
        return
    yield f"{word} {found['count']}:"
    shown = found["samples"]
    assert isinstance(shown, list), "its schema says so"
    yield from (f"  {clean(one['fingerprint'])}  {clean(one['reason'])}" for one in shown)
    if found["more"]:
        yield f"  … and {found['more']} more"
