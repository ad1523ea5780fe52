"""The real exporter at one session, call by call, as the model's steps of an export and of a sweep say."""

from __future__ import annotations

from migrate.core.ports import RunId
from migrate.core.record import Record
from migrate.exporting import Order
from tests.model.world import Record as Kept
from tests.session_store.sides import Sides
from tests.session_store.stepped import END, SLEEP, Stepped

H = 120


class Exports:
    """One exporter at a time: it has the lease. `seen`: the record that a sweep has read."""

    def __init__(self, sides: Sides) -> None:
        self._sides = sides
        self._running: Stepped | None = None
        self.seen: Record | None = None

    def read_kv(self, shown: Kept) -> None:
        """An export has read KV, and is about to write."""
        self._begin(later=False)
        assert self._to("target.apply", shown) == "target.apply", "the exporter found nothing to import"

    def imports(self) -> None:
        """It writes what it has read, and ends."""
        assert self._to(END) == END
        self._running = None

    def reads_row(self, shown: Kept) -> None:
        """A sweep has listed the key and looked at the row, and is about to read KV."""
        self._begin(later=True)
        assert self._to("source.read", shown) == "source.read", "the sweep did not get as far as the values"

    def reads_kv(self, shown: Kept) -> None:
        """It has read KV, sees that it differs, and waits."""
        _, self.seen = self._sides.entry(shown)
        assert self._to(SLEEP, shown) == SLEEP, "the sweep does not wait for another reading"

    def reads_kv_again(self, shown: Kept) -> None:
        """It has waited and read KV again, and is about to write."""
        assert self._to("target.apply", shown) == "target.apply", "the sweep reads no second time"

    def applies(self) -> None:
        """It writes what it has read twice, and ends."""
        assert self._to(END) == END, "the sweep does not end"
        self._running = None

    def comes_too_late(self, point: str) -> None:
        """What was read too long ago is not taken any more: the exporter goes back to `point`."""
        before = self._sides.stored()
        assert self._to(point) == point, "the target took a batch that came too late"
        assert self._sides.stored() == before
        self.cut()

    def cut(self) -> None:
        """It is killed, if there is one."""
        if self._running is not None:
            self._running.cut()
        self._running = None

    def _begin(self, *, later: bool) -> None:
        """`later`: as a sweep that follows a first one, and compares rows."""
        stores, sides = self._sides.stores, self._sides
        run = RunId(f"{sides.id} {sides.clock.time}")
        if later:
            stores.target.close_sweep(stores.target.open_sweep(run, 1).id)
        self._running = Stepped(sides.kv, stores.target, sides.clock, Order(run, (sides.id,), H))

    def _to(self, point: str, shown: Kept | None = None) -> str:
        assert self._running is not None, "an exporter is at work"
        if shown is None:
            return self._running.to(point)
        with self._sides.showing(shown):
            return self._running.to(point)
