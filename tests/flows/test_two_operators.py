from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.fake_api import FakeServer
from tests.flows.shell import KV, PREFIX, Gate, kvferry, started, variables

COUNT = 350
EXPORT = ("export", "--source", KV, "--target", "sqlite:sessions.db", "--rate", "100000/1", "--json")


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


def reached(gate: Gate, folder: Path) -> bool:
    """Is all that comes before the gate in the target?"""
    if not gate.arrived.wait(45):
        return False
    [file] = [path for path in folder.iterdir() if path.name in ("sessions.db", "backup.ndjson.partial")]
    for _ in range(1000):
        with closing(sqlite3.connect(file)) as db:
            if db.execute("SELECT count(*) FROM sessions").fetchone()[0] == 300:
                return True
        time.sleep(0.02)
    return False


def ledger(name: str) -> tuple[str, str]:
    return ("--ledger", f"{name}/ledger.db")


def counted(folder: Path) -> tuple[int, list[dict[str, int]]]:
    """The rows, and the tally of each sweep."""
    with closing(sqlite3.connect(folder / "sessions.db")) as db:
        rows = db.execute("SELECT count(*) FROM sessions").fetchone()[0]
        tallies = [json.loads(row[0]) for row in db.execute("SELECT tally FROM checkpoints ORDER BY sweep")]
    return rows, tallies


def stop_at_rest(process: subprocess.Popen[str], file: Path) -> None:
    """Stop it, and not in the middle of a transaction: nobody could write before it goes on."""
    for _ in range(100):
        process.send_signal(signal.SIGSTOP)
        with closing(sqlite3.connect(file, isolation_level=None, timeout=0.05)) as db:
            try:
                db.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                process.send_signal(signal.SIGCONT)
                time.sleep(0.02)
            else:
                return
    raise AssertionError("it never came to rest")


def test_a_second_operator_is_kept_out_and_told_who_is_there_since_when(
    filled: FakeServer, gate: Gate, tmp_path: Path
) -> None:
    env = variables(filled)
    first = started(*EXPORT, *ledger("one"), cwd=tmp_path, env=env)
    assert reached(gate, tmp_path)
    second = kvferry(*EXPORT, *ledger("two"), cwd=tmp_path, env=env)
    assert second.returncode == 3
    assert second.stdout == ""
    [said, hint] = second.stderr.splitlines()[-2:]
    assert f"(pid {first.pid}) has been writing to it since 2" in said
    assert os.uname().nodename in said
    assert "hint: stop it, or wait" in hint
    gate.opened.set()
    report, errors = first.communicate(timeout=60)
    assert (first.returncode, errors.count("Traceback")) == (0, 0)
    assert json.loads(report)["listed"] == COUNT


@pytest.mark.parametrize("successor", ["one", "two"])
def test_a_killed_operator_never_blocks_whoever_comes_next(
    filled: FakeServer, gate: Gate, tmp_path: Path, successor: str
) -> None:
    env = variables(filled)
    first = started(*EXPORT, *ledger("one"), cwd=tmp_path, env=env)
    assert reached(gate, tmp_path)
    first.kill()
    first.communicate()
    gate.opened.set()
    second = kvferry(*EXPORT, *ledger(successor), cwd=tmp_path, env=env)
    assert second.returncode == 0, second.stderr
    assert counted(tmp_path)[0] == COUNT
    assert json.loads(second.stdout)["tally"]["copied"] == COUNT


def test_an_operator_who_slept_through_the_lease_is_refused_and_counts_nothing_twice(
    filled: FakeServer, gate: Gate, tmp_path: Path
) -> None:
    env = variables(filled)
    first = started(*EXPORT, *ledger("one"), cwd=tmp_path, env=env)
    assert reached(gate, tmp_path)
    stop_at_rest(first, tmp_path / "sessions.db")
    try:
        assert kvferry(*EXPORT, *ledger("two"), cwd=tmp_path, env=env).returncode == 3
        with closing(sqlite3.connect(tmp_path / "sessions.db", isolation_level=None)) as db:
            assert db.execute("UPDATE lease SET until = 1").rowcount == 1  # as if a minute had passed
        second = kvferry(*EXPORT, *ledger("two"), cwd=tmp_path, env=env)
    finally:
        first.send_signal(signal.SIGCONT)
    assert second.returncode == 0, second.stderr
    before = counted(tmp_path)
    gate.opened.set()
    _, errors = first.communicate(timeout=60)
    assert first.returncode == 3
    assert "lease" in errors
    assert "Traceback" not in errors
    assert counted(tmp_path) == before
    rows, [tally] = before
    assert (rows, tally) == (COUNT, {"listed": COUNT, "copied": COUNT})


def test_an_interrupted_export_ends_at_once_with_130_and_resumes(
    filled: FakeServer, gate: Gate, tmp_path: Path
) -> None:
    env = variables(filled)
    first = started(*EXPORT, cwd=tmp_path, env=env)
    assert reached(gate, tmp_path)
    first.send_signal(signal.SIGINT)
    report, errors = first.communicate(timeout=60)
    assert first.returncode == 130
    assert report == ""
    assert "kvferry: interrupted" in errors
    assert "Traceback" not in errors
    assert "interrupted" in kvferry("status", cwd=tmp_path).stdout
    gate.opened.set()
    second = kvferry(*EXPORT, cwd=tmp_path, env=env)
    assert (second.returncode, counted(tmp_path)[0]) == (0, COUNT)


def test_an_interrupted_verify_ends_at_once_with_130_and_goes_on_where_it_was(
    filled: FakeServer, tmp_path: Path
) -> None:
    env = variables(filled)
    for number in range(2000):
        filled.api.namespace.put(f"{PREFIX}{number:04d}", b"v%d" % number, None, 4_000_000_000)
    assert kvferry(*EXPORT, cwd=tmp_path, env=env).returncode == 0
    words = ("verify", *EXPORT[1:])
    gate = Gate(b"1510")
    filled.api.faults.add(gate, on="bulk_get")
    first = started(*words, cwd=tmp_path, env=env)
    assert gate.arrived.wait(45)
    first.send_signal(signal.SIGINT)
    _, errors = first.communicate(timeout=60)
    gate.opened.set()
    assert (first.returncode, errors.count("Traceback")) == (130, 0)
    filled.api.stats.reset()
    second = kvferry(*words, cwd=tmp_path, env=env)
    report = json.loads(second.stdout)
    assert (second.returncode, report["verdict"], report["number"]) == (0, "clean", 1)
    assert report["compared"] == 2000
    assert report["requests"]["bulk reads"] == 10


def test_a_fresh_dump_never_takes_the_work_of_a_running_one_away(
    filled: FakeServer, gate: Gate, tmp_path: Path
) -> None:
    env = variables(filled)
    words = ("export", "--source", KV, "--target", "dump:backup.ndjson", "--rate", "100000/1")
    first = started(*words, *ledger("one"), cwd=tmp_path, env=env)
    assert reached(gate, tmp_path)
    second = kvferry(*words, *ledger("two"), "--fresh", cwd=tmp_path, env=env)
    assert second.returncode == 3
    assert "has been writing" in second.stderr
    gate.opened.set()
    _, errors = first.communicate(timeout=60)
    assert (first.returncode, errors.count("Traceback")) == (0, 0)
    assert len((tmp_path / "backup.ndjson").read_text().splitlines()) == COUNT
    assert not list(tmp_path.glob("backup.ndjson.*"))
