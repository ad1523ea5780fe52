"""One export: its sweeps, their echo in the ledger, the report, and what to type next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from migrate.core.authority import Authority
from migrate.core.document import command
from migrate.core.ports import (
    LISTED,
    UNNAMED,
    Claim,
    Countable,
    Holder,
    Outcome,
    Quarantined,
    RunId,
    Source,
    SweepInfo,
    Tally,
    Target,
)
from migrate.desk import SAMPLES, Desk, Ended, claim
from migrate.errors import ConfigError, Exit, MigrateError
from migrate.exporting import Exporter, Order, SweepResult
from migrate.fencing import met
from migrate.formats.export import ExportFacts, build_export
from migrate.formats.figures import no_key, plural, unsaid_authority
from migrate.ledger.runs import RunKind, Sweep, SweepState
from migrate.staging import Remote, Staging
from migrate.stores.finishing import refused


@dataclass(slots=True)
class ExportRun:
    """One export: the sweeps, their echo in the ledger, and the report."""

    desk: Desk
    source: Source
    order: Order
    staging: Staging | Remote
    words: tuple[str, str]
    schema: Path | None
    dry_run: bool
    plain: RunId
    configuration: str
    location_hint: str | None = None
    lift_fence: bool = False
    _fenced: float | None = None
    _saved: float = float("-inf")
    _info: SweepInfo | None = None
    _tally: Tally = field(default_factory=Tally)
    _result: SweepResult | None = None
    _bare: Sequence[str] = ()

    def done(self) -> Ended:
        """Run all sweeps. Raises what stops it before the first transaction; later ones are in `Ended`."""
        mine = claim(self.desk.ledger)
        with self.staging.open(mine, dry_run=self.dry_run) as target:
            error = self._sweep(target, mine)
            ended = self._report(target, error)
        if error is None and self._whole() and not self._tally[Outcome.QUARANTINED]:
            self.staging.discard()
        return ended

    def _whole(self) -> bool:
        """Is everything copied that a dump must hold? One that lacks what could not be read is none."""
        complete = self._result is not None and self._result.complete and not self.dry_run
        return complete and not self._tally[Outcome.FAILED]

    def _sweep(self, target: Target, mine: Claim) -> MigrateError | None:
        desk, order = self.desk, self.order
        self._remember(target)
        exporter = Exporter(self.source, target, order, desk.settings.clock, self._watch)
        if order.retry_quarantined and not self.dry_run:
            self._check_finished(target, exporter)
        if isinstance(self.staging, Staging) and self.staging.dump is not None and not self.dry_run:
            order = replace(order, sweeps=self._sweeps_left(self.staging, target, exporter))
            exporter = replace(exporter, order=order)
        label = "rehearse" if self.dry_run else "export"
        begun = [] if order.fresh else [one for one in target.sweeps(order.run) if one.finished is None]
        done = sum(exporter.result_of(one).tally[LISTED] for one in begun[-1:])
        desk.progress.start(label, total=self._total(), done=done)
        ended: MigrateError | None = None
        state = SweepState.FAILED
        try:
            with exporter.leased(mine):
                self._meet_fence(target)
                for result in exporter.run():
                    self._result, self._info, self._tally = result, result.info, result.tally
                    self._save(SweepState.COMPLETE if result.complete else SweepState.INTERRUPTED)
                    if result.complete and result.info.number < order.sweeps:
                        desk.progress.say(f"sweep {result.info.number} is complete")
                if self._whole():
                    self.staging.write(target, order.prefixes)
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

    def _meet_fence(self, target: Target) -> None:
        """Lift the fence of a gate's verify, if that was said; else say that it is up. Raises StoreRefused
        for a target that is finished, before anything is read for it."""
        if target.finished_since() is not None:
            raise refused(target.address)
        if self.lift_fence:
            target.end_gate_verify()
            self.desk.progress.say("the fence is lifted: every verdict that rests on it is void")
        elif (since := target.fenced_since()) is not None:
            self.desk.progress.say(met(since))

    def _check_finished(self, target: Target, exporter: Exporter) -> None:
        """Refuse to read the quarantine of a sweep that is not finished: it is not all there yet.

        The schema may have got well since, and so may a file: then it was another run's sweep. But a
        dump is made of one.
        """
        runs = [self.plain]
        if self.staging.dump is None:
            mine = (self.source.address, self.staging.address, tuple(self.order.prefixes))
            known = [run for run in self.desk.ledger.runs() if run.kind is RunKind.EXPORT]
            runs += [run.id for run in known if (run.source, run.target, run.prefixes) == mine]
        last = [exporter.result_of(sweep) for run in runs for sweep in target.sweeps(run)[-1:]]
        if not any(sweep.complete and not sweep.tally[Outcome.FAILED] for sweep in last):
            raise ConfigError(
                "there is no finished sweep of which only the quarantine is left to be read",
                "run the same command without --retry-quarantined first",
            )

    def _sweeps_left(self, staging: Staging, target: Target, exporter: Exporter) -> int:
        """How many sweeps a dump still needs: none when all it waits for is to be written."""
        order = self.order
        known = target.sweeps(order.run)
        if not target.sweeps(self.plain) and next(target.rows_between("", None, None), None) is not None:
            raise ConfigError(
                f"{staging.file} was begun from another source, with other prefixes, schema or project list",
                "pass --fresh to throw it away, or name another dump",
            )
        if not known or order.retry_quarantined:
            return order.sweeps
        last = exporter.result_of(known[-1])
        finished = sum(sweep.finished is not None for sweep in known)
        if finished < order.sweeps or not last.complete or last.tally[Outcome.FAILED]:
            return max(1, order.sweeps - finished)
        if staging.replace and last.tally[Outcome.QUARANTINED]:
            raise ConfigError(
                f"{staging.dump} is complete already, but for what is in quarantine",
                "pass --retry-quarantined, or --fresh to write it anew",
            )
        self._result, self._info, self._tally = last, last.info, last.tally
        return 0

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
        now = self.desk.settings.clock.monotonic()
        if now - self._saved >= 1.0:
            self._saved = now
            self._save(SweepState.RUNNING)
        self.desk.waits.over()

    def _save(self, state: SweepState) -> None:
        if self._info is None or self.dry_run:
            return
        info = self._info
        self.desk.ledger.save_sweep(
            Sweep(self.order.run, info.number, state, info.started, info.finished, None, self._tally)
        )

    def _options(self) -> dict[str, object]:
        """What a command repeats to be this run again."""
        given = {**self.desk.settings.typed(), "schema": str(self.schema) if self.schema else None}
        given["retry_quarantined"] = self.order.retry_quarantined or None
        given["ignore_names"] = list(self.order.names.globs) or None
        given["location_hint"] = self.location_hint
        given["authority"] = self.order.authority and str(self.order.authority)
        return {name: value for name, value in given.items() if value is not None}

    def _report(self, target: Target, error: MigrateError | None) -> Ended:
        desk, order = self.desk, self.order
        self._bare = [] if error else self._without_keys(target)
        self._fenced = None if error else target.fenced_since()
        complete = error is None and self._result is not None and self._result.complete
        partial = f"--limit {order.limit}" if order.limit is not None and not complete else None
        partial = "--dry-run" if self.dry_run else partial
        differing = self._tally[Outcome.WAITING] + self._older
        code = _export_exit(self._tally, complete=complete, partial=partial, error=error, differing=differing)
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
            quarantined=_some_quarantined(target, order.prefixes, self._tally[Outcome.QUARANTINED]),
            failed=desk.failed,
            configuration=self.configuration,
            project=order.projection.entries(),
            authority=order.authority,
            note=error.message if error else self._note(complete=complete),
            ignored_names=order.names.left_out,
            aside=self.source.aside if isinstance(self.source, Countable) else {},
        )
        document = build_export(facts, desk.ledger.fingerprints) | desk.settings.told()
        if not self.dry_run:
            desk.ledger.add_evidence(order.run, "export-report", document)
        return Ended(document, Exit(document["exit"]), error)

    def _note(self, *, complete: bool) -> str:
        bare = no_key(self._bare)
        if bare and not self._tally[LISTED]:
            return bare
        unsaid = unsaid_authority(self._tally[Outcome.LEGACY] if self.order.authority is None else 0)
        fenced = "" if self._fenced is None else met(self._fenced)
        return "; ".join(filter(None, [fenced, unsaid, self._why(complete=complete), bare]))

    @property
    def _older(self) -> int:
        """How many rows from before kvferry differ, and are not known to be right as they are."""
        return 0 if self.order.authority is Authority.TARGET else self._tally[Outcome.LEGACY]

    def _without_keys(self, target: Target) -> list[str]:
        """Which prefixes the source has no key under: a misspelt one copies nothing and fails nowhere."""
        walked = self._result is not None and self._result.complete
        if not walked or self._info is None or self.order.retry_quarantined:
            return []
        listed: Tally = Tally()
        for mark in target.checkpoints(self._info.id):
            listed[mark.partition] += mark.tally[LISTED]
        seen = [partition for partition, number in listed.items() if number]
        return [one for one in self.order.prefixes if not any(part.startswith(one) for part in seen)]

    def _why(self, *, complete: bool) -> str:
        if not complete or self.dry_run:
            return ""
        if self.staging.dump is not None and not self._whole():
            return f"{self.staging.dump} is not written: some keys could not be read"
        if self._older and self.order.authority is Authority.KV:
            rows = "rows from before kvferry differ"
            if not self.source.live:
                return f"{rows}, and a snapshot replaces none: export from the application's own store"
            return f"{rows} and {self._wait}"
        if self._tally[Outcome.WAITING]:
            return f"some rows differ from the source and {self._wait}"
        if self._tally[Outcome.NEWER] and not self.source.live:
            return "what differs was kept: a snapshot cannot say which is newer; verify shows which it is"
        unnamed = self.source.aside.get(UNNAMED, 0) if isinstance(self.source, Countable) else 0
        if unnamed:
            return f"not copied: {plural(unnamed, 'object')} that hold something under no session's name"
        if not self._tally[LISTED]:
            what = "the quarantine is empty" if self.order.retry_quarantined else "is the prefix right?"
            return f"there was no key to copy: {what}"
        return ""

    @property
    def _wait(self) -> str:
        """What becomes of rows that a sweep could replace."""
        if self._fenced is not None:
            return "stay as they are"
        return "wait for the next sweep: type the same command again"

    def _next(self, *, complete: bool, partial: str | None) -> str:
        source, target = self.words
        prefixes, tally, again = self.order.prefixes, self._tally, self._options()
        if partial or not complete:
            return command("export", source, target, prefixes, again)
        quarantined = tally[Outcome.QUARANTINED] and not self.order.retry_quarantined
        if quarantined:
            return command("export", source, target, prefixes, {**again, "retry_quarantined": True})
        waits = self._older and self.order.authority is Authority.KV and self.source.live
        waits = bool(waits or tally[Outcome.WAITING]) and self._fenced is None
        if tally[Outcome.FAILED] or tally[Outcome.UNCOMPARED] or waits:
            return command("export", source, target, prefixes, again)
        names = {name: again.get(name) for name in ("ignore_names", "authority")}
        fence = {"fence": True if self._fenced is not None else None}
        return command("verify", source, target, prefixes, {**self.desk.settings.typed(), **names, **fence})


def _export_exit(
    tally: Tally, *, complete: bool, partial: str | None, error: MigrateError | None, differing: int
) -> Exit:
    """`differing`: rows that differ, and that another sweep or somebody's word must settle."""
    if error is not None:
        return error.exit
    if partial or not complete or tally[Outcome.FAILED] or differing:
        return Exit.UNFINISHED
    return Exit.AGAINST if tally[Outcome.QUARANTINED] else Exit.CLEAN


def _some_quarantined(target: Holder, prefixes: Sequence[str], total: int) -> list[Quarantined]:
    """The first few; not more than this sweep counted, for there may be older ones."""
    found: list[Quarantined] = []
    for prefix in prefixes:
        found.extend(islice(target.quarantined(prefix), min(SAMPLES, total) - len(found)))
    return found
