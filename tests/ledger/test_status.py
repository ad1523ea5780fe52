from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from migrate.core.comparing import Kind
from migrate.core.difference import ReadError, Side, State
from migrate.core.ports import RunId
from migrate.errors import ConfigError
from migrate.formats import report
from migrate.formats.text import status_text
from migrate.ledger.ledger import Ledger
from migrate.ledger.runs import Sweep, SweepState
from migrate.ledger.status import status_document
from migrate.ledger.verifies import VerifyId, VerifyState
from tests.ledger.conftest import SetClock
from tests.ledger.test_differences import ONE

EXPORT, VERIFY = RunId("e" * 16), RunId("f" * 16)
PAIR = ("dump:my file.json", "sqlite:b.db", ["x:"])


def exported(ledger: Ledger, state: SweepState, clock: SetClock, number: int = 1) -> None:
    ledger.remember_run(EXPORT, "export", *PAIR, {"schema": "s.json"})
    done = clock.time + 5 if state is SweepState.COMPLETE else None
    tally = Counter(listed=9, copied=9)
    ledger.save_sweep(Sweep(EXPORT, number, state, clock.time, done, 10, tally))
    clock.time += 10


@contextmanager
def verified(
    ledger: Ledger, clock: SetClock, verdict: str | None, state: VerifyState = VerifyState.COMPLETE
) -> Iterator[VerifyId]:
    ledger.remember_run(VERIFY, "verify", *PAIR)
    verify = ledger.open_verify(VERIFY)
    yield verify
    clock.time += 10
    ledger.close_verify(verify, state, verdict)


def step(ledger: Ledger) -> tuple[str, str]:
    document = status_document(ledger)
    report.validate(document, "status")
    words = shlex.split(document["next"])
    assert words[0] == "kvferry"
    if words[1] != "plan":
        assert words[2:8] == ["--source", PAIR[0], "--target", PAIR[1], "--prefix", "x:"]
    assert status_text(document).splitlines()[-1] == f"next: {document['next']}"
    return words[1], document["why"]


def test_an_empty_ledger_says_where_to_begin(ledger: Ledger) -> None:
    assert step(ledger)[0] == "plan"
    assert "no runs yet" in status_text(status_document(ledger))


@pytest.mark.parametrize("state", [SweepState.RUNNING, SweepState.FAILED, SweepState.INTERRUPTED])
def test_an_unfinished_sweep_is_gone_on_with(ledger: Ledger, clock: SetClock, state: SweepState) -> None:
    exported(ledger, state, clock)
    verb, why = step(ledger)
    assert verb == "export"
    assert "sweep 1 is not complete" in why
    assert status_document(ledger)["next"].endswith("--schema s.json")


def test_a_finished_sweep_wants_a_verify(ledger: Ledger, clock: SetClock) -> None:
    exported(ledger, SweepState.COMPLETE, clock)
    assert step(ledger) == ("verify", "the copy has not been verified since it was made")


def test_an_unfinished_verify_is_gone_on_with(ledger: Ledger, clock: SetClock) -> None:
    exported(ledger, SweepState.COMPLETE, clock)
    with verified(ledger, clock, None, VerifyState.INTERRUPTED):
        pass
    verb, why = step(ledger)
    assert verb == "verify"
    assert "verify 1 is not complete" in why


def test_differences_want_another_sweep_and_that_one_another_verify(ledger: Ledger, clock: SetClock) -> None:
    exported(ledger, SweepState.COMPLETE, clock)
    with verified(ledger, clock, "differences"):
        pass
    assert step(ledger)[0] == "export"
    exported(ledger, SweepState.COMPLETE, clock, number=2)
    assert step(ledger) == ("verify", "the copy has not been verified since it was made")


@pytest.mark.parametrize(("verdict", "word"), [("clean", "was clean"), ("unproven", "proved nothing")])
def test_a_verdict_is_repeated(ledger: Ledger, clock: SetClock, verdict: str, word: str) -> None:
    exported(ledger, SweepState.COMPLETE, clock)
    with verified(ledger, clock, verdict):
        pass
    assert word in step(ledger)[1]


@pytest.mark.parametrize(
    ("stage", "door"),
    [(None, "object-first"), ("shadow-read", "object-first"), ("object-first", "object-only")],
)
def test_a_clean_verify_of_objects_leads_to_the_next_door(
    ledger: Ledger, clock: SetClock, stage: str | None, door: str
) -> None:
    pair = ("kv://account/namespace", "do+https://bridge.example.com", ["x:"])
    ledger.remember_run(VERIFY, "verify", *pair, {} if stage is None else {"stage": stage})
    verify = ledger.open_verify(VERIFY)
    ledger.close_verify(verify, VerifyState.COMPLETE, "clean")
    document = status_document(ledger)
    assert document["next"] == (
        "kvferry gate --source kv://account/namespace --target do+https://bridge.example.com --prefix x:"
        f" --for {door}"
    )


def test_status_shows_sweeps_verifies_and_differences_without_keys(ledger: Ledger, clock: SetClock) -> None:
    exported(ledger, SweepState.COMPLETE, clock)
    with verified(ledger, clock, "differences") as verify:
        error = ReadError(ONE.key, Side.TARGET, "locked", 1.0)
        ledger.commit_page(verify, "x:", None, ONE.key, Counter(equal=3), [ONE], [error], done=True)
    document = status_document(ledger)
    by_kind = {run["kind"]: run for run in document["runs"]}
    assert by_kind["verify"]["verifies"][0]["differences"] == {Kind.VALUE: {State.OPEN: 1}}
    assert by_kind["verify"]["verifies"][0]["errors"] == {"target": 1}
    assert by_kind["export"]["sweeps"][0]["tally"] == {"copied": 9}
    text = status_text(document)
    assert "complete, since 2025-11-20T00:53:20Z: listed 9 of 10, copied 9\n" in text
    assert "complete: differences, differences: 1 open, 1 read error\n" in text
    assert ONE.key not in text + report.json_text(document)


def test_one_run_can_be_asked_for(ledger: Ledger, clock: SetClock) -> None:
    exported(ledger, SweepState.RUNNING, clock)
    with verified(ledger, clock, "clean"):
        pass
    assert [run["run"] for run in status_document(ledger, "ee")["runs"]] == [EXPORT]
    with pytest.raises(ConfigError, match="no run"):
        status_document(ledger, "9")
