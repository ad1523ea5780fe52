"""What a ledger remembers beside the evidence: verdicts, runs and tasks as they ended, and the end itself.

    ledger ─▶ History ─▶ the member `history` of a bundle ─▶ History

No gate goes by it; whoever reviews a migration does. It names no session: a task's position, which may hold
a key, stays in the ledger.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from migrate.core.document import Document, moment
from migrate.core.partition import disjoint
from migrate.errors import ConfigError
from migrate.formats.report import validate
from migrate.gate.bundle import AGAIN, Bundle
from migrate.gate.exhibits import Exhibit
from migrate.gate.finish import FINISHED
from migrate.gate.verdicts import VERDICT
from migrate.ledger.ledger import Ledger
from migrate.ledger.runs import Run, RunKind

_WORKS = {"repair-report": "repair", "rollback-report": "rollback", "cleanup": "cleanup"}
"""The kinds of evidence that are reports of tasks, and the commands that they are of."""


@dataclass(frozen=True, slots=True)
class Given:
    """A verdict that was given. `intact`: it is what it was when the bundle was made, or is the ledger's."""

    document: Document
    intact: bool = True

    @property
    def digest(self) -> str:
        """SHA-256 of the verdict, as of any other evidence."""
        return Exhibit(VERDICT, self.document["issued"]["unix"], self.document).digest


@dataclass(frozen=True, slots=True)
class History:
    """`verdicts`: oldest first. `passes`: sweeps, verifies and tasks, whatever became of them. `works`: the
    accounts that repairs, rollbacks and cleanups gave. `finished`: since when the target is, Unix seconds;
    None: nobody finished it from here."""

    verdicts: tuple[Given, ...] = ()
    passes: tuple[Document, ...] = ()
    finished: float | None = None
    works: tuple[Document, ...] = ()


def of_ledger(ledger: Ledger, bundle: Bundle) -> History:
    """What a ledger remembers about the bundle's stores."""
    mine = (bundle.source, bundle.target, bundle.prefixes)
    runs = [run for run in ledger.runs() if (run.source, run.target, disjoint(run.prefixes)) == mine]
    passes = [one for run in runs for one in _passes(ledger, run)]
    passes += [
        _pass(one.kind, one.number, one.state, one.started_at, one.finished_at, one.tally)
        for one in ledger.tasks(bundle.migration)
    ]
    kept = ledger.evidence(bundle.migration)
    ended = [one.document["since"]["unix"] for one in kept if one.kind == FINISHED]
    return History(
        verdicts=tuple(Given(dict(one.document)) for one in kept if one.kind == VERDICT),
        passes=tuple(sorted(passes, key=lambda one: (one["started"]["unix"], one["what"]))),
        finished=min(ended, default=None),
        works=tuple(_work(one.kind, one.document) for one in kept if one.kind in _WORKS),
    )


def _work(kind: str, told: Mapping[str, Any]) -> Document:
    """What a report of a task says of its keys, and none of what it says of each."""
    total = told["candidates"] if "candidates" in told else told["listed"]
    return {
        "what": _WORKS[kind],
        "started": told["started"],
        "finished": told["finished"],
        "state": told["state"],
        "exit": told["exit"],
        "total": total,
        "tally": {name: number for name, number in told["tally"].items() if number},
        "balanced": told["balanced"],
    }


def _passes(ledger: Ledger, run: Run) -> Iterable[Document]:
    if run.kind is RunKind.EXPORT:
        for sweep in ledger.sweeps(run.id):
            yield _pass("export", sweep.number, sweep.state, sweep.started_at, sweep.finished_at)
    for verify in ledger.verifies(run.id):
        yield _pass("verify", verify.number, verify.state, verify.started_at, verify.finished_at)


def _pass(
    what: str,
    number: int,
    state: str,
    started: float,
    finished: float | None,
    tally: Mapping[str, int] | None = None,
) -> Document:
    document: Document = {
        "what": what,
        "number": number,
        "state": str(state),
        "started": moment(started),
        "finished": None if finished is None else moment(finished),
    }
    return document if tally is None else {**document, "tally": dict(tally)}


def history_document(history: History) -> Document:
    """The member `history` of a bundle."""
    document: Document = {
        "verdicts": [{"sha256": one.digest, "document": one.document} for one in history.verdicts],
        "passes": list(history.passes),
        "finished": None if history.finished is None else moment(history.finished),
        "works": list(history.works),
    }
    return {**document, "digest": _digest(document)}


def of_document(document: Document | None) -> History | None:
    """The history that a bundle has, None: it has none, as those of earlier releases.

    A verdict that is not what it was is marked so. Raises ConfigError when one is missing, when anything
    else is not what it was, or when a verdict does not keep its schema.
    """
    if document is None:
        return None
    if _digest(document) != document["digest"]:
        raise ConfigError("the history in the evidence is not what it was", AGAIN)
    for one in document["verdicts"]:
        validate(one["document"], VERDICT)
    told = [(Given(one["document"]), one["sha256"]) for one in document["verdicts"]]
    finished = document["finished"]
    return History(
        verdicts=tuple(Given(one.document, one.digest == digest) for one, digest in told),
        passes=tuple(document["passes"]),
        finished=None if finished is None else float(finished["unix"]),
        works=tuple(document.get("works", ())),
    )


def _digest(document: Document) -> str:
    """Over everything, of a verdict over its digest: one that was edited is told apart from the rest."""
    told = [
        [one["sha256"] for one in document["verdicts"]],
        document["passes"],
        document["finished"],
        *([document["works"]] if "works" in document else []),
    ]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
