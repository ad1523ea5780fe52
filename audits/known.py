"""Which findings are not new: each known one absorbs one finding that is equal to it, and not worse.

A finding is worse when it is more severe (a put that lacked a TTL on some way lacks it on every one),
or when more callers do what the rule forbids. So what is known never hides what has become worse, and two
equal findings of which one is known leave one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from audits.finding import Finding, Severity
from audits.fingerprint import Mark

_WORSENING = frozenset({"without-ttl", "entry", "dropped", "through-helper"})
"""Kinds of related places of which one more is one more fault."""


@dataclass(frozen=True, slots=True, order=True)
class Known:
    """One finding as it is remembered. `about`: where the call stands and what it is; `callers`: how
    many places do what the rule forbids; `source`: the line that it begins on, "" when nobody
    kept it; `identity` and `shape` are those of its mark."""

    path: str
    rule: str
    about: str
    severity: Severity
    callers: int
    identity: str
    shape: str = ""
    source: str = ""


def known(finding: Finding, mark: Mark, source: str) -> Known:
    """What is remembered of a finding."""
    callers = sum(one.kind in _WORSENING for one in finding.related)
    return Known(
        *(finding.place.path, finding.rule, mark.about, finding.severity, callers),
        *(mark.identity, mark.shape, source.strip()),
    )


def match(now: Sequence[Known], before: Iterable[Known]) -> tuple[frozenset[int], list[Known]]:
    """The numbers of those in `now` (in the order of the files) that were there before, and what of
    `before` is not there any more.

    Among equals, those that stand on a line as it was are taken for the old ones.
    """
    waiting: dict[str, _Held] = {}
    for one in sorted(before):
        waiting.setdefault(one.identity, {}).setdefault((one.severity, one.callers), []).append(one)
    lines = {
        (one.identity, one.source) for held in waiting.values() for some in held.values() for one in some
    }
    worst_first = sorted(
        range(len(now)),
        key=lambda at: (
            -now[at].severity,
            -now[at].callers,
            (now[at].identity, now[at].source) not in lines,
            at,
        ),
    )
    absorbed = frozenset(at for at in worst_first if _take(waiting.get(now[at].identity, {}), now[at]))
    return absorbed, sorted(one for held in waiting.values() for some in held.values() for one in some)


_Held = dict[tuple[Severity, int], list[Known]]
"""Equal findings by how bad they are."""


def _take(held: _Held, wanted: Known) -> bool:
    """Take away one of the least that are as bad as what is wanted."""
    for level in sorted(held):
        if level[0] >= wanted.severity and level[1] >= wanted.callers:
            held[level].pop()
            if not held[level]:
                del held[level]
            return True
    return False


def either(first: Iterable[Known], second: Iterable[Known]) -> list[Known]:
    """What one or the other remembers; what both do, once, in the words of `second`."""
    counted: dict[tuple[str, Severity, int], tuple[list[Known], list[Known]]] = {}
    for side, group in enumerate((first, second)):
        for one in group:
            counted.setdefault((one.identity, one.severity, one.callers), ([], []))[side].append(one)
    return [one for mine, theirs in counted.values() for one in (*theirs, *mine[len(theirs) :])]


def moved(
    now: Iterable[Known], before: Iterable[Known], gone: AbstractSet[str], new: AbstractSet[str]
) -> list[Known]:
    """`before`, with the findings of files that are gone taken to the files that are new, where the
    same call stands now: a file that is renamed brings no finding."""
    staying: list[Known] = []
    leaving: dict[str, list[Known]] = {}
    for one in sorted(before):
        if one.path in gone:
            leaving.setdefault(one.shape, []).append(one)
        else:
            staying.append(one)
    for one in now:
        if one.path in new and leaving.get(one.shape):
            staying.append(replace(leaving[one.shape].pop(0), path=one.path, identity=one.identity))
    return [*staying, *(one for left in leaving.values() for one in left)]
