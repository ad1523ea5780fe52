"""What an exporter does to one session of a walk, told by its calls: a look at rows, a read, a transaction.

The exporter goes over all sessions at once, so each of its calls is a step of every walk, or none: the model
takes those that have an effect. What the exporter holds in its memory is the model's `back` here, where no
rollback is ever under way: a row and a reading that no transaction has saved. What is saved, and outlives a
crash, is the model's `sweep`.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.model import toolkit
from tests.model.walking import RULES, Walk
from tests.model.world import NOTHING, Record, Row, Session


@dataclass(slots=True)
class Copied:
    """The exporter's view of one walk. `absent`: its last look found no row. `known`: that look found the row
    of the saved reading. `seen`: was there a look since the last read? `asked`: was the key in that read?"""

    walk: Walk
    absent: bool = True
    known: bool = False
    seen: bool = False
    asked: bool = False

    def begins(self) -> None:
        """A listing begins: whatever was saved belongs to one that is over."""
        self._set(sweep=None)
        self.dies()

    def looks(self, *, fenced: bool) -> Row | None:
        """The row is read, before KV is; returns what must be found. `fenced`: nothing is replaced now."""
        session = self._set(back=None)
        row = session.row
        self.absent, self.seen = row is None, True
        self.known = session.sweep is not None and session.sweep.same
        found = _found(session._replace(sweep=None), "sweep: read row", fenced=fenced)
        if found is not None:
            self._set(back=found.sweep)
            self.walk.names.append("sweep: read row")
        ours = row is not None and row.value != 0 and toolkit.replaceable(row, RULES)
        assert (found is not None) == (ours and not fenced), "a sweep begins at other rows"
        return row

    def reads(self, record: Record, *, blind: bool) -> None:
        """KV is read, and shows this. `blind`: without a look at rows before."""
        assert blind or self.seen, "KV is read before the row"
        self.asked, self.seen = True, False
        session = self.walk.session
        if blind or self.absent:
            steps = toolkit.export(session._replace(imported=None), RULES, allowed=True)
            for name, then, _ in steps:
                if then.imported == (*record, 0):
                    self._set(imported=then.imported)
                    self.walk.names.append(name)
            return
        if session.back is None:
            return
        if record == NOTHING or record == toolkit.record_of(session.back.row):
            self._set(back=None)  # an absence is only reported
            return
        if self.known and session.sweep is not None and session.sweep.read == record:
            name, before = "sweep: read KV again", session._replace(back=None)
        else:
            name, before = "sweep: read KV", session._replace(back=None, sweep=session.back)
        then = _found(before, name, record)
        if then is None:  # meanwhile the row has become one that no sweep may touch
            assert not session.back.same, f"the model has no such step: {name}"
            self._set(back=None)
            return
        self._set(back=then.sweep)
        self.walk.names.append(name)

    def applies(self, *, fenced: bool) -> None:
        """The transaction: imports, what is replaced, and what is remembered for a second reading."""
        session = self.walk.session
        if session.imported is not None:
            (then, *_) = [then for name, then, _ in toolkit.export(session, RULES, allowed=False)]
            self.walk.session = session = then
            self.walk.names.append("export: import")
        if not self.asked:
            return
        self.asked = False
        back = session.back
        session = self._set(sweep=back, back=None)
        if back is None or back.step != "apply":
            return
        after = _found(session, "sweep: apply", fenced=fenced)
        self.walk.session = after or session._replace(sweep=None)
        self.walk.names.append("sweep: apply" if after else "sweep: ends")

    def dies(self) -> None:
        """What no transaction has saved is forgotten: the process was killed, or came too late."""
        self.asked = self.seen = False
        if self.walk.session.back is not None or self.walk.session.imported is not None:
            self.walk.names.append("what was read is forgotten")
        self._set(back=None, imported=None)

    def _set(self, **changes: object) -> Session:
        self.walk.session = self.walk.session._replace(**changes)  # type: ignore[arg-type]
        return self.walk.session


def _found(
    session: Session, wanted: str, record: Record | None = None, *, fenced: bool = False
) -> Session | None:
    """The session after the model's step of this name; None: there is none."""
    for name, then in toolkit.sweep(session, RULES, fenced=fenced, may_delete=False):
        if name == wanted and (record is None or (then.sweep is not None and then.sweep.read == record)):
            return then
    return None
