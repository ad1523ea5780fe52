"""What the fixes of an audit's findings would make of the files: planned here, written by replacing.py.

findings with fixes ─▶ wanted, and not in each other's way ─▶ edited ─▶ parsed again ─▶ Plan
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from audits import editing
from audits.editing import Changed
from audits.finding import Edit, Finding
from audits.js.syntax import soundness
from audits.operation import Operation
from audits.rules import put_without_ttl


@dataclass(frozen=True, slots=True)
class Plan:
    """`changed`: the files as they would be, sorted. `made`: findings that this mends; `unsafe`: those
    whose fix was not asked for; `left`: those whose fix gets into the way of another one, or would
    break the file, with the reason."""

    changed: tuple[Changed, ...] = ()
    made: tuple[Finding, ...] = ()
    unsafe: tuple[Finding, ...] = ()
    left: tuple[tuple[Finding, str], ...] = ()


def is_safe(finding: Finding) -> bool:
    """Has it a fix, all of whose edits are safe?"""
    return bool(finding.fixes) and all(edit.safe for edit in finding.fixes)


def without_end(findings: Iterable[Finding], operations: Iterable[Operation]) -> dict[str, int]:
    """How many puts have no end and no fix, by the reason why none can give them one; "" for those that
    a fix could, were it told a time. `operations`: at least those that the findings are about."""
    puts = {one.place for one in findings if (one.rule, one.fixes) == (put_without_ttl.RULE.name, ())}
    reasons = Counter(put_without_ttl.unfixable(one) for one in operations if one.place in puts)
    return dict(sorted(reasons.items()))


def plan(findings: Iterable[Finding], read: Callable[[str], bytes], *, unsafe: bool = False) -> Plan:
    """Choose the fixes and make them. `read` gives the bytes of a file; `unsafe`: also those that are."""
    fixable = [finding for finding in findings if finding.fixes]
    wanted = [finding for finding in fixable if unsafe or is_safe(finding)]
    verdicts = editing.compatible(finding.fixes for finding in wanted)
    made = [finding for finding, fits in zip(wanted, verdicts, strict=True) if fits]
    left = [
        (one, "another fix changes the same code")
        for one, fits in zip(wanted, verdicts, strict=True)
        if not fits
    ]
    changed = _changed(made, read)
    broken = {one.path for one in changed if _breaks(one)}
    while broken:  # without these, others of the same finding are not whole either
        left += [(one, "the file would not parse any more") for one in made if _paths(one) & broken]
        made = [one for one in made if not _paths(one) & broken]
        changed = _changed(made, read)
        broken = {one.path for one in changed if _breaks(one)}
    return Plan(
        tuple(changed),
        tuple(made),
        tuple(one for one in fixable if not unsafe and not is_safe(one)),
        tuple(left),
    )


def _changed(findings: Iterable[Finding], read: Callable[[str], bytes]) -> list[Changed]:
    edits: dict[str, dict[tuple[int, int, str], Edit]] = {}
    for edit in (edit for finding in findings for edit in finding.fixes):
        edits.setdefault(edit.path, {})[(edit.start, edit.end, edit.text)] = edit
    sources = {path: read(path) for path in sorted(edits)}
    return [
        Changed(path, source, editing.apply(source, edits[path].values())) for path, source in sources.items()
    ]


def _breaks(one: Changed) -> bool:
    return soundness.broken(one.after, one.path) > soundness.broken(one.before, one.path)


def _paths(finding: Finding) -> set[str]:
    return {edit.path for edit in finding.fixes}
