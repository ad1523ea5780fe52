"""One small migration with everything awkward in it, and what must be the same however often it dies.

`first` (a first sweep: quarantine, deleted and expired in flight, unreadable keys, a
refused cursor, empty pages, two prefixes) and `later` (a second sweep: values, metadata and
expirations that changed, one that never stays, new keys, keys that the source lost, rows that the
application wrote and deleted meanwhile); `parts` is `first`, cut by an alphabet; `retry` reads the
quarantine of `first` again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from migrate.core.ports import Answer, Checkpoint, Clock, Source, Target, Unreadable, balanced
from migrate.core.record import NEVER, Head, Key, Origin, Record
from migrate.stores.memory import MemoryStore
from migrate.stores.sqlite import SqliteSessions, SqliteTarget
from tests.flows.world import LATER, ODD, RUN, START, FakeClock, Script, export

PREFIXES = ("s:", "t:")
COMMANDS = ("first", "parts", "later", "retry")
AFTER_FIRST = ("later", "retry")


def name(number: int, prefix: str = "s:") -> Key:
    return Key(f"{prefix}{number:02d}")


class Flapping(Script):
    """The key that answers something else each time."""

    _times = itertools.count()

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
        found = dict(super().read(keys))
        if name(5) in found:
            found[name(5)] = Record(name(5), b"flap %d" % next(self._times), None, NEVER)
        return found


def source(command: str) -> Script:
    made = [Record(name(n), b"value %d" % n, f'{{"n":{n}}}', LATER + n) for n in range(18)]
    made += [Record(name(n, "t:"), b"\xff%d" % n, None, NEVER) for n in range(5)]
    changes: dict[Key, Answer] = {
        name(2): Record(name(2), b"bad", None, NEVER),
        name(3): None,
        name(4): Unreadable("too large"),
        name(6): None,
    }
    kind = Script
    if command == "retry":
        changes[name(2)] = Record(name(2), b"well again", None, NEVER)
    else:
        changes |= {one: Record(one, b"bad", None, NEVER) for one in (name(14), name(3, "t:"))}
    if command == "later":
        kind = Flapping
        made = [one for one in made if one.key not in (name(8), name(9), name(17), name(1, "t:"))]
        made += [Record(name(n), b"new", None, LATER) for n in (30, 31)]
        changes |= {
            name(7): Record(name(7), b"changed", '{"n":7}', LATER + 7),
            name(10): Record(name(10), b"value 10", '{"changed":1}', LATER + 10),
            name(11): Record(name(11), b"value 11", '{"n":11}', NEVER),
            name(2, "t:"): Record(name(2, "t:"), b"\xfe", None, NEVER),
            name(12): Record(name(12), b"stale", None, NEVER),
            name(13): Record(name(13), b"stale", None, NEVER),
            name(2): Record(name(2), b"well again", None, NEVER),
        }
    found = kind.of(made, page=5, width=2)
    for one in changes:
        assert one in found.answers, one
    found.answers |= changes
    dead = name(6)
    heads = [
        [Head(h.key, None, int(START) - 5) if h.key == dead else h for h in page] for page in found.pages
    ]
    found.pages = [[], heads[0], heads[1], [], *heads[2:], []]
    found.refuse = {"3"}
    return found


def prepare(target: Target | MemoryStore, write: Callable[[Key, bytes | None, Origin], None]) -> None:
    """What the application does between the commands."""
    write(name(12), b"the application's", Origin.APP)
    write(name(13), None, Origin.DUAL)
    write(name(15), b"value 15, by the application", Origin.DUAL)
    write(name(40), b"only here", Origin.APP)


def perform(command: str, source: Source, target: Target, clock: Clock) -> None:
    how = {"parts": {"alphabet": "hex"}, "retry": {"retry_quarantined": True}}.get(command, {})
    export(source, target, clock, prefixes=PREFIXES, validate=ODD, horizon=120.0, rounds=2, **how)


def finished(command: str, target: Target) -> bool:
    """Is the command's sweep complete? Then the same command would begin the next one."""
    done = [info for info in target.sweeps(RUN) if info.finished is not None]
    return len(done) > (command in AFTER_FIRST)


def outcome(target: Target) -> dict[str, Any]:
    """Everything that has to be the same, in a form that can be compared and printed."""
    sweeps = target.sweeps(RUN)
    marks = [mark for info in sweeps for mark in target.checkpoints(info.id)]
    for mark in marks:
        assert balanced(mark.tally), mark.tally
        assert min(mark.tally.values()) >= 0, mark.tally
    return {
        "rows": [_row(row) for row in target.rows_between("", None, None)],
        "quarantine": [[bad.key, bad.reason] for bad in target.quarantined("")],
        "sweeps": [[info.number, info.finished is not None] for info in sweeps],
        "marks": [_mark(mark) for mark in marks],
        "sightings": [
            [mark.sweep, seen.key, seen.outcome, seen.version]
            for mark in marks
            for seen in target.sightings(mark.sweep, mark.partition, 999, float("inf"))
        ],
    }


def _row(row: Any) -> list[Any]:
    value = None if row.value is None else row.value.hex()
    lasting = row.expiration if isinstance(row.expiration, int) else str(row.expiration)
    return [row.key, value, row.metadata, lasting, str(row.origin), row.version, row.sweep]


def _mark(mark: Checkpoint) -> list[Any]:
    counts = sorted((str(what), count) for what, count in mark.tally.items() if count)
    return [mark.sweep, mark.partition, str(mark.phase), mark.last_key, counts]


def write_sqlite(file: Path) -> Callable[[Key, bytes | None, Origin], None]:
    def write(one: Key, value: bytes | None, origin: Origin) -> None:
        sessions = SqliteSessions(file, str(origin), clock=FakeClock())  # type: ignore[arg-type]
        if value is None:
            sessions.delete(one)
        else:
            sessions.put(one, value, expiration=LATER)
        sessions.close()

    return write


def write_memory(store: MemoryStore) -> Callable[[Key, bytes | None, Origin], None]:
    def write(one: Key, value: bytes | None, origin: Origin) -> None:
        if value is None:
            store.remove(one, origin)
        else:
            store.put(Record(one, value, None, LATER), origin)

    return write


def opened(file: Path, clock: Clock) -> SqliteTarget:
    return SqliteTarget(file, clock=clock)
