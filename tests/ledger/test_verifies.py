from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.core.comparing import Kind
from migrate.core.difference import Difference, ReadError, Seen, Side, Skip
from migrate.core.ports import Cursor, RunId
from migrate.core.record import Key
from migrate.errors import LedgerError
from migrate.ledger.ledger import Ledger
from migrate.ledger.verifies import KEPT, Position, VerifyState
from tests.ledger.conftest import SetClock

ROOT = Path(__file__).parents[2]
RUN = RunId("0123456789abcdef")


def missing(number: int, at: float = 100.0) -> Difference:
    return Difference(
        key=Key(f"k:{number:06}"),
        kind=Kind.MISSING,
        source=Seen("d" * 22, number, 5000),
        target=None,
        first_seen=at,
        last_seen=at,
        changed_at=at,
        due_at=at + 120,
    )


def test_an_unfinished_verify_is_resumed(ledger: Ledger) -> None:
    first = ledger.open_verify(RUN)
    ledger.commit_page(first, "k:", Cursor("c1"), Key("k:9"), Counter(equal=9))
    ledger.close_verify(first, VerifyState.INTERRUPTED, None, "interrupted")
    assert ledger.open_verify(RUN) == first
    assert ledger.position(first, "k:") == Position(
        "k:", Cursor("c1"), Key("k:9"), done=False, tally=Counter(equal=9)
    )
    last = ledger.last_verify(RUN)
    assert last is not None
    assert last.state is VerifyState.RUNNING


def test_a_complete_verify_is_followed_by_a_new_one_from_the_start(ledger: Ledger, clock: SetClock) -> None:
    first = ledger.open_verify(RUN)
    ledger.commit_page(first, "k:", None, Key("k:9"), Counter(equal=9), done=True)
    clock.time += 5
    ledger.close_verify(first, VerifyState.COMPLETE, "clean")
    second = ledger.open_verify(RUN)
    assert second != first
    assert ledger.position(second, "k:") == Position("k:")
    old, new = ledger.verifies(RUN)
    assert (old.number, old.state, old.verdict, old.finished_at) == (1, "complete", "clean", clock.time)
    assert (new.number, new.state, new.finished_at) == (2, "running", None)
    assert ledger.last_verify(RUN) == new
    assert ledger.last_verify(RUN, complete=True) == old


def test_fresh_abandons_what_was_unfinished(ledger: Ledger) -> None:
    first = ledger.open_verify(RUN)
    second = ledger.open_verify(RUN, fresh=True)
    assert [(v.id, v.state) for v in ledger.verifies(RUN)] == [(first, "abandoned"), (second, "running")]
    assert ledger.open_verify(RUN) == second


def test_runs_do_not_share_verifies(ledger: Ledger) -> None:
    other = RunId("f" * 16)
    assert ledger.last_verify(other) is None
    assert ledger.open_verify(RUN) != ledger.open_verify(other)
    assert [v.number for v in ledger.verifies(other)] == [1]


def test_counters_add_up_over_pages_and_prefixes(ledger: Ledger) -> None:
    verify = ledger.open_verify(RUN)
    ledger.commit_page(verify, "k:", Cursor("1"), Key("k:1"), Counter(equal=3, missing=1))
    saved = ledger.commit_page(verify, "k:", None, Key("k:2"), Counter(equal=2, missing=-1), done=True)
    ledger.commit_page(verify, "z:", None, None, Counter(equal=10), done=True)
    assert saved == ledger.position(verify, "k:")
    assert saved.tally == Counter(equal=5)
    assert saved.done
    assert ledger.tally(verify) == Counter(equal=15)


def test_a_page_commits_position_differences_errors_and_skips_together(ledger: Ledger) -> None:
    verify = ledger.open_verify(RUN)

    def broken() -> Iterator[Difference]:
        yield from map(missing, range(500))
        raise ConnectionError("in the middle")

    error = ReadError(Key("k:e"), Side.SOURCE, "time-out", 1.0)
    skip = Skip(Key("k:s"), "not sampled", 1.0)
    with pytest.raises(ConnectionError):
        ledger.commit_page(verify, "k:", Cursor("1"), Key("k:1"), Counter(missing=500), broken())
    assert ledger.position(verify, "k:") == Position("k:")
    assert ledger.counts(verify) == {}
    ledger.commit_page(
        verify, "k:", Cursor("1"), Key("k:1"), Counter(missing=500), map(missing, range(500)), [error], [skip]
    )
    assert ledger.position(verify, "k:").tally == Counter(missing=500)
    assert ledger.counts(verify) == {"missing": Counter(open=500)}
    assert ledger.read_errors(verify) == [error]
    assert ledger.skips(verify) == [skip]


def test_counters_may_still_grow_while_differences_are_written(ledger: Ledger) -> None:
    verify = ledger.open_verify(RUN)
    tally: Counter[str] = Counter()

    def found() -> Iterator[Difference]:
        for number in range(3):
            tally["missing"] += 1
            yield missing(number)

    assert ledger.commit_page(verify, "k:", None, None, tally, found()).tally == Counter(missing=3)


def test_who_opens_a_verify_last_holds_it(ledger: Ledger, path: Path, clock: SetClock) -> None:
    verify = ledger.open_verify(RUN)
    ledger.commit_page(verify, "k:", Cursor("1"), Key("k:1"), Counter(equal=1))
    with Ledger.open(path, clock=clock) as second:
        assert second.open_verify(RUN) == verify
        for refused in (
            lambda: ledger.commit_page(verify, "k:", Cursor("2"), Key("k:2"), Counter(equal=1)),
            lambda: ledger.settle(verify, [missing(1)]),
            lambda: ledger.close_verify(verify, VerifyState.COMPLETE, "clean"),
        ):
            with pytest.raises(LedgerError, match="taken over"):
                refused()
        second.commit_page(verify, "k:", Cursor("2"), Key("k:2"), Counter(equal=1))
        assert second.tally(verify) == Counter(equal=2)
        assert second.counts(verify) == {}


def test_old_verifies_keep_their_verdict_but_not_their_keys(ledger: Ledger) -> None:
    ids = []
    for _ in range(KEPT + 2):
        verify = ledger.open_verify(RUN)
        ledger.commit_page(verify, "k:", None, Key("k:1"), Counter(missing=1), [missing(1)], done=True)
        ledger.close_verify(verify, VerifyState.COMPLETE, "differences")
        ids.append(verify)
    assert [bool(ledger.counts(verify)) for verify in ids] == [False, False] + [True] * KEPT
    assert [v.verdict for v in ledger.verifies(RUN)] == ["differences"] * (KEPT + 2)


CHILD = f"""
import sys
from collections import Counter
from migrate.clock import SystemClock
from migrate.core.ports import RunId
from migrate.ledger.ledger import Ledger
from tests.ledger.test_verifies import missing

def slowly(start):
    for number in range(start, start + 300):
        if number == 1150:
            print("in the middle", flush=True)
            sys.stdin.read()
        yield missing(number)

ledger = Ledger.open(sys.argv[1], clock=SystemClock())
verify = ledger.open_verify(RunId({str(RUN)!r}))
for page in range(100):
    tally = Counter(missing=300)
    ledger.commit_page(verify, "k:", str(page), f"k:{{page}}", tally, slowly(page * 300))
"""


def test_a_process_killed_inside_a_page_leaves_the_page_before(path: Path, clock: SetClock) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "in the middle\n"
    os.kill(child.pid, signal.SIGKILL)
    child.communicate(timeout=30)
    with Ledger.open(path, clock=clock) as ledger:
        verify = ledger.open_verify(RUN)
        assert ledger.position(verify, "k:") == Position(
            "k:", Cursor("2"), Key("k:2"), tally=Counter(missing=900)
        )
        assert ledger.counts(verify) == {"missing": Counter(open=900)}
        ledger.commit_page(verify, "k:", Cursor("3"), Key("k:3"), Counter(missing=1), [missing(900)])
        assert ledger.tally(verify) == Counter(missing=901)
