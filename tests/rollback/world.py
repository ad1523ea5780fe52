"""A KV, a target and an operator who goes back, on a clock that nobody waits for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrate.core.ports import Target
from migrate.core.record import NEVER, Expiration, Key, Origin, Record, Row, digest_text
from migrate.core.writing import Writable
from migrate.desk import Ended, desk_of
from migrate.formats.report import render, validate
from migrate.opening import Settings
from migrate.rollback.rolling import rolled_back
from migrate.rollback.wish import Wish, Work
from migrate.stores.memory import MemoryKv, MemoryKvWriter
from migrate.stores.sqlite import SqliteHolder, SqliteSessions, SqliteTarget
from migrate.stores.stamp import unstamped
from migrate.stores.stamping import Stamp, stamped
from tests.flows.world import START, FakeClock

LATER = int(START) + 50_000
NAME = "memory"


def same(store: Any) -> Any:
    return store


@dataclass
class World:
    """What there is. `rows` go into a SQLite file, as its application writes them."""

    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.kv = MemoryKv(clock=self.clock, page=7, width=3)
        self.path = self.folder / "sessions.db"
        SqliteTarget(self.path, clock=self.clock).close()

    # ------------------------------------------------------------ what there is

    def row(
        self,
        name: str,
        value: bytes = b'{"v":1}',
        *,
        until: Expiration = LATER,
        origin: str = "app",
        metadata: str | None = None,
    ) -> None:
        """A row of the application's."""
        sessions = SqliteSessions(self.path, origin, clock=self.clock)
        expiration = until if isinstance(until, int) else None
        sessions.put(
            Key(f"s:{name}"), value, expiration=expiration, metadata=metadata and json.loads(metadata)
        )
        sessions.close()

    def delete(self, name: str) -> None:
        """Log out, in the file."""
        sessions = SqliteSessions(self.path, "app", clock=self.clock)
        sessions.delete(Key(f"s:{name}"))
        sessions.close()

    def put(
        self,
        name: str,
        value: bytes = b'{"v":1}',
        *,
        until: Expiration = LATER,
        metadata: str | None = None,
        stamp: Stamp | None = None,
    ) -> None:
        """What KV has."""
        whole, _ = stamped(metadata, stamp)
        self.kv.put(Record(Key(f"s:{name}"), value, whole, until))

    def both(self, name: str, value: bytes = b'{"v":1}', *, until: Expiration = LATER) -> None:
        """What the session store has done at shadow-read: the row first, then KV."""
        self.row(name, value, until=until, origin="dual")
        self.put(name, value, until=until, stamp=Stamp(until, digest_text(value), 1, "shadow-read@"))

    # ------------------------------------------------------------ going back

    @contextmanager
    def work(
        self,
        target: Callable[[Target], Target] = same,
        writer: Callable[[Writable], Writable] = same,
        **options: Any,
    ) -> Iterator[Work]:
        """One rollback with its stores open; `target` and `writer` may put something around them."""
        given = {
            "source": "kv://memory/memory",
            "target": f"sqlite:{self.path}",
            "prefixes": ("s:",),
            "settings": Settings(clock=self.clock, ledger=self.folder / ".kvferry" / "ledger.db", environ={}),
            "confirmed": lambda _: NAME,
            "execute": True,
            "stage": "shadow-read",
            **options,
        }
        opened: list[Target] = []

        def open_target() -> Target:
            opened.append(SqliteTarget(self.path, clock=self.clock))
            return target(opened[-1])

        def open_writer() -> Writable:
            return writer(MemoryKvWriter(self.kv, clock=self.clock))

        wish = Wish(**given)  # type: ignore[arg-type]
        holder = SqliteHolder(self.path)
        try:
            with desk_of(wish.settings, None) as desk:
                yield Work(wish, desk, self.kv, holder, open_target, open_writer)
        finally:
            for one in opened:
                one.close()
            holder.close()

    def roll_back(self, **options: Any) -> Ended:
        """Go back, and check the report."""
        with self.work(**options) as work:
            ended = rolled_back(work)
        validate(ended.document, "rollback-report")
        assert ended.document["balanced"], ended.document
        assert render(ended.document, "text").startswith("going back from object-only")
        return ended

    # ------------------------------------------------------------ what came of it

    def rows(self) -> Mapping[str, Row]:
        """All rows, by what follows the prefix."""
        holder = SqliteHolder(self.path)
        try:
            return {row.key[2:]: row for row in holder.rows_between("s:", None, None)}
        finally:
            holder.close()

    def shown(self, name: str) -> tuple[bytes, str | None, Expiration] | None:
        """What KV shows under a name, without the store's stamp."""
        found = self.kv.entry(Key(f"s:{name}"))
        return None if found is None else (found.value, *unstamped(found.metadata, found.expiration))

    def expect_gone_back(self) -> None:
        """KV shows every live row as it is, and nothing else; and no row is the application's."""
        for name, row in self.rows().items():
            live = not row.deleted and not (
                isinstance(row.expiration, int) and row.expiration <= self.clock.now()
            )
            wanted = (row.value, row.metadata, row.expiration) if live else None
            if row.origin in (Origin.APP, Origin.DUAL) or row.deleted:
                assert self.shown(name) == wanted, name
            assert row.deleted or row.origin is not Origin.APP, name


def tally(ended: Ended) -> dict[str, int]:
    """What became of the rows, without what there is none of."""
    return {name: count for name, count in ended.document["tally"].items() if count}


__all__ = ["LATER", "NAME", "NEVER", "World", "tally"]
