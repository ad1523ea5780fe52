from __future__ import annotations

import contextlib
import itertools
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.core.limiting import Rate, RequestLog, Slot, Wait
from migrate.errors import LedgerError
from migrate.ledger.ledger import Ledger
from migrate.ledger.windows import LONGEST, LedgerRequestLog, alive, windows_path
from tests.ledger.conftest import SetClock

ROOT = Path(__file__).parents[2]
RATE = Rate(3, 30.0)
GRACE = 1.0
START = 1_763_600_000.0


Make = Callable[..., LedgerRequestLog]


@pytest.fixture
def make(path: Path) -> Iterator[Make]:
    """Opens request logs beside one ledger, and closes them at the end."""
    with contextlib.ExitStack() as stack:

        def opened(name: str = "token", *, alive: Callable[[int], bool] = alive) -> LedgerRequestLog:
            log = LedgerRequestLog(path, name, alive=alive)
            stack.callback(log.close)
            return log

        yield opened


@pytest.fixture
def log(make: Make) -> LedgerRequestLog:
    return make()


def take(log: LedgerRequestLog, now: float, rate: Rate = RATE) -> Slot:
    slot = log.reserve(rate, now)
    assert not isinstance(slot, Wait)
    return slot


def wait(log: LedgerRequestLog, now: float, rate: Rate = RATE) -> float:
    answer = log.reserve(rate, now)
    assert isinstance(answer, Wait)
    return answer.seconds


def test_it_is_a_request_log(log: LedgerRequestLog) -> None:
    port: RequestLog = log
    assert not isinstance(port.reserve(RATE, START), Wait)


def test_a_burst_of_all_requests_at_once_is_allowed(log: LedgerRequestLog) -> None:
    slots = [take(log, START) for _ in range(RATE.requests)]
    assert len(set(slots)) == RATE.requests
    assert wait(log, START) == pytest.approx(30, abs=0.001)


def test_a_slot_is_held_until_a_window_after_its_answer(log: LedgerRequestLog) -> None:
    slots = [take(log, START + n) for n in range(3)]
    for n, slot in enumerate(slots):
        log.complete(slot, START + 10 + n)
    assert wait(log, START + 12) == pytest.approx(28, abs=0.001)
    assert wait(log, START + 40) == pytest.approx(0, abs=0.001)
    take(log, START + 40.001)
    assert wait(log, START + 40.001) == pytest.approx(0.999, abs=0.001)


def test_a_slow_request_of_a_living_process_is_held_until_it_is_answered(make: Make) -> None:
    log = make(alive=lambda pid: True)
    one = Rate(1, 30.0)
    slot = take(log, START, one)
    assert wait(log, START + 500, one) == pytest.approx(30, abs=0.001)
    log.complete(slot, START + 600)
    assert wait(log, START + 600, one) == pytest.approx(30, abs=0.001)
    take(log, START + 630.001, one)


def test_even_a_living_process_cannot_hold_a_slot_for_ever(make: Make) -> None:
    log = make(alive=lambda pid: True)
    one = Rate(1, 30.0)
    take(log, START, one)
    take(log, START + LONGEST, one)


def test_the_slot_of_a_dead_process_counts_as_answered_after_its_grace(make: Make) -> None:
    log = make(alive=lambda pid: False)
    one = Rate(1, 30.0)
    take(log, START, one)
    assert wait(log, START + 5, one) == pytest.approx(26, abs=0.001)
    take(log, START + 31.001, one)


def test_names_do_not_share_a_window(make: Make) -> None:
    one, other = make("one"), make("other")
    for _ in range(3):
        take(one, START)
    take(other, START)
    assert wait(one, START) > 0


def test_another_rate_sees_the_requests_of_its_own_longer_window(log: LedgerRequestLog) -> None:
    for n in range(6):
        log.complete(take(log, START + n * 2, Rate(1, 1.0)), START + n * 2)
    assert wait(log, START + 12, Rate(6, 300.0)) == pytest.approx(288, abs=0.001)


def test_a_clock_that_went_back_an_hour_starves_nobody(log: LedgerRequestLog) -> None:
    for _ in range(3):
        log.complete(take(log, START), START)
    back = START - 3600
    assert wait(log, back) == pytest.approx(30, abs=0.001)
    take(log, back + 30.001)


def test_old_slots_are_pruned(log: LedgerRequestLog) -> None:
    for n in range(100):
        log.complete(take(log, START + n * 60), START + n * 60)
    kept = log._connection.execute("SELECT count(*) FROM slots").fetchone()[0]
    assert kept <= LONGEST / 60 + 2


def test_a_budget_is_spent_up_to_its_limit_and_per_day(make: Make) -> None:
    one, other = make(), make()
    assert one.spend("reads", 100, 250, "2026-11-20")
    assert other.spend("reads", 100, 250, "2026-11-20")
    assert not one.spend("reads", 51, 250, "2026-11-20")
    assert one.spend("reads", 50, 250, "2026-11-20")
    assert one.spent("reads", "2026-11-20") == 250
    assert not one.spend("reads", 1, 250, "2026-11-20")
    assert one.spend("lists", 1, 250, "2026-11-20")
    assert one.spend("reads", 250, 250, "2026-11-21")
    assert make("another").spend("reads", 250, 250, "2026-11-20")


def test_the_file_is_private_and_apart_from_the_ledger(path: Path, make: Make, clock: SetClock) -> None:
    ledger = Ledger.open(path, clock=clock)
    log = make()
    with ledger._transaction():  # a long transaction of the ledger keeps no request waiting
        take(log, START)
    assert windows_path(path) == path.parent / "ledger.requests.db"
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.glob("ledger*")} == {0o600}
    ledger.close()
    log.close()


def test_another_programs_file_in_its_place_is_refused(path: Path) -> None:
    path.parent.mkdir()
    windows_path(path).write_text("my notes, which are long enough to be looked at as a database" * 20)
    with pytest.raises(LedgerError, match="not a kvferry ledger"):
        LedgerRequestLog(path, "token")


Interval = tuple[float, float]


def most_in_a_window(intervals: list[Interval], length: float) -> int:
    """How many requests a server may have seen in one window, whichever instants it counts them at."""
    return max((sum(a <= end + length and b >= end for a, b in intervals) for _, end in intervals), default=0)


steps = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "reserve", "reserve", "complete", "die", "pass", "as told"]),
        st.integers(0, 2),
        st.floats(0.01, 40),
    ),
    max_size=60,
)


@settings(max_examples=80, deadline=None)
@given(rate=st.builds(Rate, st.integers(1, 4), st.sampled_from([0.5, 3.0, 30.0])), steps=steps)
def test_no_window_ever_sees_more_than_the_rate(rate: Rate, steps: list[tuple[str, int, float]]) -> None:
    """Three processes, slow answers, sudden deaths; time goes as it is told to."""
    now, told = START, 0.0
    grace = rate.seconds / 30
    pids = [1, 2, 3]
    fresh = itertools.count(4)
    open_slots: dict[Slot, tuple[int, float]] = {}
    intervals: list[Interval] = []
    with tempfile.TemporaryDirectory() as folder:
        logs = [
            LedgerRequestLog(
                Path(folder) / "ledger.db",
                "token",
                alive=lambda pid: pid in pids,
                pid=lambda which=which: pids[which],  # type: ignore[misc]
            )
            for which in range(3)
        ]
        for action, which, amount in steps:
            mine = [slot for slot, (pid, _) in open_slots.items() if pid == pids[which]]
            if action == "reserve":
                answer = logs[which].reserve(rate, now)
                if isinstance(answer, Wait):
                    assert 0 < answer.seconds <= rate.seconds + grace + 0.001
                    told = answer.seconds
                else:
                    open_slots[answer] = (pids[which], now)
            elif action == "complete" and mine:
                logs[which].complete(mine[0], now)
                intervals.append((open_slots.pop(mine[0])[1], now))
            elif action == "die":
                for slot in mine:
                    _, began = open_slots.pop(slot)
                    intervals.append((began, min(now, began + grace)))
                pids[which] = next(fresh)
            else:
                now += told if action == "as told" else amount
        intervals += [(began, now) for _, began in open_slots.values()]
        for log in logs:
            log.close()
    assert most_in_a_window(intervals, rate.seconds) <= rate.requests


@settings(max_examples=40, deadline=None)
@given(answers=st.lists(st.floats(0, 60), min_size=3, max_size=3), asked=st.floats(0, 29))
def test_the_time_to_wait_is_neither_too_long_nor_too_short(answers: list[float], asked: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = LedgerRequestLog(Path(folder) / "ledger.db", "token")
        slots = [take(log, START) for _ in answers]
        for slot, answered in zip(slots, answers, strict=True):
            log.complete(slot, START + answered)
        now = START + max(answers) + asked
        answer = log.reserve(RATE, now)
        if isinstance(answer, Wait):
            if answer.seconds > 0.01:
                wait(log, now + answer.seconds - 0.001)
            take(log, now + answer.seconds)
        else:
            assert now > START + min(answers) + 30 - 0.001
        log.close()


def test_threads_share_one_window(log: LedgerRequestLog) -> None:
    taken: list[Slot] = []

    def work() -> None:
        for _ in range(10):
            answer = log.reserve(Rate(50, 30.0), START)
            if not isinstance(answer, Wait):
                taken.append(answer)
                log.complete(answer, START)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 50


CHILD = """
import sys, time
from migrate.core.limiting import Rate, Wait
from migrate.ledger.windows import LedgerRequestLog
log = LedgerRequestLog(sys.argv[1], "token")
sys.stdin.read(1)
taken = 0
for _ in range(400):
    answer = log.reserve(Rate(600, 600.0), time.time())
    if not isinstance(answer, Wait):
        taken += 1
        if taken % 2:
            log.complete(answer, time.time())
print(taken, flush=True)
sys.stdin.read()
"""


def test_processes_share_one_window_also_with_the_dead(path: Path, make: Make) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path)],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("x")
        child.stdin.flush()
    taken = 0
    for child in children:
        assert child.stdout is not None
        taken += int(child.stdout.readline())
        os.kill(child.pid, signal.SIGKILL)
        child.communicate(timeout=30)
    assert taken == 600
    log = make()
    now = time.time()
    rate = Rate(600, 600.0)
    assert 500 < wait(log, now, rate) <= 600.001
    assert 0 < wait(log, now + 595, rate) <= 26  # the answered ones go first
    take(log, now + 600.001, rate)
    assert isinstance(log.reserve(Rate(200, 600.0), now + 601), Wait)  # the dead ones' grace: 20 s
    for _ in range(599):
        take(log, now + 621, rate)
    assert wait(log, now + 621, rate) > 500
