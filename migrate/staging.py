"""Where an export writes: a SQLite file, a dump that is staged in one until it is complete, or objects.

A dump cannot be resumed, checked for a key, or locked; a SQLite file can. So `dump:FILE` is
collected in FILE.partial, under all the laws that hold for any target, and written out beside and
renamed when the sweep is complete: FILE is there whole, or not at all.
"""

from __future__ import annotations

import contextlib
import glob
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from migrate.addresses import Address, DumpAddress, SqliteAddress
from migrate.core.ports import Claim, Clock, Holder, Target
from migrate.core.record import Record, Unseen, expired
from migrate.errors import ConfigError, StoreBroken
from migrate.stores.rehearsal import Rehearsal


@dataclass(frozen=True, slots=True)
class Staging:
    """`file` is the SQLite file that is written; `dump` the dump it will become, None for sqlite:.

    `replace`: the dump was there at the start, and will be taken the place of.
    """

    address: str
    file: Path
    dump: Path | None
    fresh: bool
    clock: Clock
    replace: bool = False

    @classmethod
    def of(cls, address: Address, *, fresh: bool, clock: Clock) -> Staging:
        """Raises ConfigError for a store that cannot be copied into, and for a dump that exists."""
        if isinstance(address, SqliteAddress):
            file = address.file.resolve()
            return cls(f"sqlite:{file}", file, None, fresh, clock)
        if isinstance(address, DumpAddress) and address.keys is None:
            dump = address.file.resolve()
            staged = dump.with_name(dump.name + ".partial")
            if dump.exists() and not staged.exists() and not fresh:
                raise ConfigError(f"{dump} is complete already", "pass --fresh to write it anew")
            return cls(f"dump:{dump}", staged, dump, fresh, clock, dump.exists())
        kind = str(address).partition(":")[0]
        raise ConfigError(
            f"{kind}: cannot be the target of an export",
            "targets are sqlite:FILE, dump:FILE, do+https://HOST",
        )

    @contextlib.contextmanager
    def open(self, claim: Claim, *, dry_run: bool) -> Iterator[Target]:
        """The target to copy into. `dry_run`: one that changes nothing, not even makes the file.

        Raises StoreUnavailable when what `fresh` would throw away is somebody's work in progress.
        """
        from migrate.stores.sqlite import SqliteHolder, SqliteTarget

        target: Target
        if dry_run:
            empty = not self.file.exists() or (self.dump is not None and self.fresh)
            behind: Holder | None = None if empty else SqliteHolder(self.file)
            target = Rehearsal(self.address, behind, self.clock)
        else:
            if self.dump is not None and self.fresh and self.file.exists():
                with contextlib.closing(SqliteTarget(self.file, clock=self.clock)) as old:
                    old.acquire(claim)  # and not released: nobody comes in between
                self.discard()
            target = SqliteTarget(self.file, clock=self.clock)
        with contextlib.closing(target):
            yield target

    def write(self, staged: Holder, prefixes: Sequence[str]) -> None:
        """Write the dump, if there is one to write. Raises MigrateError; then FILE is as it was."""
        if self.dump is None:
            return
        from migrate.stores.dump import write_dump

        for left in self.dump.parent.glob(glob.escape(self.dump.name) + ".tmp-*"):
            left.unlink(missing_ok=True)  # of a process that was killed while it wrote; it holds sessions
        write_dump(self.dump, _records(staged, prefixes, self.clock.now()), replace=self.replace)

    def discard(self) -> None:
        """Take the staging file of a dump away, once its log has been folded into it."""
        if self.dump is None:
            return
        for suffix in ("", "-wal", "-shm"):
            self.file.with_name(self.file.name + suffix).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Remote:
    """A store elsewhere, which takes every batch by itself: nothing is staged, no file is written.

    `target` and `holder` open it, to be copied into or to be read only.
    """

    address: str
    target: Callable[[], Target]
    holder: Callable[[], Holder]
    clock: Clock
    dump: None = None

    @contextlib.contextmanager
    def open(self, claim: Claim, *, dry_run: bool) -> Iterator[Target]:
        """The target to copy into. `dry_run`: one that changes nothing."""
        target = Rehearsal(self.address, self.holder(), self.clock) if dry_run else self.target()
        with contextlib.closing(target):
            yield target

    def write(self, staged: Holder, prefixes: Sequence[str]) -> None:
        """Everything is written already."""

    def discard(self) -> None:
        """There is nothing to take away."""


def _records(staged: Holder, prefixes: Sequence[str], now: float) -> Iterator[Record]:
    """What was copied and has not expired since."""
    for prefix in prefixes:
        for row in staged.rows_between(prefix, None, None):
            if isinstance(row.value, Unseen):
                raise StoreBroken("the staging file did not show a value", "report it")
            if row.value is not None and not expired(row.expiration, now):
                yield Record(row.key, row.value, row.metadata, row.expiration)
