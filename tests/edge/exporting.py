"""The product's exporter beside a batch of walks: it begins, goes on by one call, or is killed."""

from __future__ import annotations

import random
from collections.abc import Callable

from migrate.core.record import Key
from tests.edge.edge import PREFIX
from tests.edge.ground import APART, Ground, id_of
from tests.edge.stepped import Call, Stepped
from tests.model.copied import Copied

_KILLED = 0.05


class Exporting:
    """One export after the other. `tick`: lets time pass for everybody."""

    def __init__(self, ground: Ground, chance: random.Random, tick: Callable[[], None]) -> None:
        self._ground, self._chance, self._tick = ground, chance, tick
        self._copied: dict[str, Copied] = {}
        self._exporter: Stepped | None = None
        self._settling = False  # a reading is saved, and waits for another
        self._later = False  # a sweep of the run has been finished before
        self._run = 1
        self.ticks = 0
        """Since the last read: whoever lets time pass, counts them."""

    @property
    def at_work(self) -> bool:
        """Is a process running?"""
        return self._exporter is not None

    @property
    def left(self) -> bool:
        """Has a process been killed, with readings that are saved?"""
        return self._settling and not self.at_work

    def step(self) -> None:
        """What comes next."""
        if self._exporter is None:
            self._begin()
        elif self._chance.random() < _KILLED:
            self.kill()
        else:
            self._go_on(self._exporter)

    def kill(self) -> None:
        """kill -9."""
        if self._exporter is not None:
            self._exporter.kill()
            self._each(Copied.dies)
            self._ground.line.names.append("the exporter is killed")
            self._exporter = None

    def _begin(self) -> None:
        ground = self._ground
        ground.line.names.append("the exporter begins")
        self._copied = {one: Copied(walk) for one, walk in ground.line.walks.items()}
        if not self._settling:
            self._each(Copied.begins)
        ground.show(list(ground.everybody))
        self.ticks = 0
        self._exporter = Stepped(ground.source, ground.target, lambda: ground.now, PREFIX, self._run)

    def _go_on(self, exporter: Stepped) -> None:
        at, ground = exporter.at, self._ground
        assert at is not None
        ground.line.names.append(f"the exporter: {at.name}")
        match at.name:
            case "rows":
                fenced = ground.line.fenced
                wanted = {key: self._copied[id_of(key)].looks(fenced=fenced) for key in self._ours(at)}
                exporter.go()
                ground.compare_rows(wanted, exporter.gate.found)
            case "read":
                blind = not self._settling and not self._later
                shown = ground.show([id_of(key) for key in at.keys])
                for key in self._ours(at):
                    self._copied[id_of(key)].reads(shown[id_of(key)], blind=blind)
                self.ticks = 0
                exporter.go()
            case "apply":
                self._apply(exporter)
            case _:
                self._tick()
                exporter.go()
        if exporter.at is None:
            self._exporter, self._settling, self._later = None, False, True
            if ground.build is APART:  # a later sweep would have to list the objects
                self._run, self._later = self._run + 1, False

    def _apply(self, exporter: Stepped) -> None:
        exporter.gate.late = False
        exporter.go()
        if exporter.gate.late:
            assert self.ticks > 1, "a transaction in time was refused"
            self._each(Copied.dies)
            self.ticks = 0  # it lists again
            return
        self._each(lambda copied: copied.applies(fenced=self._ground.line.fenced))
        self._settling = True

    def _each(self, do: Callable[[Copied], None]) -> None:
        for one in self._ground.line.walks:
            do(self._copied[one])

    def _ours(self, call: Call) -> list[Key]:
        """The keys of walks that go on."""
        return [key for key in call.keys if id_of(key) in self._ground.line.walks]
