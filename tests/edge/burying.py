"""Burials beside a batch of walks: rows that KV was seen to lack, twice, become tombstones.

Both readings come after the last isolate that writes KV alone has been gone for H. The calls are the
product's: rows, a read, another one after H, and `DurableTarget.bury`; their order is the protocol's.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.core.ports import Claim, TooLate
from migrate.core.record import Key
from migrate.stores.durable import Burial
from tests.edge.edge import PREFIX
from tests.edge.ground import TICK, Ground
from tests.model.buried import Buried

_CLAIM = Claim("walks", "walks", "here", 1)
_LEASE = 300.0


class Burying:
    """One burial after the other; `step` does the next part of it."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._steps: Iterator[None] | None = None

    @property
    def at_work(self) -> bool:
        """Has one begun that has not ended?"""
        return self._steps is not None

    def step(self) -> None:
        """Begin, or go on."""
        if self._steps is None:
            self._steps = self._bury()
        if next(self._steps, "over") == "over":
            self._steps = None

    def _bury(self) -> Iterator[None]:
        ground = self._ground
        ids = list(ground.line.walks)
        keys = [Key(PREFIX + one) for one in ids]
        buried = {one: Buried(ground.line.walks[one]) for one in ids}
        target = ground.target()
        rows = target.rows(keys)
        target.close()
        ground.compare_rows({Key(PREFIX + one): buried[one].looks() for one in ids}, rows)
        yield
        lacking = set(keys)
        read_at = ground.now
        for again in (False, True):
            while again and ground.now < read_at + TICK:
                yield
            read_at = ground.now
            shown = ground.show(ids)
            records = ground.source.read(keys)
            lacking &= {key for key in keys if records[key] is None and key in rows}
            for one in ids:
                buried[one].reads(shown[one], again=again)
            yield
        self._end(buried, {key: rows[key].version for key in lacking}, read_at)

    def _end(self, buried: dict[str, Buried], versions: dict[Key, int], read_at: float) -> None:
        ground = self._ground
        target = ground.target()
        try:
            target.acquire(_CLAIM)
            outcomes = target.bury(f"{ground.name}-{read_at}", versions, read_at + _LEASE)
        except TooLate:
            assert ground.now > read_at + _LEASE, "a burial in time was refused"
            outcomes = {}
        finally:
            target.close()
        for one, session in buried.items():
            done = outcomes.get(Key(PREFIX + one)) is Burial.BURIED
            if session.buries() != done:
                ground.disagree(one, f"its burial: {outcomes.get(Key(PREFIX + one))}")
