"""Every process of a group names itself in a file, and is looked for by its number afterwards."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from migrate.local_runtime import Leashed

FAMILY = 'sleep 100 & echo "$!" > child; echo "$$" > parent; echo ready; wait'
HOLDER = """
import sys, time
from pathlib import Path
from migrate.local_runtime import Leashed
folder = Path(sys.argv[1])
held = Leashed(["sh", "-c", sys.argv[2]], folder=folder, environ={"PATH": sys.argv[3]}, log=folder / "log")
time.sleep(100)
"""


def family(folder: Path, text: str = FAMILY) -> Leashed:
    words = ["sh", "-c", text]
    return Leashed(words, folder=folder, environ={"PATH": os.environ["PATH"]}, log=folder / "log")


def numbers(folder: Path) -> list[int]:
    deadline = time.monotonic() + 20
    while not (folder / "log").exists() or "ready" not in (folder / "log").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return [int((folder / name).read_text()) for name in ("parent", "child")]


def lives(number: int) -> bool:
    try:
        os.kill(number, 0)
        with open(f"/proc/{number}/stat") as file:  # one that nobody buries is dead as well
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def all_end(some: list[int]) -> bool:
    deadline = time.monotonic() + 20
    while any(lives(one) for one in some) and time.monotonic() < deadline:
        time.sleep(0.005)
    return not any(lives(one) for one in some)


@pytest.mark.parametrize("how", ["end", "kill"])
def test_all_that_it_started_ends_and_nothing_else(tmp_path: Path, how: str) -> None:
    other = subprocess.Popen(["sleep", "100"])
    leashed = family(tmp_path)
    some = numbers(tmp_path)
    assert all(map(lives, some))
    assert leashed.running()
    getattr(leashed, how)()
    assert all_end(some)
    assert not leashed.running()
    leashed.end()
    assert other.poll() is None
    other.kill()
    other.wait()


def test_one_that_does_not_want_to_end_is_killed(tmp_path: Path) -> None:
    leashed = family(tmp_path, "trap '' TERM; " + FAMILY)
    some = numbers(tmp_path)
    leashed.end(grace=0.05)
    assert all_end(some)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_its_holder_however_that_ends(tmp_path: Path, number: signal.Signals) -> None:
    words = [sys.executable, "-c", HOLDER, str(tmp_path), FAMILY, os.environ["PATH"]]
    holder = subprocess.Popen(words)
    some = numbers(tmp_path)
    holder.send_signal(number)
    holder.wait()
    assert all_end(some)


def test_what_it_says_is_kept_for_its_owner_only(tmp_path: Path) -> None:
    leashed = family(tmp_path, "echo one; echo two >&2; echo three")
    deadline = time.monotonic() + 20
    while leashed.running() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert leashed.said(2) == "two\nthree"
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600
    leashed.end()
