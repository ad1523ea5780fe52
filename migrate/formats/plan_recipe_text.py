"""The proposed way as text: recipe, reason, each step with its command, and what each phase takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from migrate.core.document import Document
from migrate.formats.figures import clean, count, duration

_NAMES = {
    "lists": "lists of KV",
    "reads": "reads of KV",
    "writes": "writes of KV",
    "deletes": "deletes of KV",
    "requests": "requests of objects",
    "worker_requests": "requests of the bridge",
    "rows_read": "rows read",
    "rows_written": "rows written",
    "gb_seconds": "GB-seconds",
}
"""Operations as people call them, in the order in which they are told; the table's names otherwise."""


def recipe_text(found: Document) -> list[str]:
    """The recipe of a plan, its whole way, and what each phase takes."""
    lines = ["", f"the way: {found['name']}, because {clean(found['why'])}"]
    if found["example_target"]:
        lines.append("  its commands have a file for an example: say with --target where to")
    if found["audited"] is None:
        lines.append("  unless the code uses both stores already: --audit FOLDER looks")
    for number, step in enumerate(found["steps"], 1):
        lines.append(f"  {number:2}. {clean(step['do'])}: {clean(step['why'])}")
        if step["command"] is not None:
            lines.append(f"      {step['command']}")
    phases = [one for one in found["phases"] if one["operations"]]
    if phases:
        lines += ["", "what the whole way takes at Cloudflare"]
        lines += [*_phases(phases, optional=False), *_together(found["total"])]
        lines += ["", "and only if you want it", *_phases(phases, optional=True)]
    return lines


def _phases(phases: Sequence[Document], *, optional: bool) -> Iterator[str]:
    for one in phases:
        if one["optional"] is optional:
            yield f"  {one['name']}: {_operations(one['operations'])}"
            yield f"    {_between(one['cost'])}; {_days(one['free_plan_days'], one['free_plan_limit'])}"


def _operations(used: Mapping[str, int]) -> str:
    return ", ".join(f"{count(used[name])} {called}" for name, called in _NAMES.items() if name in used)


def _together(total: Document) -> Iterator[str]:
    took = f"{duration(total['seconds'])} of requests, " if total["seconds"] else ""
    money = f"{_between(total['cost'])} ({total['currency']}, prices of {total['dated']})"
    yield f"  together: {took}{money}; {_days(total['free_plan_days'])}"


def _between(cost: Document) -> str:
    least, most = cost["least"], cost["most"]
    if most < 0.01:
        return "under $0.01"
    if least < 0.01:
        return f"nothing within a paid plan's included part, or ${most:,.2f}"
    return f"${least:,.2f} to ${most:,.2f}" if least < most else f"${most:,.2f}"


def _days(found: int | None, limit: str = "") -> str:
    which = f", for its {_NAMES[limit]}" if limit else ""
    if found is None:
        return f"a free plan never gets through{which}"
    if found <= 1:
        return "fits a free plan's day"
    return f"a free plan cannot do it in a day, but in {count(found)}{which}"
