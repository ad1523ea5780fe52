"""The verify report: whether the stores agree, by class, what was against it, and what was not proven."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from migrate.core.authority import Authority
from migrate.core.comparing import AGAINST, LEGACY_EQUAL, Kind
from migrate.core.difference import Aged, Difference, Proof, ReadError, Reread, Seen, Side, Skip, State
from migrate.core.document import Document, envelope, moment
from migrate.core.fingerprint import Fingerprints
from migrate.core.lifetimes import lasting, longest, steps
from migrate.core.ports import EMPTY, UNNAMED, Tally
from migrate.core.record import Expiration
from migrate.errors import Exit
from migrate.formats.figures import duration, plural
from migrate.formats.samples import samples

NAME = "verify-report"
VERSION = 1

SHOWN = 100
"""How many differences a report shows one by one."""

SAMPLES = 20
"""How many read errors and how many skips it names."""

SOURCE_KEYS, TARGET_ROWS, IGNORED = "source_keys", "target_rows", "ignored"
"""Counted in the tally beside the classes: how many keys each side showed, and were left out by name."""

ASIDE = (UNNAMED, EMPTY, IGNORED)
"""What is shown beside the classes: never against the copy, and not compared."""

SAMPLED = "sampled"
"""And how many keys that a listing proves were read all the same."""

PROVEN_BY = {proof: f"proven_by_{proof}" for proof in Proof}
"""And of the keys that both showed, how many were compared by what; differences are not among them."""

PENDING = (State.OPEN, State.UNSETTLED)
_LISTED = (State.SETTLED, *PENDING)


@dataclass(frozen=True, slots=True)
class VerifyFacts:
    """What a verify knows when it ends, well or not. Times are Unix seconds, durations seconds.

    `tally`: keys by class that needed no second reading, and SOURCE_KEYS and TARGET_ROWS.
    `counts`: the others, by class (of the last reading) and state. `errors`: unreadable keys by
    side. `partial`: why not everything was looked at (`--sample 1000`), None when everything was.
    `settle`: the horizon used, `default_settle` the one that the source calls for. `equality`: how
    often an equality was seen before it was believed. `ignored`: fields left out of the comparison,
    and "unnamed" when those objects are no doubt; `ignored_names`: globs of names that were left out.
    `authority`: who is right about legacy rows.
    `proofs`: how many differences were compared by what. `one_in`: of a fast verify, see `Look`.
    `undecided`: how many of them might be the
    same JSON, and `concealed` what is to be given to find out.
    `differences`, `read_errors` and `skips` are the first of many; the counts say how many.
    `ages`, `rereadings`: how long differences have been known, and what became of them after how many
    readings.
    `foreign`: settled ones that the source has without the session store's mark; None: nobody can tell.
    `configuration`: the digest (`core.configuration`). `project`: the entries of the project list.
    """

    run: str
    number: int
    source: str
    target: str
    prefixes: Sequence[str]
    started: float
    finished: float
    complete: bool
    tally: Tally
    counts: Mapping[str, Mapping[str, int]]
    settle: float
    default_settle: float
    rounds: int
    next: str
    configuration: str
    errors: Mapping[str, int] = field(default_factory=dict)
    skipped: int = 0
    partial: str | None = None
    equality: str = "seen once"
    stage: str = "kv"
    authority: Authority | None = None
    exact: bool = False
    ignored: Sequence[str] = ()
    proofs: Mapping[str, int] = field(default_factory=dict)
    one_in: int | None = None
    undecided: int = 0
    concealed: str | None = None
    ignored_names: Sequence[str] = ()
    skew: float = 0.0
    requests: Mapping[str, int] = field(default_factory=dict)
    throttled: float = 0.0
    differences: Sequence[Difference] = ()
    read_errors: Sequence[ReadError] = ()
    skips: Sequence[Skip] = ()
    note: str = ""
    project: Sequence[Mapping[str, str]] = ()
    foreign: int | None = None
    ages: Sequence[Aged] = ()
    rereadings: Sequence[Reread] = ()

    def keys(self, kind: Kind) -> int:
        """How many keys are in the class, by the last reading of each."""
        return self.tally[kind] + sum(self.counts.get(kind, {}).values())

    @property
    def only_undecided(self) -> bool:
        """Is all that speaks against the copy perhaps the same JSON, if only it could be seen?"""
        return 0 < settled_against(self) <= self.undecided and not self.exact

    def count(self, kind: Kind, *states: State) -> int:
        """How many differences of the class are in one of these states."""
        found = self.counts.get(kind, {})
        return sum(found.get(state, 0) for state in states)


def settled_against(facts: VerifyFacts) -> int:
    """How many settled differences speak against the copy."""
    return sum(facts.count(kind, State.SETTLED) for kind in AGAINST)


def doubts(facts: VerifyFacts) -> list[str]:
    """Why the verify proves nothing, or not everything; empty when it does."""
    pending = sum(facts.count(kind, *PENDING) for kind in (*AGAINST, Kind.IN_MOTION))
    expiring = facts.count(Kind.EXPIRING, *PENDING)
    unnamed = 0 if UNNAMED in facts.ignored else facts.tally[UNNAMED]
    found = [
        "it did not finish" if not facts.complete else "",
        "neither store has a key under the prefix" if facts.partial is None and not _anything(facts) else "",
        f"it was partial: {facts.partial}" if facts.partial is not None else "",
        *(
            f"{plural(number, 'key')} of the {side} could not be read"
            for side, number in facts.errors.items()
            if number
        ),
        f"{plural(pending, 'difference')} did not settle" if pending else "",
        f"{plural(expiring, 'expiring session')} did not drain" if expiring else "",
        f"{plural(facts.skipped, 'key')} left out" if facts.skipped else "",
        f"{plural(unnamed, 'object')} of the class hold something under no session's name" if unnamed else "",
    ]
    return [doubt for doubt in found if doubt]


def _anything(facts: VerifyFacts) -> bool:
    """Was there a key on either side? Nothing compared is nothing proven."""
    return any(facts.keys(kind) for kind in Kind) or sum(facts.errors.values()) > 0


def verdict(facts: VerifyFacts) -> tuple[str, Exit]:
    """What the verify says. A settled difference stays one, whatever else was not proven."""
    if settled_against(facts):
        return "differences", Exit.AGAINST
    if doubts(facts):
        return "unproven", Exit.UNFINISHED
    return "clean", Exit.CLEAN


def build_verify(facts: VerifyFacts, fingerprints: Fingerprints) -> Document:
    """The verify report, version 1."""
    word, code = verdict(facts)
    worth = [one for one in facts.differences if one.state in _LISTED and _counts(one.kind)][:SHOWN]
    total = sum(facts.count(kind, *_LISTED) for kind in Kind if _counts(kind))
    return {
        **envelope(NAME, VERSION),
        "run": facts.run,
        "number": facts.number,
        "source": facts.source,
        "target": facts.target,
        "prefixes": list(facts.prefixes),
        "configuration": facts.configuration,
        "project": [dict(one) for one in facts.project],
        "authority": facts.authority,
        "started": moment(facts.started),
        "finished": moment(facts.finished),
        "state": "complete" if facts.complete else "unfinished",
        "verdict": word,
        "exit": int(code),
        "against": settled_against(facts),
        "unproven_because": doubts(facts),
        "partial": facts.partial,
        "compared": sum(facts.keys(kind) for kind in Kind),
        "source_keys": facts.tally[SOURCE_KEYS],
        "target_rows": facts.tally[TARGET_ROWS],
        "proofs": {
            proof.value: facts.tally[PROVEN_BY[proof]] + facts.proofs.get(proof, 0) for proof in Proof
        },
        "fast": _fast(facts),
        "json_not_compared": _undecided(facts),
        "classes": {kind.value: _class(kind, facts) for kind in Kind if kind is not Kind.PROJECTED}
        | {name: _beside(facts.tally[name]) for name in ASIDE},
        "equal_by_projection": facts.keys(Kind.PROJECTED),
        "legacy_equal": facts.tally[LEGACY_EQUAL],
        "foreign": facts.foreign,
        "lifetimes": {
            "longest_seconds": longest(facts.tally),
            "never": lasting(facts.tally),
            "left": steps(facts.tally),
        },
        "settling": {state.value: sum(facts.count(kind, state) for kind in Kind) for state in State},
        "course": _course(facts),
        "errors": _errors(facts, fingerprints),
        "skipped": _skips(facts, fingerprints),
        "settle_seconds": facts.settle,
        "rehearsal": rehearsal(facts),
        "rounds": facts.rounds,
        "equality": facts.equality,
        "stage": facts.stage,
        "exact": facts.exact,
        "ignored": list(facts.ignored),
        "ignored_names": list(facts.ignored_names),
        "skew_seconds": round(facts.skew, 3),
        "requests": dict(facts.requests),
        "throttled_seconds": round(facts.throttled, 3),
        "differences": [_difference(one, facts, fingerprints) for one in worth],
        "more": max(0, total - len(worth)),
        "note": facts.note,
        "next": facts.next,
    }


def rehearsal(facts: VerifyFacts) -> str | None:
    """Why this verify can satisfy no gate, None when its horizon is not the reason."""
    if facts.settle >= facts.default_settle:
        return None
    least = duration(facts.default_settle)
    return f"settled after {duration(facts.settle)}, less than {least}: this never satisfies a gate"


def _counts(kind: Kind) -> bool:
    """Is an unfinished or settled difference of this class of interest?"""
    return kind in AGAINST or kind is Kind.EXPIRING


def _class(kind: Kind, facts: VerifyFacts) -> Document:
    """A class of the report: what is equal by the projection only is the same JSON, and counted beside."""
    kinds = (kind, Kind.PROJECTED) if kind is Kind.SAME_JSON else (kind,)
    return {
        "against": kind in AGAINST,
        "keys": sum(facts.keys(one) for one in kinds),
        **{state.value: sum(facts.count(one, state) for one in kinds) for state in State},
    }


def _undecided(facts: VerifyFacts) -> Document | None:
    if not facts.undecided or facts.exact:
        return None
    return {"keys": facts.undecided, "missing": facts.concealed}


def _fast(facts: VerifyFacts) -> Document | None:
    if facts.one_in is None:
        return None
    why = "a listing repeats what was written, so this does not open the last gate: a full verify does"
    return {"one_in": facts.one_in, "values_sampled": facts.tally[SAMPLED], "falls_short": why}


def _beside(number: int) -> Document:
    return {"against": False, "keys": number, **{state.value: 0 for state in State}}


def _course(facts: VerifyFacts) -> Document:
    """How differences settled, and how old they are."""
    return {
        "ages": [
            {"class": one.kind.value, "state": one.state.value, "up_to_seconds": one.up_to, "keys": one.keys}
            for one in facts.ages
        ],
        "readings": [
            {"readings": one.readings, "state": one.state.value, "keys": one.keys} for one in facts.rereadings
        ],
    }


def _errors(facts: VerifyFacts, fingerprints: Fingerprints) -> Document:
    counts = {side.value: facts.errors.get(side, 0) for side in Side}
    first = facts.read_errors[:SAMPLES]
    pairs = ((one.key, one.reason) for one in first)
    shown, more = samples(pairs, sum(counts.values()), facts.prefixes, fingerprints)
    for document, one in zip(shown, first, strict=True):
        document.update(side=one.side.value, at=moment(one.at))
    return {**counts, "samples": shown, "more": more}


def _skips(facts: VerifyFacts, fingerprints: Fingerprints) -> Document:
    first = ((one.key, one.reason) for one in facts.skips[:SAMPLES])
    shown, more = samples(first, facts.skipped, facts.prefixes, fingerprints)
    return {"count": facts.skipped, "samples": shown, "more": more}


def _difference(one: Difference, facts: VerifyFacts, fingerprints: Fingerprints) -> Document:
    return {
        "fingerprint": fingerprints.shown_among(one.key, facts.prefixes),
        "class": one.kind.value,
        "against": one.kind in AGAINST,
        "state": one.state.value,
        "fields": list(one.fields),
        "proof": one.target.proof if one.source is not None and one.target is not None else None,
        "source": _seen(one.source),
        "target": _seen(one.target),
        "first_seen": moment(one.first_seen),
        "last_seen": moment(one.last_seen),
        "rounds": one.rounds,
    }


def _seen(seen: Seen | None) -> Document | None:
    if seen is None:
        return None
    return {
        "tombstone": seen.deleted,
        "digest": seen.digest,
        "size": seen.size,
        "metadata_digest": seen.metadata,
        "expiration": _expiration(seen.expiration),
        "version": seen.version,
        "origin": None if seen.origin is None else str(seen.origin),
    }


def _expiration(expiration: Expiration) -> Document | str:
    return moment(expiration) if isinstance(expiration, int) else str(expiration.value)
