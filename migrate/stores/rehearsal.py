"""`--dry-run`: a target that counts what would happen and changes nothing.

It reads the real target's rows, when there is one, so that the counts are those of a real run and
not zeros. Nothing is remembered beyond the process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from migrate.core.copying import standing
from migrate.core.ports import (
    Batch,
    Checkpoint,
    Claim,
    Clock,
    Holder,
    Outcome,
    Quarantined,
    RunId,
    Sighting,
    SweepInfo,
    Tally,
)
from migrate.core.record import Key, Row


class Rehearsal:
    """A Target over a Holder that is only read; `behind` None: the target does not exist yet."""

    def __init__(self, address: str, behind: Holder | None, clock: Clock) -> None:
        self.address = address
        self.identity = behind.identity if behind is not None else ""
        self._behind = behind
        self._clock = clock
        self._sweeps: list[SweepInfo] = []
        self._checkpoints: dict[tuple[int, str], Checkpoint] = {}

    def acquire(self, claim: Claim) -> None:
        """Nothing is written, so nobody need be kept out."""

    def release(self) -> None:
        """See acquire."""

    def heartbeat(self) -> None:
        """See acquire."""

    def sweeps(self, run: RunId) -> Sequence[SweepInfo]:
        """Only those of this process: a rehearsal always begins at the beginning."""
        return self._sweeps

    def open_sweep(self, run: RunId, number: int) -> SweepInfo:
        """Begin a sweep that nobody will remember."""
        info = SweepInfo(-number, run, number, self._clock.now(), None)
        self._sweeps.append(info)
        return info

    def close_sweep(self, sweep: int) -> None:
        """Mark it finished."""
        now = self._clock.now()
        self._sweeps = [replace(one, finished=now) if one.id == sweep else one for one in self._sweeps]

    def checkpoint(self, sweep: int, partition: str) -> Checkpoint | None:
        """The partition's checkpoint in this process."""
        return self._checkpoints.get((sweep, partition))

    def checkpoints(self, sweep: int) -> Sequence[Checkpoint]:
        """All checkpoints of the sweep."""
        return [mark for (number, _), mark in self._checkpoints.items() if number == sweep]

    def apply(self, batch: Batch, checkpoint: Checkpoint) -> Checkpoint:
        """Count what the real target would answer."""
        tally: Tally = Counter(checkpoint.tally)
        tally.update(batch.tally)
        rows = self.rows([record.key for record in batch.records])
        for record in batch.records:
            row = rows.get(record.key)
            outcome = Outcome.COPIED if row is None else standing(record, row)
            tally[batch.differing if outcome is Outcome.WAITING else outcome] += 1
        tally[Outcome.UPDATED] += len(batch.replacements)
        saved = replace(checkpoint, tally=tally)
        self._checkpoints[checkpoint.sweep, checkpoint.partition] = saved
        return saved

    def sightings(self, sweep: int, partition: str, limit: int, seen_before: float) -> Sequence[Sighting]:
        """None: a rehearsal does not wait for anything to settle."""
        return ()

    def begin_gate_verify(self) -> None:
        """Nothing is written, so nothing need be held off."""

    def end_gate_verify(self) -> None:
        """See begin_gate_verify."""

    def fenced_since(self) -> float | None:
        """The real target's."""
        return self._behind.fenced_since() if self._behind is not None else None

    def finish(self) -> None:
        """A rehearsal ends nothing."""

    def finished_since(self) -> float | None:
        """The real target's."""
        return self._behind.finished_since() if self._behind is not None else None

    def leased_until(self) -> float | None:
        """The real target's."""
        return self._behind.leased_until() if self._behind is not None else None

    def rows(self, keys: Sequence[Key]) -> Mapping[Key, Row]:
        """The real target's rows."""
        return self._behind.rows(keys) if self._behind is not None and keys else {}

    def rows_between(self, prefix: str, after: Key | None, upto: Key | None) -> Iterator[Row]:
        """The real target's rows."""
        return self._behind.rows_between(prefix, after, upto) if self._behind is not None else iter(())

    @property
    def verbatim(self) -> bool:
        """The real target's."""
        return self._behind is None or self._behind.verbatim

    @property
    def concealed(self) -> str | None:
        """The real target's."""
        return self._behind.concealed if self._behind is not None else None

    def shown(self, keys: Sequence[Key]) -> Mapping[Key, Row]:
        """The real target's rows, with their values."""
        return self._behind.shown(keys) if self._behind is not None and keys else {}

    def quarantined(self, prefix: str, after: Key | None = None) -> Iterator[Quarantined]:
        """The real target's quarantine."""
        return self._behind.quarantined(prefix, after) if self._behind is not None else iter(())

    def close(self) -> None:
        """Close the real target."""
        if self._behind is not None:
            self._behind.close()
