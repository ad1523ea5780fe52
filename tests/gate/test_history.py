"""What a bundle brings beside the evidence, and that nobody can change it unseen."""

from __future__ import annotations

import copy
import json
from collections import Counter
from pathlib import Path

import pytest

from migrate.clock import SystemClock
from migrate.core.document import Document, moment
from migrate.errors import ConfigError
from migrate.formats import report
from migrate.gate.bundle import of_document as bundle_of
from migrate.gate.finish import FINISHED
from migrate.gate.history import History, _digest, history_document, of_document, of_ledger
from migrate.ledger.ledger import Ledger
from migrate.ledger.tasks import Item, TaskState
from migrate.main import run
from tests.gate.test_gate import SECRET, STORES, here, reports

__all__ = ["here", "reports"]


@pytest.fixture
def bundle(here: Path, reports: dict[str, Document]) -> Document:
    """Of a real export and verify, two verdicts, a task that was broken off, and an end."""
    for door in ("object-first", "cleanup"):
        assert run(["gate", "--for", door, *STORES, "--quiet"]) == 3
    found = exported(here)
    with Ledger.open(Path(".kvferry/ledger.db"), clock=SystemClock()) as ledger:
        mine = bundle_of(found).migration
        task = ledger.open_task(mine, "repair")
        ledger.commit_step(task.id, {"last": SECRET}, Counter(written=3), [Item(SECRET, "due", 1.0)])
        ledger.close_task(task.id, TaskState.INTERRUPTED, "")
        ledger.add_evidence(mine, "repair-report", repaired())
        ledger.add_evidence(mine, FINISHED, {"since": moment(5.0), "evidence_digest": None})
    return exported(here)


def repaired() -> Document:
    """As much of its report as a bundle takes, and a sample that it must not take."""
    failed = {"count": 1, "samples": [{"fingerprint": "x#0123456789ab", "reason": SECRET}], "more": 0}
    told = {"candidates": 4, "tally": {"copied": 3, "failed": 1, "equal": 0}, "balanced": True, "exit": 3}
    return {**told, "started": moment(3.0), "finished": moment(4.0), "state": "unfinished", "failed": failed}


def exported(folder: Path) -> Document:
    assert run(["evidence", "export", *STORES, "--output", "json=evidence.json"]) == 0
    return report.read(folder / "evidence.json", "evidence")


def test_a_bundle_says_what_the_ledger_remembers(bundle: Document) -> None:
    found = of_document(bundle["history"])
    assert found is not None
    assert [one.document["door"] for one in found.verdicts] == ["object-first", "cleanup"]
    assert all(one.intact for one in found.verdicts)
    told = [(one["what"], one["state"], one.get("tally")) for one in found.passes]
    assert told == [
        ("export", "complete", None),
        ("verify", "complete", None),
        ("repair", "interrupted", {"written": 3}),
    ]
    assert found.finished == 5.0
    (work,) = found.works
    assert (work["what"], work["total"], work["tally"]) == ("repair", 4, {"copied": 3, "failed": 1})
    with Ledger.open(Path(".kvferry/ledger.db"), clock=SystemClock(), read_only=True) as ledger:
        assert of_ledger(ledger, bundle_of(bundle)) == found


@pytest.mark.parametrize(
    ("name", "total"),
    [("repair-report", "candidates"), ("rollback-report", "listed"), ("cleanup-report", "listed")],
)
def test_every_report_of_a_task_says_what_a_bundle_takes_of_it(name: str, total: str) -> None:
    wanted = {total, "started", "finished", "state", "exit", "tally", "balanced"}
    assert wanted <= set(report.schema(name)["required"])


def test_no_position_of_a_task_leaves_the_ledger(bundle: Document) -> None:
    assert SECRET not in json.dumps(bundle)


def test_a_bundle_of_an_earlier_release_has_none_and_keeps_its_schema(bundle: Document) -> None:
    del bundle["history"]
    report.validate(bundle, "evidence")
    assert bundle_of(bundle).exhibits
    assert of_document(bundle.get("history")) is None
    assert of_document(history_document(History())) == History()


def test_a_history_without_accounts_of_tasks_is_one(bundle: Document) -> None:
    with_works = of_document(bundle["history"])
    assert with_works is not None
    told = history_document(History(with_works.verdicts, with_works.passes, with_works.finished))
    bare = {name: value for name, value in told.items() if name != "works"}
    bare["digest"] = _digest(bare)
    report.validate({**bundle, "history": bare}, "evidence")
    found = of_document(bare)
    assert found is not None
    assert found.works == ()


def test_a_verdict_that_was_edited_is_marked_and_the_others_are_not(bundle: Document) -> None:
    told = copy.deepcopy(bundle["history"])
    told["verdicts"][0]["document"]["verdict"] = "open"
    found = of_document(told)
    assert found is not None
    assert [one.intact for one in found.verdicts] == [False, True]


@pytest.mark.parametrize("how", ["dropped", "passed", "unfinished", "balanced"])
def test_a_history_that_was_changed_is_refused(bundle: Document, how: str) -> None:
    told = copy.deepcopy(bundle["history"])
    match how:
        case "dropped":
            del told["verdicts"][0]
        case "passed":
            told["passes"][2]["state"] = "complete"
        case "unfinished":
            told["finished"] = None
        case "balanced":
            told["works"].clear()
    with pytest.raises(ConfigError, match="not what it was"):
        of_document(told)
