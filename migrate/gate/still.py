"""Is the stage that a verdict rests on still at work? Asked afresh right before something is destroyed.

A verdict may be a day old, and going back to a stage that reads KV needs nothing and asks nobody: so neither
its evidence nor its date tells that somebody has done so since.
"""

from __future__ import annotations

from dataclasses import dataclass

from migrate.core.document import Document
from migrate.core.gate.asking import Asked
from migrate.core.gate.at_work import stage_everywhere
from migrate.core.gate.doors import name
from migrate.core.gate.policy import Policy
from migrate.core.gate.verdict import Door
from migrate.desk import Desk
from migrate.errors import Exit, MigrateError, StoreUnavailable
from migrate.gate.exhibits import LIVE, Exhibit, evidence
from migrate.live_status import live

_EVERY = 60.0
"""Seconds for which an answer holds."""


class GoneBack(MigrateError):
    """The application reads KV again, or may."""

    exit = Exit.AGAINST


@dataclass(slots=True)
class Still:
    """Asks for one verdict. `target`: as it was typed. `ask`: the command that gives another verdict."""

    desk: Desk
    verdict: Document
    target: str
    ask: str
    _asked_at: float = float("-inf")

    @property
    def _now(self) -> float:
        return self.desk.settings.clock.now()

    def expect(self, *, afresh: bool = True) -> None:
        """Raise GoneBack when an earlier stage was at work since the verdict, MigrateError when it has run
        out, StoreUnavailable when the bridge cannot be asked. Not `afresh`: asks once a minute at most."""
        if self._now >= self.verdict["expires"]["unix"]:
            raise MigrateError("the verdict has run out meanwhile: nothing more was done", self.ask)
        if not afresh and self._now - self._asked_at < _EVERY:
            return
        now = self._now
        with self.desk.apart() as desk:
            found = live(self.target, desk.opener, now, required=False)
        self._asked_at = now
        if found is None or found["standing"] == "unbound" or self._waived:
            return
        if found["standing"] == "unasked":
            raise StoreUnavailable(f"who is at work is not known: {found['said']}", "run it again")
        heard = evidence([Exhibit(LIVE, now, {key: one for key, one in found.items() if key != "target"})])
        asked = Asked(Door(self.verdict["door"]), heard, Policy(), now, "")
        gone = asked.gone(asked.needed)
        if gone is not None and gone > self.verdict["issued"]["unix"]:
            raise GoneBack(f"a stage before {asked.needed} was at work since the verdict", self.ask)

    @property
    def _waived(self) -> bool:
        mine = name(stage_everywhere)
        return any(one["name"] == mine and one["waived"] is not None for one in self.verdict["conditions"])
