"""The document of a look at some keys, which commands that write some end with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from migrate.core.comparing import Kind
from migrate.core.difference import Difference, ReadError, State
from migrate.core.document import Document, envelope, moment
from migrate.core.fingerprint import Fingerprints
from migrate.core.ports import Tally
from migrate.errors import Exit
from migrate.formats.figures import clean, count, duration, plural
from migrate.formats.samples import samples

NAME = "key-check"
VERSION = 1

ASKED, NOTHING, UNREADABLE = "asked", "nothing", "unreadable"
"""Counted beside the classes: the keys that were asked for, those that neither store has, and those that the
first reading could not get."""

SHOWN = 20

_PENDING = (State.OPEN, State.UNSETTLED)


@dataclass(frozen=True, slots=True)
class CheckFacts:
    """What a look at some keys knows when it ends. Times are Unix seconds, durations seconds.

    `tally`: keys by class that one reading proved, and ASKED, NOTHING, UNREADABLE. `counts`: the others, by
    class (of the last reading) and state. `unread`: keys that a later reading could not get; they are among
    `counts`, unsettled. `differences` and `errors` are the first of many.
    """

    name: str
    source: str
    target: str
    prefixes: Sequence[str]
    stage: str
    twice: bool
    mirrored: bool
    settle: float
    default_settle: float
    rounds: int
    started: float
    finished: float
    tally: Tally
    counts: Mapping[str, Mapping[str, int]]
    unread: int = 0
    differences: Sequence[Difference] = ()
    errors: Sequence[ReadError] = field(default_factory=tuple)

    def total(self, *states: State) -> int:
        """How many differences are in one of these states."""
        return sum(found.get(state, 0) for found in self.counts.values() for state in states)

    @property
    def unproven(self) -> int:
        """Of how many keys nothing can be said."""
        return self.total(*_PENDING) + self.tally[UNREADABLE]

    @property
    def balanced(self) -> bool:
        """Is every key that was asked for in one class, or one of those beside?"""
        known = sum(self.tally[name] for name in (*Kind, NOTHING, UNREADABLE))
        return self.tally[ASKED] == known + self.total(*State)


def verdict(facts: CheckFacts) -> tuple[str, Exit]:
    """What it comes to. What speaks against a key does so whatever is not known of others."""
    if facts.total(State.SETTLED):
        return "differences", Exit.AGAINST
    if facts.unproven or not facts.balanced:
        return "unproven", Exit.UNFINISHED
    return "clean", Exit.CLEAN


def build_check(facts: CheckFacts, fingerprints: Fingerprints) -> Document:
    """The document, version 1."""
    word, code = verdict(facts)
    shown, more = samples(
        ((one.key, one.reason) for one in facts.errors[:SHOWN]),
        facts.tally[UNREADABLE] + facts.unread,
        facts.prefixes,
        fingerprints,
    )
    return {
        **envelope(NAME, VERSION),
        "name": facts.name,
        "source": facts.source,
        "target": facts.target,
        "prefixes": list(facts.prefixes),
        "stage": facts.stage,
        "twice": facts.twice,
        "mirrored": facts.mirrored,
        "settle_seconds": facts.settle,
        "rehearsal": facts.settle < facts.default_settle,
        "rounds": facts.rounds,
        "started": moment(facts.started),
        "finished": moment(facts.finished),
        "keys": facts.tally[ASKED],
        "balanced": facts.balanced,
        "verdict": word,
        "exit": int(code),
        "against": facts.total(State.SETTLED),
        "unproven": facts.unproven,
        "classes": {kind.value: _class(kind, facts) for kind in Kind},
        NOTHING: facts.tally[NOTHING],
        UNREADABLE: {"count": facts.tally[UNREADABLE] + facts.unread, "samples": shown, "more": more},
        "differences": [
            {
                "fingerprint": fingerprints.shown_among(one.key, facts.prefixes),
                "class": one.kind.value,
                "state": one.state.value,
                "fields": list(one.fields),
            }
            for one in facts.differences[:SHOWN]
        ],
        "more": max(0, facts.total(State.SETTLED, *_PENDING) - len(facts.differences[:SHOWN])),
    }


def _class(kind: Kind, facts: CheckFacts) -> Document:
    found = facts.counts.get(kind, {})
    states = {state.value: found.get(state, 0) for state in State}
    return {"keys": facts.tally[kind] + sum(states.values()), **states}


def check_text(document: Document) -> str:
    """The document as text."""
    return "\n".join(check_lines(document)) + "\n"


def check_lines(document: Document) -> Iterator[str]:
    """The document as lines of text, for the end of a report."""
    keys = plural(document["keys"], "key")
    yield f"verify of just {keys}: {document['verdict']}"
    counted = [(name, one["keys"]) for name, one in document["classes"].items()]
    counted += [(NOTHING, document[NOTHING]), (UNREADABLE, document[UNREADABLE]["count"])]
    found = [f"{name.replace('_', ' ')} {count(number)}" for name, number in counted if number]
    yield f"  {', '.join(found) or 'nothing to look at'}"
    if document["rehearsal"]:
        yield f"  a rehearsal: differences settled after {duration(document['settle_seconds'])} only"
    if not document["balanced"]:
        yield "  THE ACCOUNT DOES NOT BALANCE: do not rely on this"
    for one in document["differences"]:
        fields = f" ({', '.join(one['fields'])})" if one["fields"] else ""
        yield f"  {clean(one['fingerprint'])}  {one['class'].replace('_', ' ')}{fields}, {one['state']}"
    if document["more"]:
        yield f"  … and {count(document['more'])} more"
    for one in document[UNREADABLE]["samples"]:
        yield f"  {clean(one['fingerprint'])}  unreadable: {clean(one['reason'])}"
