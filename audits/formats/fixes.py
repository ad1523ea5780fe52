"""What fixes would change, as a diff that `git apply` takes, with a line above for each fix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from audits.editing import unified
from audits.finding import Finding
from audits.fixing import Plan, is_safe
from audits.formats.wording import one_line, plural, where


def diff(plan: Plan, folder: str) -> bytes:
    """Per file the fixes, those that are unsafe marked so, and what they change together. `folder` stands
    before every path."""
    parts: list[bytes] = [_line("unsafe, left out", one, folder).encode() for one in plan.unsafe]
    for changed in plan.changed:
        for one in plan.made:
            if any(edit.path == changed.path for edit in one.fixes):
                parts.append(_line("fix" if is_safe(one) else "unsafe fix", one, folder).encode())
        parts.append(unified(changed, folder))
    return b"".join(parts)


def account(plan: Plan, *, written: bool, without_end: Mapping[str, int]) -> Iterator[str]:
    """What is done, what is not, and what would do it. `without_end`: how many puts have neither an end
    nor a fix, by the reason; "" for those that a time would give one."""
    verb = "fixed" if written else "could fix"
    yield f"{verb} {plural(len(plan.made), 'finding')} in {plural(len(plan.changed), 'file')}"
    if plan.unsafe:
        unsafe = plural(len(plan.unsafe), "unsafe fix", "unsafe fixes")
        yield f"{unsafe} left out: --unsafe-fixes takes them too"
    for reason, many in without_end.items():
        why = reason or "--ttl SECONDS offers one"
        yield f"no fix for {plural(many, 'put')} without an expiration: {why}"
    for one, reason in plan.left:
        yield f"not fixed: {_named(one)}: {reason}"


def _line(kind: str, finding: Finding, folder: str) -> str:
    return f"# {kind}: {_named(finding, folder)}: {one_line(finding.message)}\n"


def _named(finding: Finding, folder: str = "") -> str:
    return f"{finding.code} {finding.rule} {where(finding.place, folder)}"
