"""What a ledger remembers of each migration besides runs: doors, tasks, and the end; for its status.

ledger ─▶ [{"source", "target", "prefixes", "doors", "tasks", "finished"}, …], the one used last first
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.core.document import Document, moment
from migrate.core.partition import disjoint
from migrate.gate.bundle import Bundle
from migrate.gate.history import of_ledger
from migrate.ledger.ledger import Ledger
from migrate.ledger.tasks import Task


def milestones(ledger: Ledger, only: str | None = None) -> list[Document]:
    """Of the stores and prefixes of the ledger's runs, those of which there is anything to tell. No keys.

    `only`: of the run whose id begins so. Raises ConfigError when that fits none or several.
    """
    runs = ledger.runs() if only is None else [ledger.run(only)]
    named = dict.fromkeys((run.source, run.target, disjoint(run.prefixes)) for run in runs)
    found = [_of(ledger, Bundle(*one)) for one in named]
    return [one for one in found if one["doors"] or one["tasks"] or one["finished"] is not None]


def _of(ledger: Ledger, bundle: Bundle) -> Document:
    history = of_ledger(ledger, bundle)
    return {
        "source": bundle.source,
        "target": bundle.target,
        "prefixes": list(bundle.prefixes),
        "doors": list(_doors([one.document for one in history.verdicts])),
        "tasks": [_task(one) for one in ledger.tasks(bundle.migration)],
        "finished": None if history.finished is None else moment(history.finished),
    }


def _doors(verdicts: list[Document]) -> Iterator[Document]:
    """The newest verdict on each door, in the order in which they were asked for last."""
    newest = {one["door"]: one for one in verdicts}
    for one in sorted(newest.values(), key=lambda one: float(one["issued"]["unix"])):
        yield {name: one[name] for name in ("door", "verdict", "issued", "expires")}


def _task(task: Task) -> Document:
    return {
        "kind": task.kind,
        "number": task.number,
        "state": task.state.value,
        "started": moment(task.started_at),
        "finished": None if task.finished_at is None else moment(task.finished_at),
        "tally": dict(sorted(task.tally.items())),
        "note": task.note,
    }
