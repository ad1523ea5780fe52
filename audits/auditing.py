"""One audit: a request in, the findings that it asks for out.

    judge ─▶ every finding ─▶ less what is known ─▶ less what is too slight ─▶ Audit

Nothing disappears: what is skipped, suppressed, known, hidden or not decidable is counted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace

from audits.baseline import Baseline
from audits.js.analysis import Analysis
from audits.judging import Judged, Reported, judge, order
from audits.known import Known, either, match, moved
from audits.operation import Has, Operation
from audits.request import Request
from audits.rules import lookup
from audits.suppression import Suppressed

__all__ = ["Audit", "Reported", "Request", "accepted", "audit"]


@dataclass(frozen=True, slots=True)
class Audit:
    """The result. `findings` are sorted by place; `hidden` are below the severity or confidence that
    was asked for; `baselined` are in the baseline, and `unchanged` were there at the merge base;
    `stale` are those of the baseline that are gone, and `acceptable` is what a baseline would hold
    that accepts everything shown; `undetermined` puts have options that cannot be seen; `collected`
    is what was audited of the paths that were asked for."""

    request: Request
    analysis: Analysis
    operations: tuple[Operation, ...]
    findings: tuple[Reported, ...]
    suppressed: tuple[Suppressed, ...]
    hidden: int
    undetermined: int
    collected: tuple[str, ...]
    baselined: tuple[Reported, ...] = ()
    unchanged: tuple[Reported, ...] = ()
    stale: tuple[Known, ...] = ()
    acceptable: tuple[Known, ...] = ()


def audit(request: Request) -> Audit:
    """Run the rules over the folder, and leave out what is not asked for."""
    judged = judge(request)
    before = _before(judged) if judged.findings else []
    return _concluded(judged, before)


def accepted(found: Audit, file: str) -> Audit:
    """The same audit once all that it shows is in a baseline, which is the request's from now on."""
    return replace(
        found,
        request=replace(found.request, baseline=Baseline(file, found.acceptable)),
        findings=(),
        baselined=tuple(sorted((*found.baselined, *found.findings), key=lambda one: order(one.finding))),
        stale=(),
    )


def _before(judged: Judged) -> list[Known]:
    """The findings at the merge base, by the same rules; those of test files may do no harm."""
    request = judged.request
    if request.since is None:
        return []
    from audits import ancestor  # starts git; most audits do not

    with ancestor.checked_out(request.since) as root:
        then = judge(replace(request, root=root, paths=(), replaced={}, tests=True))
    past, present = frozenset(then.analysis.collected), frozenset(judged.analysis.collected)
    now = [one.known for one in judged.findings]
    return moved(now, [one.known for one in then.findings], past - present, present - past)


def _concluded(judged: Judged, before: Iterable[Known]) -> Audit:
    request = judged.request
    now = [one.known for one in judged.findings]
    baseline = request.baseline.known if request.baseline is not None else ()
    absorbed, _ = match(now, either(baseline, before))
    in_baseline, left = match(now, baseline)
    shown = frozenset(at for at, one in enumerate(judged.findings) if request.shows(one.finding))
    stale = [one for one in left if _decided(one, judged)]
    beyond = [one for one in left if not _decided(one, judged)]

    def those(numbers: Iterable[int]) -> tuple[Reported, ...]:
        return tuple(judged.findings[at] for at in sorted(numbers))

    return Audit(
        request,
        judged.analysis,
        judged.operations,
        those(shown - absorbed),
        judged.suppressed,
        len(judged.findings) - len(shown),
        sum(
            one.ttl is not None and one.ttl.has is Has.UNKNOWN
            for one in judged.operations
            if not one.migration
        ),
        judged.collected,
        those(shown & absorbed & in_baseline),
        those((shown & absorbed) - in_baseline),
        tuple(stale),
        tuple(sorted([*beyond, *(one.known for one in those(shown | in_baseline))])),
    )


def _decided(one: Known, judged: Judged) -> bool:
    """Would this audit have found it, were it still there? Not if its rule or its file was left out."""
    request = judged.request
    if not request.reports(one.path):
        return False
    if one.path not in judged.collected and os.path.lexists(request.root / one.path):
        return False
    return lookup(one.rule) is None or request.runs(one.rule, one.path)
