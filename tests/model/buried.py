"""What becomes of a walk's session whose row KV was seen to lack, twice: the way to a tombstone."""

from __future__ import annotations

from dataclasses import dataclass

from tests.model import toolkit
from tests.model.walking import RULES, Walk
from tests.model.world import NOTHING, Record, Row


@dataclass(slots=True)
class Buried:
    """The steps of it, for one walk; no exporter is at work."""

    walk: Walk

    def looks(self) -> Row | None:
        """The row is read first; returns what must be found."""
        self.ends()
        self._take("sweep: read row")
        return self.walk.session.row

    def reads(self, record: Record, *, again: bool) -> None:
        """KV is read. What it has is no business of a burial."""
        sweep = self.walk.session.sweep
        if sweep is None:
            return
        if record != NOTHING or not self._take("sweep: read KV again" if again else "sweep: read KV"):
            self.ends()

    def buries(self) -> bool:
        """The tombstone: does it take the row's place?"""
        sweep = self.walk.session.sweep
        done = sweep is not None and sweep.read == NOTHING and self._take("sweep: bury")
        self.ends()
        return done

    def ends(self) -> None:
        """What was read is forgotten."""
        self.walk.session = self.walk.session._replace(sweep=None)

    def _take(self, wanted: str) -> bool:
        for name, then in toolkit.sweep(self.walk.session, RULES, fenced=False, may_delete=True):
            lacks = then.sweep is None or wanted == "sweep: read row" or then.sweep.read == NOTHING
            if name == wanted and lacks:
                self.walk.session = then
                self.walk.names.append(name)
                return True
        return False
