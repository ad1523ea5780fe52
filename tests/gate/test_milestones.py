"""What status shows besides runs: the newest verdict on each door, tasks, the end; never a key."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.core.document import Document, moment
from migrate.core.gate.policy import Policy
from migrate.core.gate.verdict import Door
from migrate.core.record import Key
from migrate.formats import report
from migrate.formats.text import status_text
from migrate.gate.bundle import Bundle
from migrate.gate.finish import FINISHED
from migrate.gate.milestones import milestones
from migrate.gate.verdicts import VERDICT, verdict
from migrate.ledger.ledger import Ledger
from migrate.ledger.runs import RunId
from migrate.ledger.status import status_document
from migrate.ledger.tasks import Item, TaskState
from tests.stores.manual_clock import ManualClock

STORES = ("kv://account/namespace", "do+https://bridge.example.com", ("spotify_session:",))
SECRET_KEY = Key("spotify_session:PLANTED")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.db", clock=ManualClock()) as opened:
        opened.remember_run(RunId("e" * 16), "export", *STORES)
        yield opened


def judged(ledger: Ledger, door: Door, at: float) -> Document:
    document = verdict(door, Bundle(*STORES), Policy(), at, "--source kv:")
    ledger.add_evidence(Bundle(*STORES).migration, VERDICT, document)
    return document


def told(ledger: Ledger) -> str:
    document = status_document(ledger) | {"migrations": milestones(ledger)}
    report.validate(document, "status")
    assert "PLANTED" not in json.dumps(document)
    return status_text(document)


def test_a_migration_without_verdicts_and_tasks_is_not_mentioned(ledger: Ledger) -> None:
    assert milestones(ledger) == []
    assert "door" not in told(ledger)


def test_the_newest_verdict_on_each_door_is_shown(ledger: Ledger) -> None:
    judged(ledger, Door.OBJECT_FIRST, 1000.0)
    last = judged(ledger, Door.OBJECT_FIRST, 2000.0)
    judged(ledger, Door.CLEANUP, 1500.0)
    (found,) = milestones(ledger)
    assert [(one["door"], one["issued"]["unix"]) for one in found["doors"]] == [
        ("cleanup", 1500.0),
        ("object-first", 2000.0),
    ]
    assert f"door object-first: unproven, as of {last['issued']['iso']}" in told(ledger)


def test_tasks_are_shown_without_where_they_are(ledger: Ledger) -> None:
    mine = Bundle(*STORES).migration
    task = ledger.open_task(mine, "rollback")
    ledger.commit_step(
        task.id, {"after": SECRET_KEY}, Counter(written=7, skipped=0), [Item(SECRET_KEY, "written", 5.0)]
    )
    ledger.close_task(task.id, TaskState.INTERRUPTED)
    shown = told(ledger)
    assert "rollback 1: interrupted, began" in shown
    assert shown.count("written 7") == 1
    assert "skipped" not in shown


def test_the_end_is_shown(ledger: Ledger) -> None:
    ended = {"since": moment(1_763_600_000.0), "evidence_digest": None}
    ledger.add_evidence(Bundle(*STORES).migration, FINISHED, ended)
    assert f"finished since {ended['since']['iso']}" in told(ledger)


def test_of_other_stores_nothing_is_said(ledger: Ledger) -> None:
    ledger.open_task(Bundle(STORES[0], "sqlite:other.db", STORES[2]).migration, "repair")
    assert milestones(ledger) == []
