"""A gate's verify beside a batch of walks: a fence, a reading of either store, the product's classes."""

from __future__ import annotations

from collections.abc import Callable

from migrate.core.comparing import AGAINST, Kind, Rules, Stage, classify
from migrate.core.ports import Answer
from migrate.core.record import Key, Record, Row
from tests.edge.edge import PREFIX
from tests.edge.ground import Ground
from tests.model import toolkit
from tests.model.timeline import VERIFY
from tests.model.walking import RULES
from tests.model.world import Session


class GateVerifying:
    """One verify after the other."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._records: dict[Key, Answer] = {}
        self._rows: dict[Key, Row] = {}

    def begin(self) -> None:
        """Raise the fence, for good."""
        target = self._ground.target()
        target.begin_gate_verify()
        target.close()

    def read(self, name: str) -> None:
        """One of the two readings, of all sessions."""
        ground = self._ground
        ids = list(ground.line.walks)
        keys = [Key(PREFIX + one) for one in ids]
        if name == VERIFY[0]:
            shown = ground.show(ids)
            self._records = dict(ground.source.read(keys))
            for one in ids:
                self._looked(one, lambda then, seen=shown[one]: then.looked[0] == (seen,))
            return
        target = ground.target()
        self._rows = dict(target.rows(keys))
        target.close()
        wanted = {key: ground.everybody[one].session.row for key, one in zip(keys, ids, strict=True)}
        ground.compare_rows(wanted, self._rows)
        for one in ids:
            self._looked(one, lambda then: then.looked[1] != ())

    def judge(self) -> None:
        """Hold the verify's classes against what the model makes of the two readings, session by session."""
        rules = Rules(stage=Stage.SHADOW_READ)
        for one, walk in self._ground.line.walks.items():
            record, row = self._records[Key(PREFIX + one)], self._rows.get(Key(PREFIX + one))
            assert record is None or isinstance(record, Record)
            kind = classify(record, row, quarantined=False, rules=rules, now=self._ground.now)
            agrees = kind not in AGAINST or kind is Kind.MISSING
            if agrees != toolkit.agrees(walk.session, RULES):
                self._ground.disagree(one, f"a verify says {kind}")

    def _looked(self, one: str, wanted: Callable[[Session], bool]) -> None:
        walk = self._ground.line.walks[one]
        before = walk.session.looked
        steps = toolkit.look(walk.session)
        found = [(name, then) for name, then in steps if wanted(then) and then.looked != before]
        name, walk.session = found[0]
        walk.names.append(name)
