"""Files that an operator touches beside the ledger: `pause`, and `stop`; in processes and scripted time."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from migrate.core.ports import SweepInfo, Tally
from migrate.errors import ConfigError, Stopped
from migrate.exporting import Exporter
from migrate.pausing import Pausing
from migrate.stores.memory import MemoryStore, When, with_faults
from tests.fake_api import FakeServer
from tests.flows.shell import KV, PREFIX, Gate, kvferry, started, variables
from tests.flows.world import CLAIM, FakeClock, Script, key, order, record, verify
from tests.flows.world import PREFIX as SHORT

COUNT = 500
STORES = ("--source", KV, "--target", "sqlite:sessions.db", "--rate", "100000/1", "--json")
EXPORT = ("export", *STORES)


@pytest.fixture
def filled(fake: FakeServer) -> FakeServer:
    for number in range(COUNT):
        fake.api.namespace.put(f"{PREFIX}{number:04d}", b"v%d" % number, None, 4_000_000_000)
    return fake


@pytest.fixture
def gate(filled: FakeServer) -> Iterator[Gate]:
    """The fourth hundred of keys is not read before the gate is opened."""
    made = Gate(b"0310")
    filled.api.faults.add(made, on="bulk_get")
    yield made
    made.opened.set()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The folder of the ledger, where the files are touched."""
    folder = tmp_path / ".kvferry"
    folder.mkdir()
    return folder


def rows(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "sessions.db")) as db:
        counted: int = db.execute("SELECT count(*) FROM sessions").fetchone()[0]
        return counted


def until(true: Callable[[], bool]) -> bool:
    """Wait for it; False when it does not come about."""
    end = time.monotonic() + 45
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def at_the_gate(gate: Gate, folder: Path) -> bool:
    return gate.arrived.wait(45) and until(lambda: rows(folder) == 300)


def heard(process: subprocess.Popen[str], text: str) -> str:
    """The first line on standard error that has the text; fails when the process ends before."""
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return line
    raise AssertionError(f"it ended without {text!r}")


def test_an_export_stands_still_behind_what_is_committed_until_the_file_is_gone(
    gate: Gate, files: Path, tmp_path: Path, filled: FakeServer
) -> None:
    process = started(*EXPORT, cwd=tmp_path, env=variables(filled))
    assert at_the_gate(gate, tmp_path)
    (files / "pause").touch()
    gate.opened.set()
    assert heard(process, "paused") == "paused: .kvferry/pause is there; remove it to go on\n"
    assert rows(tmp_path) == 400
    other = kvferry(*EXPORT, "--ledger", "other.db", cwd=tmp_path, env=variables(filled))
    assert (other.returncode, "has been writing" in other.stderr) == (3, True), "the lease is kept"
    time.sleep(1)
    assert (rows(tmp_path), process.poll()) == (400, None)
    (files / "pause").unlink()
    assert ".kvferry/pause is gone: going on after" in heard(process, "gone")
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, json.loads(output)["tally"]["copied"]) == (0, COUNT)


def test_stop_ends_an_export_as_an_interrupt_would_and_no_other_begins_while_it_is_there(
    gate: Gate, files: Path, tmp_path: Path, filled: FakeServer
) -> None:
    env = variables(filled)
    process = started(*EXPORT, cwd=tmp_path, env=env)
    assert at_the_gate(gate, tmp_path)
    (files / "stop").touch()
    gate.opened.set()
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, rows(tmp_path)) == (130, 400)
    assert "kvferry: stopped: .kvferry/stop is there\n" in errors
    assert "hint: remove it, then run the same command again: it resumes where it was\n" in errors
    assert (files / "stop").exists()

    again = kvferry(*EXPORT, cwd=tmp_path, env=env)
    assert (again.returncode, again.stdout, rows(tmp_path)) == (2, "", 400)
    since = time.strftime("%Y-%m-%dT", time.gmtime((files / "stop").stat().st_mtime))
    assert f"kvferry: .kvferry/stop is there, since {since}" in again.stderr
    (files / "stop").unlink()
    last = kvferry(*EXPORT, cwd=tmp_path, env=env)
    assert (last.returncode, json.loads(last.stdout)["tally"]["copied"]) == (0, COUNT)


def test_a_paused_command_can_be_stopped(files: Path, tmp_path: Path, filled: FakeServer) -> None:
    (files / "pause").touch()
    process = started(*EXPORT, cwd=tmp_path, env=variables(filled))
    heard(process, "paused")
    assert not (tmp_path / "sessions.db").exists(), "nothing is begun before it is gone"
    (files / "stop").touch()
    process.communicate(timeout=60)
    assert process.returncode == 130


def test_stop_interrupts_what_comes_to_no_safe_point(
    gate: Gate, files: Path, tmp_path: Path, filled: FakeServer
) -> None:
    impatient = "from migrate import pausing, main; pausing.GRACE = 0.1; main.main()"
    words = [sys.executable, "-c", impatient, *EXPORT]
    in_the_background = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *words]
    process = subprocess.Popen(
        in_the_background,
        cwd=tmp_path,
        env=variables(filled),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert at_the_gate(gate, tmp_path)
    (files / "stop").touch()
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors.count("Traceback")) == (130, 0)
    assert "kvferry: stopped: .kvferry/stop is there\n" in errors


def test_a_verify_pauses_and_stops_and_goes_on_where_it_was(
    files: Path, tmp_path: Path, filled: FakeServer
) -> None:
    env = variables(filled)
    for number in range(2000):
        filled.api.namespace.put(f"{PREFIX}{number:04d}", b"v%d" % number, None, 4_000_000_000)
    assert kvferry(*EXPORT, cwd=tmp_path, env=env).returncode == 0
    gate = Gate(b"1510")
    filled.api.faults.add(gate, on="bulk_get")
    process = started("verify", *STORES, cwd=tmp_path, env=env)
    assert gate.arrived.wait(45)
    (files / "pause").touch()
    gate.opened.set()
    heard(process, "paused")
    (files / "stop").touch()
    process.communicate(timeout=60)
    assert process.returncode == 130
    (files / "pause").unlink()
    (files / "stop").unlink()
    filled.api.stats.reset()
    report = json.loads(kvferry("verify", *STORES, cwd=tmp_path, env=env).stdout)
    assert (report["verdict"], report["number"], report["compared"]) == ("clean", 1, 2000)
    assert report["requests"].get("bulk reads", 0) <= 10


def test_a_task_that_destroys_pauses_and_stops_and_goes_on_too(
    fake: FakeServer, files: Path, tmp_path: Path
) -> None:
    for number in range(2500):
        fake.api.namespace.put(f"cache:{number:04d}", b"v", None, 4_000_000_000)
    words = ("cleanup", "--source", KV, "--prefix", "cache:", "--rate", "100000/1", "--json", "--settle", "0")
    words += ("--migrated", PREFIX, "--execute", "--name", KV.rpartition("/")[2])
    env = variables(fake)
    gate = Gate(b"cache:0500")
    fake.api.faults.add(gate, on="bulk_delete")
    process = started(*words, cwd=tmp_path, env=env)
    assert gate.arrived.wait(45)
    (files / "pause").touch()
    gate.opened.set()
    heard(process, "paused")
    time.sleep(0.5)
    assert len(fake.api.namespace.entries(0)) == 1500
    (files / "stop").touch()
    process.communicate(timeout=60)
    assert (process.returncode, len(fake.api.namespace.entries(0))) == (130, 1500)
    for name in ("pause", "stop"):
        (files / name).unlink()
    done = kvferry(*words, cwd=tmp_path, env=env)
    assert (done.returncode, len(fake.api.namespace.entries(0))) == (0, 0)
    assert json.loads(done.stdout)["tally"]["deleted"] == 2500


# ---------------------------------------------------------------- scripted time


def pausing(folder: Path, clock: FakeClock, said: list[str]) -> Pausing:
    return Pausing(folder, clock, said.append, lambda cause: said.append(f"waiting: {cause}"))


def removed_after(pause: Path, clock: FakeClock, seconds: float, and_then: Callable[[], None]) -> None:
    """The pause goes once so much time has passed since now, after something else has happened."""
    end = clock.time + seconds

    def during() -> None:
        if clock.time > end and pause.exists():
            and_then()
            pause.unlink()

    clock.during = during


def test_what_an_export_read_before_a_long_pause_is_read_again(files: Path, clock: FakeClock) -> None:
    source = Script.of([record(number, b"old") for number in range(40)], page=40)  # read ahead at once
    store, said = MemoryStore(clock=clock), list[str]()
    files_ = pausing(files, clock, said)

    def watch(info: SweepInfo, tally: Tally) -> None:
        if tally["listed"] == 4:
            assert until(lambda: source.read_keys.total() == 40), "all of it is read ahead"
            (files / "pause").touch()
            removed_after(files / "pause", clock, 400, write)
        files_.pass_by()

    def write() -> None:
        source.answers.update({key(number): record(number, b"new") for number in range(40)})

    exporter = Exporter(source, store, order(), clock, watch)
    with exporter.leased(CLAIM):
        [done] = exporter.run()
    assert (done.tally["listed"], done.tally["copied"]) == (40, 40)
    held = store.rows([key(number) for number in range(40)])
    assert [held[key(number)].value for number in range(40)] == [b"old"] * 4 + [b"new"] * 36
    assert said[:2] == [f"paused: {files}/pause is there; remove it to go on", "waiting: paused"]
    assert said[3].startswith(f"{files}/pause is gone: going on after 6 min 40 s")


@pytest.mark.parametrize(("seconds", "times"), [(400.0, 2), (60.0, 1)])
def test_pages_that_a_verify_listed_before_a_long_pause_are_listed_again(
    files: Path, clock: FakeClock, seconds: float, times: int
) -> None:
    source, store = Script.of([record(number) for number in range(40)]), MemoryStore(clock=clock)
    for number in range(40):
        store.put(record(number))

    def ahead() -> None:
        assert until(lambda: (SHORT, "1") in source.scans)

    def touch(name: str, call: int, when: When) -> None:
        if (name, when) == ("scan", "after") and len(source.scans) == 1:
            (files / "pause").touch()
            removed_after(files / "pause", clock, seconds, ahead)

    ended = verify(with_faults(source, touch), store, clock, files / "ledger.db")
    assert (ended.exit, ended.document["compared"]) == (0, 40)
    assert not (files / "pause").exists(), "it was waited for"
    assert source.scans.count((SHORT, "1")) == times


def test_a_folder_that_cannot_be_looked_into_says_nothing(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "file").touch()
    one = pausing(tmp_path / "file", clock, [])
    with one.watched():
        one.pass_by()


def test_a_stop_from_before_keeps_work_from_beginning_and_one_that_comes_ends_it(
    files: Path, clock: FakeClock
) -> None:
    one = pausing(files, clock, [])
    with one.watched():
        one.pass_by()
        (files / "stop").touch()
        with pytest.raises(Stopped):
            one.pass_by()
    os.utime(files / "stop", (0, 0))
    with pytest.raises(ConfigError, match="stop is there, since 1970-01-01T00:00:00Z"):
        pausing(files, clock, []).watched().__enter__()
