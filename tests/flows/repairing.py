"""Repairs over stores that a test holds in its hands: a verify first, then the repair, its report checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrate.core.comparing import Rules
from migrate.core.ports import Answer, Holder, Source, Target
from migrate.core.record import Key, Row
from migrate.core.writing import Writable
from migrate.desk import Ended, desk_of
from migrate.formats import report
from migrate.ledger.whole import last_whole
from migrate.opening import Settings
from migrate.repair.repairing import repaired
from migrate.repair.wish import Mode, Wish, Work
from tests.flows.world import PREFIX, FakeClock, verify

TYPED = "sqlite:elsewhere.db"
"""How the target is named in hints: a store without heartbeats."""


def settings_of(clock: FakeClock, ledger: Path) -> Settings:
    return Settings(clock=clock, ledger=ledger, environ={})


def repair(
    mode: Mode,
    source: Source,
    target: Target,
    clock: FakeClock,
    ledger: Path,
    *,
    execute: bool = True,
    name: str | None = "given",
    holder: Holder | None = None,
    writer: Writable | None = None,
    meanwhile: Callable[[], object] | None = None,
    **words: Any,
) -> Ended:
    """One repair, by the ledger's last verify. `meanwhile`: what happens until the name is typed."""
    given: dict[str, Any] = {"settle": 120.0, **words}

    def confirmed(wanted: str) -> str | None:
        if meanwhile is not None:
            meanwhile()
        return right if name == "given" else name

    right = source.address.rpartition("/")[2].rpartition(":")[2]
    wish = Wish(
        mode,
        source.address,
        TYPED,
        (PREFIX,),
        settings_of(clock, ledger),
        execute,
        confirmed,
        **given,
    )
    with desk_of(wish.settings, None) as desk:
        last = last_whole(desk.ledger, source.address, target.address, (PREFIX,))
        assert last is not None, "verify first"
        work = Work(wish, desk, source, holder or target, last, lambda: target)
        if writer is not None:
            work.open_writer = lambda: writer
        ended = repaired(work)
    checked(ended)
    return ended


def checked(ended: Ended) -> None:
    report.validate(ended.document, "repair-report")
    if ended.document["check"] is not None:
        report.validate(ended.document["check"], "key-check")
    text = report.render(ended.document, "text")
    assert text.rstrip().splitlines()[-1].startswith("next: kvferry ")
    assert ended.document["balanced"] or ended.error is not None
    assert "DOES NOT BALANCE" not in text or ended.error is not None


def verified(source: Source, target: Holder, clock: FakeClock, ledger: Path, **rules: Any) -> Ended:
    return verify(source, target, clock, ledger, fresh=True, rules=Rules(**rules) if rules else None)


def became(ended: Ended) -> dict[str, int]:
    """What became of the keys, without zeros."""
    return {name: number for name, number in ended.document["tally"].items() if number}


@dataclass
class Told:
    """A source and the target it is held against, told of every read of either, in order.

    `doing`: what happens in the middle of the n-th read of a kind ("rows", "kv"), counted from 1.
    """

    source: Source
    target: Target
    clock: FakeClock
    doing: dict[tuple[str, int], Callable[[], None]] = field(default_factory=dict)
    heard: list[tuple[str, float]] = field(default_factory=list)

    def hear(self, what: str) -> None:
        self.heard.append((what, self.clock.now()))
        number = sum(one == what for one, _ in self.heard)
        self.doing.get((what, number), lambda: None)()

    def times(self, what: str) -> list[float]:
        return [at for one, at in self.heard if one == what]


class ToldSource:
    """The source, listened to."""

    def __init__(self, told: Told) -> None:
        self._told = told

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
        if keys:
            self._told.hear("kv")
        return self._told.source.read(keys)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._told.source, name)


class ToldTarget:
    """The target, listened to."""

    def __init__(self, told: Told) -> None:
        self._told = told

    def rows(self, keys: Sequence[Key]) -> Mapping[Key, Row]:
        found = self._told.target.rows(keys)
        if keys:
            self._told.hear("rows")
        return found

    def bury(self, name: str, rows: Mapping[Key, int], not_after: float, *, legacy: bool = False) -> Any:
        if rows:
            self._told.hear("bury")
        return self._told.target.bury(name, rows, not_after, legacy=legacy)  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._told.target, name)
