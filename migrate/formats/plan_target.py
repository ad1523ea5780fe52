"""What a plan checks of the target and the ledger: may an export write there, is there room, what is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migrate.core.ports import SweepInfo
from migrate.cost.effort import room
from migrate.formats.figures import clean, count, plural
from migrate.formats.plan_facts import Check, Notebook, Place, PlanFacts, Rows, Standing


def target_checks(facts: PlanFacts) -> Iterator[Check]:
    place = facts.place
    if place is None:
        yield Check(
            "target",
            Standing.NOTE,
            "none was given, so nothing is known of it",
            "plan again with --target sqlite:FILE",
        )
        return
    if place.address == facts.source:
        yield Check("target", Standing.FAILED, "it is the source itself", "name another file")
        return
    if place.problem is not None:
        yield Check("target", Standing.FAILED, place.problem.message, place.problem.hint)
        return
    if place.whole_dump:
        yield Check(
            "target", Standing.FAILED, "the dump is there already", "name another file, or export with --fresh"
        )
    elif place.size is None or place.rows is None:
        yield Check("target", Standing.OK, "a new file, which the export makes (mode 0600)")
    else:
        yield from _rows(place.rows, facts)
    if place.free is not None and facts.listing.complete:
        yield _disk(place, place.free, facts)


def _rows(rows: Rows, facts: PlanFacts) -> Iterator[Check]:
    parts = [f"{origin} {count(number)}" for origin, number in sorted(rows.origins.items()) if number]
    for name, number in (("tombstones", rows.tombstones), ("quarantined", rows.quarantined)):
        if number:
            parts.append(f"{name} {count(number)}")
    held = f"rows by origin: {', '.join(parts)}" if parts else "no rows under the prefix"
    yield Check("target", Standing.OK, f"a kvferry store; {held}; {sweeps_text(rows.sweeps)}")
    if rows.lease is not None and rows.lease_until > facts.finished:
        yield Check(
            "lease",
            Standing.NOTE,
            f"{rows.lease} may be writing to it now",
            "an export is refused while that process runs: see kvferry status",
        )
    if rows.origins.get("legacy"):
        yield Check(
            "legacy",
            Standing.NOTE,
            f"{plural(rows.origins['legacy'], 'row')} from before kvferry: no copy replaces them",
            "the verify names those that differ",
        )


def sweeps_text(sweeps: Sequence[SweepInfo]) -> str:
    """How far this very export is, in words."""
    if not sweeps:
        return "not exported yet"
    last = sweeps[-1]
    return f"sweep {last.number} is {'complete' if last.finished is not None else 'not complete'}"


def _disk(place: Place, free: int, facts: PlanFacts) -> Check:
    need = room(facts.listing.survey)
    more = max(0, need.bytes - (place.size or 0))
    sure = ", if values have 1 KiB each" if need.assumed else ""
    said = f"{file_size(free)} free, about {file_size(more)} needed{sure}"
    if more <= free:
        return Check("disk", Standing.OK, said)
    todo = "free some space, or name a file on another disk"
    return Check("disk", Standing.NOTE if need.assumed else Standing.FAILED, said, todo)


def file_size(number: int) -> str:
    """`640 MB`, `1.2 GB`: two digits are enough."""
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if number >= unit:
            figure = number / unit
            return f"{figure:.1f} {name}" if figure < 9.95 else f"{figure:,.0f} {name}"
    return plural(number, "byte")


def ledger_check(notebook: Notebook) -> Check:
    if notebook.new:
        return Check("ledger", Standing.OK, f"{clean(notebook.path)}, made just now: it holds the request window")
    last = f"; the last verify of this pair: {notebook.verdict}" if notebook.verdict else ""
    return Check("ledger", Standing.OK, f"{clean(notebook.path)}, {plural(notebook.runs, 'run')}{last}")
