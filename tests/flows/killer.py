"""Kills real processes with SIGKILL at every moment of a small migration, and resumes them.

    python -m tests.flows.killer WHAT PART PARTS     prints one JSON document

For each moment a child is forked that works until then and kills itself; another one goes on from
what is left on disk, as the operator would, and says what came of it. What differs from an
uninterrupted run is printed.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from migrate import runner
from migrate.core.ports import Answer
from migrate.core.record import Key, Record
from migrate.core.writing import Written
from migrate.errors import ConfigError
from migrate.gate.bundle import Bundle
from migrate.ledger.ledger import Ledger
from migrate.ledger.tasks import TaskState
from migrate.opening import Settings
from migrate.repair.wish import Mode
from migrate.stores.dump import write_dump
from migrate.stores.memory import When, with_faults
from migrate.stores.sqlite import SqliteHolder, SqliteSessions, SqliteTarget
from migrate.stores.stamp import listed
from tests.flows import scenario
from tests.flows.repairing import repair as repaired
from tests.flows.world import LATER, START, FakeClock, Script, record, sweep
from tests.flows.world import verify as verified
from tests.session_store.folder_kv import FolderKv

NOT_YET = 10**9
LIVED, FAILED = 7, 8

Work = Callable[[Path, FakeClock, "Moments"], None]
"""Does the work in a folder; the moments are told of everything that happens."""


class Moments:
    """Counts moments, and kills the process at one of them."""

    def __init__(self, fatal: int) -> None:
        self._fatal = fatal
        self._count = itertools.count()
        self.passed = 0

    def pass_(self, *_: object) -> None:
        at = next(self._count)
        self.passed = at + 1
        if at == self._fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def call(self, name: str, call: int, when: When) -> None:
        self.pass_()

    def statements(self) -> None:
        """Every SQL statement of every connection from now on is a moment, before it takes effect."""
        self._trace(self.pass_)

    def transactions(self) -> None:
        """The beginning and the end of every transaction are moments, before they take effect."""

        def hear(statement: str) -> None:
            if statement.startswith(("BEGIN", "COMMIT")):
                self.pass_()

        self._trace(hear)

    def _trace(self, hear: Callable[[str], None]) -> None:
        connect = sqlite3.connect

        def traced(*args: Any, **options: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = connect(*args, **options)
            connection.set_trace_callback(hear)
            return connection

        sqlite3.connect = traced

    def files(self, folder: Path) -> None:
        """Everything that is done to a file in the folder is a moment, before it takes effect."""
        names = {"open", "os.rename", "os.remove", "os.mkdir", "os.chmod"}

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            path = arguments[0] if event in names else None
            if isinstance(path, str | os.PathLike) and str(folder) in str(path):
                self.pass_()

        sys.addaudithook(hook)


# ---------------------------------------------------------------- what is killed


def first(folder: Path, clock: FakeClock, moments: Moments) -> None:
    _export("first", folder, clock, moments)


def later(folder: Path, clock: FakeClock, moments: Moments) -> None:
    _export("later", folder, clock, moments)


def _export(command: str, folder: Path, clock: FakeClock, moments: Moments) -> None:
    with contextlib.closing(scenario.opened(folder / "sessions.db", clock)) as target:
        if not scenario.finished(command, target):
            source = with_faults(scenario.source(command), moments.call)
            scenario.perform(command, source, with_faults(target, moments.call), clock)


def first_statements(folder: Path, clock: FakeClock, moments: Moments) -> None:
    moments.statements()
    _export("first", folder, clock, Moments(NOT_YET))


def later_statements(folder: Path, clock: FakeClock, moments: Moments) -> None:
    moments.statements()
    _export("later", folder, clock, Moments(NOT_YET))


def dump(folder: Path, clock: FakeClock, moments: Moments) -> None:
    """The whole command into a dump, the ledger included."""
    moments.statements()
    moments.files(folder)
    settings = Settings(clock=clock, ledger=folder / ".kvferry" / "ledger.db", environ={}, cwd=folder)
    target = folder / "backup.ndjson"
    if target.exists():
        assert target.read_bytes() == _dumped(), "a dump that is there is whole"
    try:
        ended = runner.export(
            f"dump:{folder}/sessions.ndjson", f"dump:{target}", prefixes=("s:",), settings=settings, sweeps=2
        )
    except ConfigError as error:
        if "complete already" not in error.message:
            raise
    else:
        assert ended.error is None, ended.error
        assert ended.document["tally"]["equal"] == 12
        assert ended.document["sweep"] == 2


def verify(folder: Path, clock: FakeClock, moments: Moments) -> None:
    """The whole verify, the ledger included; pages, a refused cursor, and what must settle."""
    moments.statements()
    source = with_faults(_altered(), moments.call)
    with contextlib.closing(SqliteHolder(folder / "sessions.db")) as held:
        target = with_faults(held, moments.call)
        ended = verified(source, target, clock, folder / "ledger.db", prefixes=scenario.PREFIXES)
    kept = ("verdict", "exit", "against", "source_keys", "target_rows", "compared", "classes")
    found = {name: ended.document[name] for name in kept}
    found["errors"] = ended.document["errors"]["source"]
    found["differences"] = [
        [one["class"], one["state"], one["fields"], one["source"], one["target"]]
        for one in ended.document["differences"]
    ]
    (folder / "verified.json").write_text(json.dumps(found, sort_keys=True))


def repair_missing(folder: Path, clock: FakeClock, moments: Moments) -> None:
    """The whole repair of what is missing, the ledger and the look at the end included."""
    moments.transactions()
    _repair(Mode.MISSING, folder, clock, moments)


def repair_tombstones(folder: Path, clock: FakeClock, moments: Moments) -> None:
    """The whole burial of what KV lacks: both readings, and the wait between them."""
    moments.transactions()
    _repair(Mode.TOMBSTONES, folder, clock, moments)


def _told(mode: Mode, target: SqliteTarget, clock: FakeClock, path: Path) -> Any:
    """The report of a repair that was complete when it was killed, as the ledger has it."""
    mine = Bundle("kv://script/script", target.address, ("s:",)).migration
    with Ledger.open(path, clock=clock) as ledger:
        last = ledger.last_task(mine, f"repair-{mode}")
        if last is None or last.state is not TaskState.COMPLETE:
            return None
        return ledger.evidence(mine)[-1].document


class Moved(SqliteTarget):
    """A file that is copied for each moment, and is the same store to whoever names it."""

    address = "sqlite:/moved/sessions.db"  # type: ignore[assignment]


def repair_kv(folder: Path, clock: FakeClock, moments: Moments) -> None:
    """The whole refreshing of KV, which is a folder: every key that is written or deleted is a moment."""
    moments.transactions()
    kv = FiledKv(folder / "kv", clock, moments)
    with contextlib.closing(Moved(folder / "sessions.db", clock=clock)) as target:
        if _told(Mode.KV, target, clock, folder / "ledger.db") is None:
            path = folder / "ledger.db"
            ended = repaired(Mode.KV, kv, target, clock, path, writer=kv, stage="object-first")
            assert (ended.error, ended.exit) == (None, 0)
            assert ended.document["looked_at"] == ended.document["check"]["keys"] == 8


class FiledKv(Script):
    """KV as a folder of files, as a source and to be written."""

    def __init__(self, folder: Path, clock: FakeClock, moments: Moments) -> None:
        super().__init__([], {}, width=5)
        folder.mkdir(exist_ok=True)
        self._kv, self._clock, self._moments = FolderKv(folder), clock, moments

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
        found = {one: self._kv.get(one) for one in keys}
        return {
            one: there and Record(one, there.value, *listed(there.metadata, there.expiration))
            for one, there in found.items()
        }

    def put(self, records: Sequence[Record], not_after: float = float("inf")) -> Written:
        assert self._clock.now() <= not_after
        for one in records:
            self._moments.pass_()
            self._kv.put(one, None)
        return {one.key: None for one in records}

    def delete(self, keys: Sequence[Key], not_after: float = float("inf")) -> Written:
        for one in keys:
            self._moments.pass_()
            self._kv.delete(one)
        return dict.fromkeys(keys)


def _repair(mode: Mode, folder: Path, clock: FakeClock, moments: Moments) -> None:
    source = with_faults(_half_known(), moments.call)
    words = {"gone_since": START} if mode is Mode.TOMBSTONES else {}
    with contextlib.closing(Moved(folder / "sessions.db", clock=clock)) as target:
        document = _told(mode, target, clock, folder / "ledger.db")
        if document is None:
            ended = repaired(mode, source, target, clock, folder / "ledger.db", **words)
            assert ended.error is None, ended.error
            document = ended.document
    kept = ("mode", "number", "exit", "candidates", "looked_at", "tally", "balanced", "state", "left")
    found = {name: document[name] for name in kept}
    found["check"] = {name: document["check"][name] for name in ("keys", "verdict", "classes")}
    (folder / "repaired.json").write_text(json.dumps(found, sort_keys=True))


WORKS: dict[str, Work] = {
    "repair-missing": repair_missing,
    "repair-tombstones": repair_tombstones,
    "repair-kv": repair_kv,
    "first": first,
    "later": later,
    "first-statements": first_statements,
    "later-statements": later_statements,
    "dump": dump,
    "verify": verify,
}


# ---------------------------------------------------------------- before and after


def begin(what: str, folder: Path) -> None:
    """What is on disk before."""
    clock, quiet = FakeClock(), Moments(NOT_YET)
    if what.startswith("later"):
        first(folder, clock, quiet)
        with contextlib.closing(scenario.opened(folder / "sessions.db", clock)) as target:
            scenario.prepare(target, scenario.write_sqlite(folder / "sessions.db"))
    if what == "first":  # all but the making of the file, which is among the statements
        scenario.opened(folder / "sessions.db", clock).close()
    if what == "dump":
        write_dump(folder / "sessions.ndjson", [record(n, b"%d" % n) for n in range(12)])
    if what == "verify":
        first(folder, clock, quiet)
    if what == "repair-kv":
        _begin_refresh(folder, clock)
    elif what.startswith("repair"):
        _begin_repair(folder, clock)


def _half_known() -> Script:
    """KV with six sessions that the target lacks, and without six that it has."""
    return Script.of([record(n, b"%d" % n) for n in range(6, 20)], width=5)


def _begin_repair(folder: Path, clock: FakeClock) -> None:
    """Fourteen sessions copied; a verify finds what is on one side only."""
    copied = Script.of([record(n, b"%d" % n) for n in range(14)])
    with contextlib.closing(Moved(folder / "sessions.db", clock=clock)) as target:
        sweep(copied, target, clock)
        ended = verified(_half_known(), target, clock, folder / "ledger.db")
    assert ended.document["against"] == 12


def _begin_refresh(folder: Path, clock: FakeClock) -> None:
    """Fourteen sessions copied, and a verify; then five are written and three deleted in the target only."""
    kv = FiledKv(folder / "kv", clock, Moments(NOT_YET))
    records = [record(n, b"%d" % n) for n in range(14)]
    kv.put(records)
    with contextlib.closing(Moved(folder / "sessions.db", clock=clock)) as target:
        sweep(Script.of(records), target, clock)
        verified(Script.of(records), target, clock, folder / "ledger.db")
    app = SqliteSessions(folder / "sessions.db", prefix="s:", clock=clock)
    for number in range(5):
        app.put(f"{number:02d}", b"newer", metadata={"n": number}, expiration=LATER + number)
    for number in range(5, 8):
        app.delete(f"{number:02d}")
    app.close()


def _altered() -> scenario.Script:
    """The source of the copy, some of its records with another value or expiration, some gone."""
    source = scenario.source("first")
    for number, (one, answer) in enumerate(sorted(source.answers.items())):
        if isinstance(answer, Record) and number % 5 == 1:
            source.answers[one] = answer._replace(value=b"another")
        if isinstance(answer, Record) and number % 5 == 2:
            source.answers[one] = answer._replace(expiration=LATER - 99)
        if number % 7 == 6:
            source.answers[one] = None
    return source


def _dumped() -> bytes:
    path = Path(tempfile.mkdtemp()) / "expected.ndjson"
    write_dump(path, [record(n, b"%d" % n) for n in range(12)])
    return path.read_bytes()


def result(what: str, folder: Path) -> Any:
    """What must be the same as after an uninterrupted run."""
    if what == "verify":
        return json.loads((folder / "verified.json").read_text())
    if what == "repair-kv":
        kv = FiledKv(folder / "kv", FakeClock(), Moments(NOT_YET))
        found = kv.read([record(n).key for n in range(14)])
        return [[one, str(there)] for one, there in found.items()]
    if what.startswith("repair"):
        with contextlib.closing(SqliteHolder(folder / "sessions.db")) as holder:
            rows = [[*row[:1], str(row[1:4]), *row[4:6]] for row in holder.rows_between("s:", None, None)]
        return [json.loads((folder / "repaired.json").read_text()), rows]
    if what == "dump":
        left = sorted(path.name for path in folder.iterdir())
        return [(folder / "backup.ndjson").read_text(), left]
    with contextlib.closing(scenario.opened(folder / "sessions.db", FakeClock())) as target:
        return json.loads(json.dumps(scenario.outcome(target)))


# ---------------------------------------------------------------- the killing


def child(work: Callable[[], None]) -> int:
    """Do it in a process of its own: 0 when it was killed, else LIVED or FAILED."""
    pid = os.fork()
    if pid == 0:
        code = FAILED
        try:
            work()
            code = LIVED
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    return 0 if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL else os.WEXITSTATUS(status)


def void(_: object) -> None:
    pass


def count(what: str, folder: Path) -> int:
    """How many moments an uninterrupted run has."""

    def work() -> None:
        moments = Moments(NOT_YET)
        WORKS[what](folder, FakeClock(), moments)
        (folder.parent / "count").write_text(str(moments.passed))

    assert child(work) == LIVED
    return int((folder.parent / "count").read_text())


def kill_at(what: str, begun: Path, folder: Path, moment: int) -> Any:
    """Kill at the moment and resume; what came of it, or what went wrong."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(begun, folder)
    died = child(lambda: WORKS[what](folder, FakeClock(), Moments(moment)))
    if died != 0:
        return "the first process failed" if died == FAILED else "it was not killed"

    def resume() -> None:
        WORKS[what](folder, FakeClock(START + 1000), Moments(NOT_YET))
        answer.write_text(json.dumps(result(what, folder)))

    answer = folder.parent / "answer"
    return json.loads(answer.read_text()) if child(resume) == LIVED else "the second process failed"


def differences(what: str, part: int, parts: int, root: Path) -> Iterator[Any]:
    """The number of moments, then every moment at which something went wrong."""
    begun, folder = root / "begun", root / "work"
    begun.mkdir()
    assert child(lambda: begin(what, begun)) == LIVED
    shutil.copytree(begun, folder)
    total = count(what, folder)
    answer = root / "answer"  # the parent opens no database: a connection must not cross a fork
    assert child(lambda: void(answer.write_text(json.dumps(result(what, folder))))) == LIVED
    expected = json.loads(answer.read_text())
    yield total
    for moment in range(part, total, parts):
        found = kill_at(what, begun, folder, moment)
        if found != expected:
            yield [moment, found, expected]


def main() -> None:
    what, part, parts = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        total, *wrong = differences(what, part, parts, Path(name).resolve())
    print(json.dumps({"moments": total, "tried": len(range(part, total, parts)), "wrong": wrong[:5]}))


if __name__ == "__main__":
    main()
