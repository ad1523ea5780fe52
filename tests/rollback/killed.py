"""Kills a real rollback with SIGKILL at every moment, and goes on with it, over a faked API of Workers KV.

    python -m tests.rollback.killed PART PARTS     prints one JSON document

A moment is a call of a store, or the beginning or the end of a transaction of the file or the ledger. What is
on disk and in KV then is what the next process, forked like the first, goes on from.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import migrate.rollback.rows
from migrate.core.record import Key, Origin
from migrate.desk import desk_of
from migrate.opening import Settings
from migrate.rollback.rolling import rolled_back
from migrate.rollback.wish import Wish, Work
from migrate.stores.kv import KvSource
from migrate.stores.kv_writing import KvWriter
from migrate.stores.memory import with_faults
from migrate.stores.sqlite import SqliteHolder, SqliteSessions, SqliteTarget
from migrate.stores.stamp import unstamped
from tests.fake_api import ACCOUNT, NAMESPACE, Entry, FakeApi, FakeServer
from tests.flows.killer import LIVED, NOT_YET, Moments, child
from tests.flows.world import START, FakeClock
from tests.stores.connected import connected

BEGUN = START + 300
UNTIL = int(START) + 50_000
ENTRIES = [
    # what KV has before
    ("s:older", Entry(b"old", None, UNTIL)),
    ("s:shown", Entry(b"shown", None, UNTIL)),
    ("s:expired", Entry(b"longer", None, UNTIL)),
    ("s:deleted", Entry(b"deleted", None, UNTIL)),
]
EXPECTED = {
    # and in the end, without the stamps
    "s:lacking": [b"lacking", '{"a":1}', UNTIL],
    "s:older": [b"newer", None, UNTIL],
    "s:shown": [b"shown", None, UNTIL],
    "s:more": [b"more", None, UNTIL],
}


class Moved(SqliteTarget):
    """A file that is copied for each moment, and is the same store to whoever names it."""

    address = "sqlite:/moved/sessions.db"  # type: ignore[assignment]


def begin(folder: Path) -> None:
    """A file as object-first has left it, and a ledger."""
    clock, path = FakeClock(), folder / "sessions.db"
    SqliteTarget(path, clock=clock).close()
    sessions = SqliteSessions(path, "app", clock=clock)
    sessions.put(Key("s:lacking"), b"lacking", expiration=UNTIL, metadata={"a": 1})
    sessions.put(Key("s:older"), b"newer", expiration=UNTIL)
    sessions.put(Key("s:shown"), b"shown", expiration=UNTIL)
    sessions.put(Key("s:more"), b"more", expiration=UNTIL)
    sessions.put(Key("s:expired"), b"expired", expiration=int(START) + 20)
    sessions.put(Key("s:deleted"), b"deleted", expiration=UNTIL)
    sessions.delete(Key("s:deleted"))
    sessions.close()
    with desk_of(_settings(folder, clock), None):
        pass


def _settings(folder: Path, clock: FakeClock) -> Settings:
    return Settings(clock=clock, ledger=folder / "ledger.db", environ={})


def perform(folder: Path, server: FakeServer, clock: FakeClock, moments: Moments) -> None:
    """The whole rollback, with its report in the folder."""
    migrate.rollback.rows.PORTION = 4  # type: ignore[assignment]  # so that there are several steps
    moments.transactions()
    path = folder / "sessions.db"

    def target() -> Any:
        return with_faults(held.enter_context(contextlib.closing(Moved(path, clock=clock))), moments.call)

    def writer() -> Any:
        opened = KvWriter(connected(server, clock), ACCOUNT, NAMESPACE, clock=clock)
        return with_faults(held.enter_context(contextlib.closing(opened)), moments.call)

    wish = Wish(
        "kv:",
        f"sqlite:{path}",
        ("s:",),
        _settings(folder, clock),
        confirmed=lambda name: name,
        execute=True,
        stage="shadow-read",
    )
    with contextlib.ExitStack() as held:
        source = KvSource(connected(server, clock), ACCOUNT, NAMESPACE)
        held.enter_context(contextlib.closing(source))
        holder = held.enter_context(contextlib.closing(SqliteHolder(path)))
        desk = held.enter_context(desk_of(wish.settings, None))
        ended = rolled_back(Work(wish, desk, with_faults(source, moments.call), holder, target, writer))
    (folder / "report.json").write_text(json.dumps(ended.document))


def wrong(folder: Path, api: FakeApi) -> list[str]:
    """What is not as it must be after a rollback that has come to its end."""
    found = []
    report = json.loads((folder / "report.json").read_text())
    fates = {name: count for name, count in report["tally"].items() if count}
    if (report["exit"], report["balanced"], report["fence_lifted"]) != (0, True, True):
        found.append(f"the report: {report['exit']} {fates} {report['note']}")
    # One that was killed between its end and the report begins anew, and finds all rows given back.
    gone = {"reverted": 4, "expired": 1, "proven_empty": 1}
    again = {"kept": 5, "proven_empty": 1}
    if fates not in (gone, again):
        found.append(f"the account: {fates}")
    entries = api.namespace.entries(api.now())
    shown = {key: [one.value, *unstamped(one.metadata, one.expiration)] for key, one in entries.items()}
    if shown != EXPECTED:
        found.append(f"KV: {shown}")
    with contextlib.closing(SqliteHolder(folder / "sessions.db")) as holder:
        for row in holder.rows_between("s:", None, None):
            if row.origin is Origin.APP and not row.deleted:
                found.append(f"{row.key} is the application's")
            if row.deleted != (row.key == "s:deleted"):
                found.append(f"{row.key} is deleted, or is not any more")
    return found


def results(part: int, parts: int, root: Path) -> Iterator[Any]:
    """How many moments there are, then each at which something went wrong."""
    begun, folder = root / "begun", root / "work"
    begun.mkdir()
    assert child(lambda: begin(begun)) == LIVED
    with FakeServer(FakeApi(clock=lambda: BEGUN)) as server:

        def afresh() -> None:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(begun, folder)
            for key in server.api.namespace.entries(BEGUN):
                server.api.namespace.delete(key)
            server.api.namespace.load(ENTRIES)

        def once(fatal: int, later: float) -> int:
            def work() -> None:
                moments = Moments(fatal)
                perform(folder, server, FakeClock(BEGUN + later), moments)
                (root / "count").write_text(str(moments.passed))

            return child(work)

        def judged() -> list[str]:
            def work() -> None:
                (root / "wrong").write_text(json.dumps(wrong(folder, server.api)))

            assert child(work) == LIVED
            found: list[str] = json.loads((root / "wrong").read_text())
            return found

        afresh()
        assert once(NOT_YET, 0) == LIVED
        total = int((root / "count").read_text())
        assert judged() == []
        yield total
        for moment in range(part, total, parts):
            afresh()
            died, lived = once(moment, 0), once(NOT_YET, 1000)
            found = judged() if (died, lived) == (0, LIVED) else [f"it ended with {died}, then {lived}"]
            if found:
                yield [moment, found]


def main() -> None:
    part, parts = int(sys.argv[1]), int(sys.argv[2])
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        total, *bad = results(part, parts, Path(name).resolve())
    print(json.dumps({"moments": total, "tried": len(range(part, total, parts)), "wrong": bad[:5]}))


if __name__ == "__main__":
    main()
