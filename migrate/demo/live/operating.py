"""What the operator does during the live demonstration: export, sweep, verify, and repair.

A logout that reached KV alone, by a version from before dual-write, leaves a row of the copy or of a dual
write behind. Once no such version is left, and two readings of KV at least H apart have not found the
session, the row becomes a tombstone, if it is the very version that both readings saw.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from migrate import runner
from migrate.confirming import name_of
from migrate.core.burying import Burial
from migrate.core.comparing import Kind, Stage
from migrate.core.document import Document, command
from migrate.core.gate.alone import Gone
from migrate.core.ports import Outcome
from migrate.demo.live.counting import BURIED, EXPORTED, SWEPT, Counts
from migrate.demo.live.site import Site
from migrate.desk import Ended
from migrate.formats.figures import duration, plural
from migrate.repair.repairing import repair
from migrate.repair.wish import Mode, Wish
from migrate.runner import DEFAULT_PREFIX

_SWEEP_ROUNDS, _VERIFY_ROUNDS = 1, 12
"""Readings of what keeps changing: a sweep leaves a busy session to the application, which writes both
stores; a verify catches it between two of its writes."""


@dataclass(frozen=True, slots=True)
class _Deployed:
    """Who is at work, as far as the demonstration deploys it itself."""

    since: float
    horizon: float

    def gone(self) -> Gone:
        """Since shadow-read is everywhere."""
        return Gone(self.since, ("shadow-read was deployed everywhere",))

    def expect_later(self) -> None:
        """It is."""


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

    def bury(self, settle: float, since: float) -> Iterator[str]:
        """Make tombstones of the rows that the last verify has found to be in the objects only. `since`: from
        when on no earlier version than shadow-read was deployed, Unix seconds."""
        site = self._site
        name = name_of(site.source)
        options = {"settle": f"{settle:g}", "tombstone_deleted": True, "execute": True, "name": name}
        yield f"$ {command('repair', site.source, site.target, (), options)}"
        wish = Wish(
            Mode.TOMBSTONES,
            site.source,
            site.target,
            (DEFAULT_PREFIX,),
            site.settings,
            True,
            lambda wanted: wanted,
            settle=settle,
        )
        found = _raised(repair(wish, asking=_Deployed(since, settle))).document["tally"]
        buried = found[Burial.BURIED]
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
