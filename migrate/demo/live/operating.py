"""What the operator does during the live demonstration: export, sweep, verify, and one thing more.

A logout that reached KV alone, by a version from before dual-write, leaves a row of the copy or of a dual
write behind. Once no such version is left, and two readings of KV at least H apart have not found the
session, the row becomes a tombstone, if it is the very version that both readings saw.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from migrate import runner
from migrate.core.comparing import Kind, Stage
from migrate.core.copying import NOT_AFTER
from migrate.core.difference import State
from migrate.core.document import Document, command
from migrate.core.ports import Outcome, RunId
from migrate.core.record import Key
from migrate.demo.live.counting import BURIED, EXPORTED, SWEPT, Counts
from migrate.demo.live.site import Site
from migrate.desk import Ended, claim, desk_of
from migrate.formats.figures import duration, plural
from migrate.stores.durable import Burial, DurableTarget

_SWEEP_ROUNDS, _VERIFY_ROUNDS = 1, 12
"""Readings of what keeps changing: a sweep leaves a busy session to the application, which writes both
stores; a verify catches it between two of its writes."""


class Operator:
    """Does it, counts what it came to, and gives the lines that tell of it. Errors are raised."""

    def __init__(self, site: Site, counts: Counts) -> None:
        self._site, self._counts = site, counts

    def export(self, settle: float) -> Iterator[str]:
        """A sweep: the first copies, later ones mend what has changed since."""
        site = self._site
        yield f"$ {self._typed('export', settle)}"
        ended = _raised(
            runner.export(
                site.source, site.target, settings=site.settings, settle=settle, rounds=_SWEEP_ROUNDS
            )
        )
        found, stage = ended.document, site.deployed.later
        tally = found["tally"]
        self._counts.add(EXPORTED, stage, tally[Outcome.COPIED])
        self._counts.add(SWEPT, stage, tally[Outcome.UPDATED])
        copied, updated, gone = tally[Outcome.COPIED], tally[Outcome.UPDATED], found["deleted_at_source"]
        lacking = f", {plural(gone, 'row')} that KV lacks" if gone else ""
        yield f"  {found['listed']:,} listed{_took(found)}: {copied:,} copied, {updated:,} updated{lacking}"

    def verify(self, settle: float) -> Iterator[str]:
        """A full verify at the stage that is everywhere; what it found is `last`."""
        site, stage = self._site, self._site.deployed.later
        yield f"$ {self._typed('verify', settle, stage)}"
        self.last = _raised(
            runner.verify(
                site.source,
                site.target,
                settings=site.settings,
                settle=settle,
                rounds=_VERIFY_ROUNDS,
                stage=stage,
                fresh=True,
            )
        )
        found = self.last.document
        self._counts.verified(stage, found)
        against = {name: one["settled"] for name, one in found["classes"].items() if one["against"]}
        shown = [f"{name} {number:,}" for name, number in against.items() if number]
        said = ", ".join(shown) or "; ".join(found["unproven_because"])
        verdict = found["verdict"] + (f": {said}" if said else "")
        yield f"  {found['compared']:,} compared{_took(found)}: {verdict}"

    def bury(self) -> Iterator[str]:
        """Make tombstones of the rows that the last verify has found to be in the objects only."""
        site = self._site
        with desk_of(site.settings, None) as desk, contextlib.ExitStack() as leased:
            verify = desk.ledger.last_verify(RunId(self.last.document["run"]), complete=True)
            assert verify is not None, "it has just ended"
            found = desk.ledger.each_difference(verify.id, (State.SETTLED,), (Kind.EXTRA,))
            rows: dict[Key, int] = {
                one.key: one.target.version for one in found if one.target and one.target.version is not None
            }
            target = desk.opener.target(site.target)
            assert isinstance(target, DurableTarget), "its address says so"
            target.acquire(claim(desk.ledger))
            leased.callback(target.release)
            until = site.settings.clock.now() + NOT_AFTER
            ended = target.bury(f"verify {verify.id}", rows, until)
        buried = sum(one is Burial.BURIED for one in ended.values())
        self._counts.add(BURIED, site.deployed.later, buried)
        yield f"  {plural(buried, 'row')} made tombstones: logged out by the version kv, so in KV only,"
        yield "  which was read twice since that version is gone"

    def only_extra(self) -> bool:
        """Is all that the last verify holds against the copy in the objects only?"""
        document: Document = self.last.document
        extra = document["classes"][Kind.EXTRA]["settled"]
        return bool(extra) and extra == document["against"]

    def _typed(self, verb: str, settle: float, stage: Stage | None = None) -> str:
        site = self._site
        rounds = _SWEEP_ROUNDS if stage is None else _VERIFY_ROUNDS
        options = {"settle": f"{settle:g}", "rounds": rounds, "stage": stage}
        return command(verb, site.source, site.target, (), options)


def _took(report: Document) -> str:
    return f" in {duration(report['finished']['unix'] - report['started']['unix'])}"


def _raised(ended: Ended) -> Ended:
    if ended.error is not None:
        raise ended.error
    return ended
