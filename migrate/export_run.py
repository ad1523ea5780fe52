"""One export: its sweeps, their echo in the ledger, the report, and what to type next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from migrate.core.document import command
from migrate.core.ports import (
    LISTED,
    Holder,
    Outcome,
    Quarantined,
    Source,
    SweepInfo,
    Tally,
    Target,
)
from migrate.desk import SAMPLES, Desk, Ended, claim
from migrate.errors import Exit, MigrateError
from migrate.exporting import Exporter, Order, SweepResult
from migrate.formats.export import ExportFacts, build_export
from migrate.ledger.runs import RunKind, Sweep, SweepState
from migrate.staging import Staging


@dataclass(slots=True)
class ExportRun:
    """One export: the sweeps, their echo in the ledger, and the report."""

    desk: Desk
    source: Source
    order: Order
    staging: Staging
    words: tuple[str, str]
    schema: Path | None
    dry_run: bool
    _saved: float = float("-inf")
    _info: SweepInfo | None = None
    _tally: Tally = field(default_factory=Tally)
    _result: SweepResult | None = None

    def done(self) -> Ended:
        """Run all sweeps. Raises what stops it before the first transaction; later ones are in `Ended`."""
        with self.staging.open(dry_run=self.dry_run) as target:
            error = self._sweep(target)
            if error is None and not self.dry_run and self._result and self._result.complete:
                self.staging.finish(self.order.prefixes)
            return self._report(target, error)

    def _sweep(self, target: Target) -> MigrateError | None:
        desk, order = self.desk, self.order
        self._remember(target)
        exporter = Exporter(self.source, target, order, desk.settings.clock, self._watch)
        label = "rehearse" if self.dry_run else "export"
        desk.progress.start(label, total=self._total())
        ended: MigrateError | None = None
        state = SweepState.FAILED
        try:
            for result in exporter.run(claim(desk.ledger)):
                self._result, self._info, self._tally = result, result.info, result.tally
                self._save(SweepState.COMPLETE if result.complete else SweepState.INTERRUPTED)
                if result.complete and result.info.number < order.sweeps:
                    desk.progress.say(f"sweep {result.info.number} is complete")
        except KeyboardInterrupt:
            state = SweepState.INTERRUPTED
            raise
        except MigrateError as error:
            if self._info is None:
                raise
            ended = error
        finally:
            if self._result is None or self._result.info != self._info:
                self._save(state)
            desk.progress.finish()
        return ended

    def _remember(self, target: Target) -> None:
        """Tell the ledger of the run, and rebuild what it knows of earlier sweeps from the target."""
        if self.dry_run:
            return
        ledger, order = self.desk.ledger, self.order
        shown = (self.source.address, self.staging.address, list(order.prefixes))
        ledger.remember_run(order.run, RunKind.EXPORT, *shown, self._options())
        for info in target.sweeps(order.run):
            state = SweepState.INTERRUPTED if info.finished is None else SweepState.COMPLETE
            tally: Tally = Tally()
            for mark in target.checkpoints(info.id):
                if mark.partition in order.prefixes:
                    tally.update(mark.tally)
            ledger.save_sweep(Sweep(order.run, info.number, state, info.started, info.finished, None, tally))

    def _total(self) -> int | None:
        """How many keys there will be: counted already (a dump), or as many as last time."""
        if self.order.limit is not None:
            return self.order.limit
        count = getattr(self.source, "count", None)
        if isinstance(count, int):
            return count
        known = [s.tally[LISTED] for s in self.desk.ledger.sweeps(self.order.run) if s.finished_at]
        return known[-1] if known else None

    def _watch(self, info: SweepInfo, tally: Tally) -> None:
        self._info, self._tally = info, tally
        self.desk.progress.reach(tally[LISTED])
        self.desk.waits.over()
        now = self.desk.settings.clock.monotonic()
        if now - self._saved >= 1.0:
            self._saved = now
            self._save(SweepState.RUNNING)

    def _save(self, state: SweepState) -> None:
        if self._info is None or self.dry_run:
            return
        info = self._info
        self.desk.ledger.save_sweep(
            Sweep(self.order.run, info.number, state, info.started, info.finished, None, self._tally)
        )

    def _options(self) -> dict[str, object]:
        return {"schema": str(self.schema)} if self.schema else {}

    def _report(self, target: Target, error: MigrateError | None) -> Ended:
        desk, order = self.desk, self.order
        complete = error is None and self._result is not None and self._result.complete
        partial = f"--limit {order.limit}" if order.limit is not None and not complete else None
        partial = "--dry-run" if self.dry_run else partial
        code = _export_exit(self._tally, complete=complete, partial=partial, error=error)
        facts = ExportFacts(
            run=order.run,
            source=self.source.address,
            target=self.staging.address,
            prefixes=order.prefixes,
            sweep=self._info.number if self._info else 1,
            started=desk.started,
            finished=desk.settings.clock.now(),
            complete=complete,
            tally=self._tally,
            exit=code,
            next=self._next(complete=complete, partial=partial),
            partial=partial,
            dry_run=self.dry_run,
            requests=desk.opener.requests,
            throttled=desk.waits.seconds,
            settle=order.horizon,
            quarantined=_some_quarantined(target, order.prefixes),
            failed=desk.failed,
            note=error.message if error else "",
        )
        document = build_export(facts, desk.ledger.fingerprints)
        if not self.dry_run:
            desk.ledger.add_evidence(order.run, "export-report", document)
        return Ended(document, Exit(document["exit"]), error)

    def _next(self, *, complete: bool, partial: str | None) -> str:
        source, target = self.words
        prefixes, tally = self.order.prefixes, self._tally
        again = {"schema": str(self.schema)} if self.schema else {}
        if partial or not complete:
            return command("export", source, target, prefixes, again)
        if tally[Outcome.QUARANTINED] and not self.order.retry_quarantined:
            return command("export", source, target, prefixes, {**again, "retry_quarantined": True})
        if tally[Outcome.FAILED] or tally[Outcome.WAITING] or tally[Outcome.UNCOMPARED]:
            return command("export", source, target, prefixes, again)
        return command("verify", source, target, prefixes)


def _export_exit(tally: Tally, *, complete: bool, partial: str | None, error: MigrateError | None) -> Exit:
    if error is not None:
        return error.exit
    if partial or not complete or tally[Outcome.FAILED]:
        return Exit.UNFINISHED
    return Exit.AGAINST if tally[Outcome.QUARANTINED] else Exit.CLEAN


def _some_quarantined(target: Holder, prefixes: Sequence[str]) -> list[Quarantined]:
    found: list[Quarantined] = []
    for prefix in prefixes:
        for entry in target.quarantined(prefix):
            found.append(entry)
            if len(found) >= SAMPLES:
                return found
    return found
