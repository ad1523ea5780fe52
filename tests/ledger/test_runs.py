from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from migrate.core.ports import RunId
from migrate.errors import ConfigError
from migrate.ledger.ledger import Ledger
from migrate.ledger.runs import Run, RunKind, Sweep, SweepState
from tests.ledger.conftest import SetClock

RUN = RunId("0123456789abcdef")


def remember(ledger: Ledger, run: str = RUN) -> Run:
    return ledger.remember_run(RunId(run), "export", "dump:a", "sqlite:b", ["x:", "y:"], {"schema": "s.json"})


def test_a_run_comes_back_as_it_was_given(ledger: Ledger, clock: SetClock) -> None:
    run = remember(ledger)
    assert run == Run(
        id=RUN,
        kind=RunKind.EXPORT,
        source="dump:a",
        target="sqlite:b",
        prefixes=("x:", "y:"),
        options={"schema": "s.json"},
        created_at=clock.time,
        last_at=clock.time,
    )
    assert ledger.runs() == [run]


def test_using_a_run_again_keeps_its_beginning(ledger: Ledger, clock: SetClock) -> None:
    began = remember(ledger).created_at
    clock.time += 60
    again = ledger.remember_run(RUN, "export", "dump:a", "sqlite:b", ["x:", "y:"], {"settle": 0})
    assert (again.created_at, again.last_at, again.options) == (began, began + 60, {"settle": 0})


def test_the_run_used_last_comes_first(ledger: Ledger, clock: SetClock) -> None:
    for name in ("aa", "bb", "aa"):
        clock.time += 1
        remember(ledger, name)
    assert [run.id for run in ledger.runs()] == ["aa", "bb"]


def test_a_run_is_found_by_the_beginning_of_its_id(ledger: Ledger) -> None:
    remember(ledger, "0123aaaa")
    remember(ledger, "0123bbbb")
    assert ledger.run("0123b").id == "0123bbbb"


@pytest.mark.parametrize("start", ["", "9", "0123", "%"])
def test_a_beginning_that_fits_none_or_several_is_the_callers_mistake(ledger: Ledger, start: str) -> None:
    remember(ledger, "0123aaaa")
    remember(ledger, "0123bbbb")
    with pytest.raises(ConfigError) as caught:
        ledger.run(start)
    assert "kvferry status" in caught.value.hint


def test_a_sweep_is_written_over_as_it_goes_on(ledger: Ledger) -> None:
    ledger.save_sweep(
        Sweep(RUN, 1, SweepState.RUNNING, 10.0, listed_total=9, tally=Counter(listed=3, copied=3))
    )
    done = Sweep(RUN, 1, SweepState.COMPLETE, 10.0, 20.0, None, Counter(listed=9, copied=9), "done")
    ledger.save_sweep(done)
    ledger.save_sweep(Sweep(RUN, 2, SweepState.FAILED, 30.0))
    first, second = ledger.sweeps(RUN)
    assert first == Sweep(RUN, 1, SweepState.COMPLETE, 10.0, 20.0, 9, Counter(listed=9, copied=9), "done")
    assert (second.number, second.state, second.tally) == (2, SweepState.FAILED, Counter())


def test_a_ledger_that_was_lost_can_be_filled_again(ledger: Ledger, tmp_path: Path, clock: SetClock) -> None:
    remember(ledger)
    ledger.save_sweep(Sweep(RUN, 1, SweepState.COMPLETE, 10.0, 20.0, 9, Counter(listed=9)))
    with Ledger.open(tmp_path / "new.db", clock=clock) as rebuilt:
        remember(rebuilt)
        for sweep in ledger.sweeps(RUN):
            rebuilt.save_sweep(sweep)
        assert rebuilt.sweeps(RUN) == ledger.sweeps(RUN)
        assert rebuilt.runs() == ledger.runs()


def test_evidence_is_kept_in_order_and_per_run(ledger: Ledger, clock: SetClock) -> None:
    ledger.add_evidence(RUN, "listing", {"keys": 3})
    ledger.add_evidence(RUN, "fence", {"n": 1}, at=5.0)
    ledger.add_evidence(RunId("other"), "listing", {})
    kept = ledger.evidence(RUN)
    assert [(one.kind, one.at, one.document) for one in kept] == [
        ("fence", 5.0, {"n": 1}),
        ("listing", clock.time, {"keys": 3}),
    ]
