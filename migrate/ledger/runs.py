"""Runs and their sweeps, as the operator's ledger remembers them, and the evidence collected on the way.

A sweep can be rebuilt from the target's checkpoints: the target is right, the ledger is its echo.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrate.core.ports import RunId, Tally
from migrate.errors import ConfigError
from migrate.ledger.book import Book, from_json, tally_to_json, to_json


class RunKind(enum.StrEnum):
    """What a run does."""

    EXPORT = "export"
    VERIFY = "verify"


@dataclass(frozen=True, slots=True)
class Run:
    """One invocation that can be resumed. Times are Unix seconds; addresses hold no secret."""

    id: RunId
    kind: RunKind
    source: str
    target: str
    prefixes: tuple[str, ...]
    options: Mapping[str, Any]
    created_at: float
    last_at: float


class SweepState(enum.StrEnum):
    """How a sweep stands."""

    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Sweep:
    """One pass of a run over the key space; `number` counts from 1 within the run.

    `listed_total`: how many keys it is expected to list, None when that is not known.
    """

    run: RunId
    number: int
    state: SweepState
    started_at: float
    finished_at: float | None = None
    listed_total: int | None = None
    tally: Tally = field(default_factory=Counter)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A dated document about a run. It holds no keys and no values."""

    kind: str
    at: float
    document: Mapping[str, Any]


class RunBook(Book):
    """The tables runs, sweeps and evidence."""

    def remember_run(
        self,
        run: RunId,
        kind: str,
        source: str,
        target: str,
        prefixes: Sequence[str],
        options: Mapping[str, object] | None = None,
    ) -> Run:
        """Remember the run, or that it was used again now (with these options)."""
        now = self._clock.now()
        row = (run, RunKind(kind), source, target, to_json(list(prefixes)), to_json(dict(options or {})))
        with self._transaction() as db:
            db.execute(
                """INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE
                   SET options = excluded.options, last_at = max(last_at, excluded.last_at)""",
                (*row, now, now),
            )
        return self.run(run)

    def runs(self) -> list[Run]:
        """All runs, the one used last first."""
        return [_run(row) for row in self._rows("SELECT * FROM runs ORDER BY last_at DESC, id")]

    def run(self, start: str) -> Run:
        """The run whose id begins with `start`. Raises ConfigError unless there is just one."""
        hint = "kvferry status lists the runs"
        if not start:
            raise ConfigError("a run's id is empty", hint)
        found = self._rows("SELECT * FROM runs WHERE substr(id, 1, ?) = ?", (len(start), start))
        if len(found) != 1:
            which = "no run's id begins" if not found else f"the ids of {len(found)} runs begin"
            raise ConfigError(f"{which} with {start[:16]!r}", hint)
        return _run(found[0])

    def save_sweep(self, sweep: Sweep) -> None:
        """Write the sweep as it stands now over what was known of it."""
        row = (
            sweep.run,
            sweep.number,
            SweepState(sweep.state),
            sweep.started_at,
            sweep.finished_at,
            sweep.listed_total,
            tally_to_json(sweep.tally),
            sweep.note,
        )
        with self._transaction() as db:
            db.execute(
                """INSERT INTO sweeps VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run, number) DO UPDATE
                   SET state = excluded.state, started_at = excluded.started_at,
                       finished_at = excluded.finished_at,
                       listed_total = coalesce(excluded.listed_total, listed_total),
                       tally = excluded.tally, note = excluded.note""",
                row,
            )

    def sweeps(self, run: RunId) -> list[Sweep]:
        """The run's sweeps, oldest first."""
        return [
            Sweep(RunId(r[0]), r[1], SweepState(r[2]), r[3], r[4], r[5], Counter(from_json(r[6])), r[7])
            for r in self._rows("SELECT * FROM sweeps WHERE run = ? ORDER BY number", (run,))
        ]

    def add_evidence(
        self, run: RunId, kind: str, document: Mapping[str, Any], at: float | None = None
    ) -> None:
        """Keep a document about the run. `at`: Unix seconds, now by default."""
        row = (run, kind, self._clock.now() if at is None else at, to_json(dict(document)))
        with self._transaction() as db:
            db.execute("INSERT INTO evidence (run, kind, at, document) VALUES (?, ?, ?, ?)", row)

    def evidence(self, run: RunId) -> list[Evidence]:
        """All evidence about the run, oldest first."""
        rows = self._rows("SELECT kind, at, document FROM evidence WHERE run = ? ORDER BY at, id", (run,))
        return [Evidence(kind, at, from_json(text)) for kind, at, text in rows]


def _run(row: Sequence[Any]) -> Run:
    run, kind, source, target, prefixes, options, created_at, last_at = row
    return Run(
        id=RunId(run),
        kind=RunKind(kind),
        source=source,
        target=target,
        prefixes=tuple(from_json(prefixes)),
        options=from_json(options),
        created_at=created_at,
        last_at=last_at,
    )
