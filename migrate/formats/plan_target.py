"""What a plan checks of the target and the ledger: may an export write there, and is there room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from migrate.core.ports import SweepInfo
from migrate.formats.figures import bytes_text, clean, count, plural
from migrate.formats.plan_facts import Check, Notebook, PlanFacts, Rows, Standing

if TYPE_CHECKING:
    from migrate.cost.room import Room


def target_checks(facts: PlanFacts) -> Iterator[Check]:
    """Of the target: is it one, may it be written, what is in it, is there room."""
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
            "target",
            Standing.FAILED,
            "the dump is there already",
            "name another file, or export with --fresh",
        )
    elif place.size is None or place.rows is None:
        yield Check("target", Standing.OK, "a new file, which the export makes (mode 0600)")
    else:
        yield from rows_checks(place.rows, "a kvferry store", facts)
    if place.free is not None and place.room is not None and facts.listing.complete:
        yield _disk(place.free, place.room, place.size or 0)


def rows_checks(rows: Rows, what: str, facts: PlanFacts, uncounted: str = "") -> Iterator[Check]:
    """Of what is there already; `what` holds it. `uncounted`: why the rows were not counted."""
    parts = [f"{origin} {count(number)}" for origin, number in sorted(rows.origins.items()) if number]
    for name, number in (("tombstones", rows.tombstones), ("quarantined", rows.quarantined)):
        if number:
            parts.append(f"{name} {count(number)}")
    held = f"rows by origin: {', '.join(parts)}" if parts else "no rows under the prefix"
    held = "; ".join([uncounted, *parts]) if uncounted else held
    yield Check("target", Standing.OK, f"{what}; {held}; {_sweeps_text(rows.sweeps)}")
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
            f"{plural(rows.origins['legacy'], 'row')} from before kvferry: only you know which store is right"
            " about them",
            'set authority = "kv" or "target" in kvferry.toml; the verify names those that differ',
        )


def _sweeps_text(sweeps: Sequence[SweepInfo]) -> str:
    """How far this very export is, in words."""
    if not sweeps:
        return "not exported yet"
    last = sweeps[-1]
    return f"sweep {last.number} is {'complete' if last.finished is not None else 'not complete'}"


def _disk(free: int, room: Room, size: int) -> Check:
    more = max(0, room.bytes - size)
    sure = ", if values have 1 KiB each" if room.assumed else ""
    said = f"{bytes_text(free)} free, about {bytes_text(more)} needed{sure}"
    if more <= free:
        return Check("disk", Standing.OK, said)
    todo = "free some space, or name a file on another disk"
    return Check("disk", Standing.NOTE if room.assumed else Standing.FAILED, said, todo)


def ledger_check(notebook: Notebook) -> Check:
    """Of the ledger, which is open by now: where it is, and what it knows of this pair."""
    if notebook.new:
        return Check(
            "ledger", Standing.OK, f"{clean(notebook.path)}, made just now: it holds the request window"
        )
    last = f"; the last verify of this pair: {notebook.verdict}" if notebook.verdict else ""
    return Check("ledger", Standing.OK, f"{clean(notebook.path)}, {plural(notebook.runs, 'run')}{last}")
