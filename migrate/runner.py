"""Export and verify as calls: the only place where stores, ledger, threads and progress meet.

    settings = Settings(clock=SystemClock())
    ended = export("kv:", "sqlite:sessions.db", settings=settings)
    ended = verify("kv:", "sqlite:sessions.db", settings=settings)

The words are those of the command line, which only parses them and prints `Ended.document`.
"""

from __future__ import annotations

import contextlib
import getpass
import io
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from migrate import addresses
from migrate.core.comparing import AGAINST, Kind, Rules, Stage
from migrate.core.copying import Validate
from migrate.core.difference import Difference, State
from migrate.core.document import Document, command
from migrate.core.partition import disjoint, run_id
from migrate.core.ports import (
    LISTED,
    Claim,
    Holder,
    Outcome,
    Quarantined,
    RunId,
    Source,
    SweepInfo,
    Tally,
    Target,
)
from migrate.core.record import Key
from migrate.core.rereading import Patience
from migrate.errors import ConfigError, Exit, MigrateError
from migrate.exporting import Exporter, Order, SweepResult
from migrate.formats.export import ExportFacts, build_export
from migrate.formats.progress import Progress
from migrate.formats.verify import SHOWN, VerifyFacts, build_verify, verdict
from migrate.ledger.ledger import Ledger
from migrate.ledger.runs import RunKind, Sweep, SweepState
from migrate.ledger.verifies import VerifyId, VerifyState
from migrate.opening import Opener, Settings
from migrate.staging import Staging
from migrate.verifying import SOURCE_KEYS, Look, Verifier

DEFAULT_PREFIX = "spotify_session:"
DEFAULT_ROUNDS = 3
SAMPLES = 20


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its report, its exit code, and the error that stopped it, if one did."""

    document: Document
    exit: Exit
    error: MigrateError | None = None


@dataclass(slots=True)
class _Waits:
    """How long requests waited, and why; overlapping waits of several threads count once."""

    settings: Settings
    progress: Progress
    seconds: float = 0.0
    _until: float = 0.0

    def heard(self, cause: str, seconds: float) -> None:
        now = self.settings.clock.monotonic()
        until = now + seconds
        self.seconds += max(0.0, until - max(now, self._until))
        self._until = max(self._until, until)
        if seconds >= 1.0:
            self.progress.throttled(cause)

    def over(self) -> None:
        if self.settings.clock.monotonic() >= self._until:
            self.progress.throttled(None)


@dataclass(slots=True)
class _Desk:
    """What both commands have open while they work."""

    settings: Settings
    progress: Progress
    ledger: Ledger
    waits: _Waits
    opener: Opener
    started: float
    failed: list[Quarantined] = field(default_factory=list)

    def note_failed(self, key: Key, reason: str) -> None:
        if len(self.failed) < SAMPLES:
            self.failed.append(Quarantined(key, reason))


@contextlib.contextmanager
def _desk(settings: Settings, progress: Progress | None) -> Iterator[_Desk]:
    shown = progress or Progress(io.StringIO(), settings.clock, quiet=True)
    with contextlib.ExitStack() as stack:
        ledger = stack.enter_context(Ledger.open(settings.ledger, clock=settings.clock))
        waits = _Waits(settings, shown)
        opener = Opener(settings, ledger, waits.heard)
        stack.callback(opener.close)
        stack.enter_context(shown)
        yield _Desk(settings, shown, ledger, waits, opener, settings.clock.now())


def claim(ledger: Ledger) -> Claim:
    """Who asks for the lease: this operator's ledger, on this machine, in this process."""
    host = socket.gethostname()
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"user {os.getuid()}"
    return Claim(ledger.token, f"{user}@{host}", host, os.getpid())


# ---------------------------------------------------------------- export


def export(
    source: str,
    target: str,
    *,
    settings: Settings,
    prefixes: Sequence[str] = (DEFAULT_PREFIX,),
    sweeps: int = 1,
    settle: float | None = None,
    rounds: int = DEFAULT_ROUNDS,
    limit: int | None = None,
    fresh: bool = False,
    dry_run: bool = False,
    retry_quarantined: bool = False,
    schema: Path | None = None,
    partitions: str | None = None,
    progress: Progress | None = None,
) -> Ended:
    """Copy the sessions of `source` into `target`; the same call resumes an unfinished one.

    Addresses as in `migrate.addresses`. `settle`: seconds between two readings of what differs
    (None: what the source calls for). `limit`: stop after so many keys, for a trial. `schema`: a
    JSON Schema that values must satisfy. `partitions`: a name in `core.partition.ALPHABETS`.
    Raises ConfigError and StoreRefused before anything is written; an error after that is in
    `Ended.error`, with a report of what was done.
    """
    validate, schema_digest = _schema(schema)
    with _desk(settings, progress) as desk:
        opened = desk.opener.source(source)
        staging = Staging.of(addresses.parse(target), fresh=fresh, clock=settings.clock)
        run = run_id("export", opened.address, staging.address, prefixes, schema_digest)
        order = Order(
            run=run,
            prefixes=disjoint(prefixes),
            horizon=opened.horizon if settle is None else settle,
            sweeps=sweeps,
            rounds=rounds,
            limit=limit,
            fresh=fresh,
            retry_quarantined=retry_quarantined,
            alphabet=partitions,
            validate=validate,
            failed=desk.note_failed,
        )
        work = _Export(desk, opened, order, staging, (source, target), schema, dry_run)
        return work.done()


@dataclass(slots=True)
class _Export:
    """One export: the sweeps, their echo in the ledger, and the report."""

    desk: _Desk
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


def _schema(path: Path | None) -> tuple[Validate | None, str]:
    if path is None:
        return None, ""
    from migrate.payload import load

    return load(path)


def _some_quarantined(target: Holder, prefixes: Sequence[str]) -> list[Quarantined]:
    found: list[Quarantined] = []
    for prefix in prefixes:
        for entry in target.quarantined(prefix):
            found.append(entry)
            if len(found) >= SAMPLES:
                return found
    return found


# ---------------------------------------------------------------- verify


def verify(
    source: str,
    target: str,
    *,
    settings: Settings,
    prefixes: Sequence[str] = (DEFAULT_PREFIX,),
    settle: float | None = None,
    rounds: int = DEFAULT_ROUNDS,
    sample: int | None = None,
    recheck: bool = False,
    fresh: bool = False,
    exact: bool = False,
    ignore: Sequence[str] = (),
    stage: str = Stage.KV,
    progress: Progress | None = None,
) -> Ended:
    """Read both stores afresh, in both directions, and say whether they agree.

    `settle`: seconds between two readings of a difference (None: what the source calls for).
    `rounds`: how often one that keeps changing is read again. `sample`: only the first N keys;
    `recheck`: only the differences of the last verify; neither is ever a clean verdict.
    `exact`: bytes count where JSON is equal. `ignore`: ("metadata",). `stage`: the application's.
    Raises like `export`.
    """
    if sample is not None and recheck:
        raise ConfigError("--sample and --recheck exclude each other", "leave one out")
    with _desk(settings, progress) as desk:
        opened, holder = desk.opener.source(source), desk.opener.holder(target)
        horizon = opened.horizon if settle is None else settle
        how = [str(exact), *sorted(ignore), stage, f"sample {sample}", f"recheck {recheck}"]
        plain = run_id("verify", opened.address, holder.address, prefixes)
        run = run_id("verify", opened.address, holder.address, prefixes, *how)
        run = plain if how == ["False", Stage.KV, "sample None", "recheck False"] else run
        look = Look(
            disjoint(prefixes),
            Patience(horizon, rounds),
            Rules(exact, "metadata" not in ignore, Stage(stage), abs(opened.skew) + 1.0),
            sample,
        )
        work = _Verify(desk, opened, holder, look, run, plain, (source, target), recheck, tuple(ignore))
        return work.done(fresh=fresh)


@dataclass(slots=True)
class _Verify:
    """One verify: the walk, the settling, and the report."""

    desk: _Desk
    source: Source
    target: Holder
    look: Look
    run: RunId
    plain: RunId
    words: tuple[str, str]
    recheck: bool
    ignore: tuple[str, ...]
    _seen: int = 0

    def done(self, *, fresh: bool) -> Ended:
        ledger = self.desk.ledger
        ledger.remember_run(
            self.run, RunKind.VERIFY, self.source.address, self.target.address, self.look.prefixes
        )
        earlier = self._earlier() if self.recheck else None
        verify = ledger.open_verify(self.run, fresh)
        error = self._compare(verify, earlier)
        return self._report(verify, error)

    def _earlier(self) -> VerifyId:
        ledger = self.desk.ledger
        found = [v for run in (self.plain, self.run) if (v := ledger.last_verify(run, complete=True))]
        if not found:
            raise ConfigError(
                "there is no finished verify whose differences could be read again",
                "run the same command without --recheck first",
            )
        return max(found, key=lambda one: one.started_at).id

    def _compare(self, verify: VerifyId, earlier: VerifyId | None) -> MigrateError | None:
        desk = self.desk
        verifier = Verifier(
            self.source,
            self.target,
            desk.ledger,
            verify,
            self.look,
            desk.settings.clock,
            self._watch,
            self._wait,
        )
        self._seen = desk.ledger.tally(verify)[SOURCE_KEYS]
        desk.progress.start("verify", total=self.look.sample, done=self._seen)
        state = VerifyState.FAILED
        try:
            if earlier is not None:
                verifier.recheck(earlier)
            else:
                verifier.walk()
            verifier.settle()
        except KeyboardInterrupt:
            state = VerifyState.INTERRUPTED
            raise
        except MigrateError as error:
            desk.ledger.close_verify(verify, VerifyState.FAILED, None, error.message)
            return error
        else:
            state = VerifyState.COMPLETE
        finally:
            desk.progress.finish()
            if state is VerifyState.INTERRUPTED:
                desk.ledger.close_verify(verify, state, None)
        return None

    def _watch(self, tally: Tally) -> None:
        self._seen += tally[SOURCE_KEYS]
        self.desk.progress.reach(self._seen)
        self.desk.waits.over()

    def _wait(self, seconds: float) -> None:
        self.desk.progress.throttled(f"differences settle for {seconds:.0f} s")
        self.desk.settings.clock.sleep(seconds)
        self.desk.progress.throttled(None)

    def _report(self, verify: VerifyId, error: MigrateError | None) -> Ended:
        desk, ledger, look = self.desk, self.desk.ledger, self.look
        partial = f"--sample {look.sample}" if look.sample is not None else None
        partial = "--recheck, only the last differences were read" if self.recheck else partial
        mine = next(one for one in ledger.verifies(self.run) if one.id == verify)
        facts = VerifyFacts(
            run=self.run,
            number=mine.number,
            source=self.source.address,
            target=self.target.address,
            prefixes=look.prefixes,
            started=mine.started_at,
            finished=desk.settings.clock.now(),
            complete=error is None,
            tally=ledger.tally(verify),
            counts=ledger.counts(verify),
            settle=look.patience.horizon,
            default_settle=self.source.horizon,
            rounds=look.patience.rounds,
            next="",
            errors=ledger.error_counts(verify),
            skipped=ledger.skip_count(verify),
            partial=partial,
            stage=look.rules.stage,
            exact=look.rules.exact,
            ignored=self.ignore,
            skew=self.source.skew,
            requests=desk.opener.requests,
            throttled=desk.waits.seconds,
            differences=self._worth_showing(verify),
            read_errors=ledger.read_errors(verify, SAMPLES),
            skips=ledger.skips(verify, SAMPLES),
            note=error.message if error else "",
        )
        word, code = verdict(facts)
        document = build_verify(facts, ledger.fingerprints)
        document["next"] = self._next(word)
        if error is None:
            ledger.close_verify(verify, VerifyState.COMPLETE, word)
        ledger.add_evidence(self.run, "verify-report", document)
        return Ended(document, code if error is None else error.exit, error)

    def _worth_showing(self, verify: VerifyId) -> list[Difference]:
        """The settled ones first, then what is not proven."""
        found = self.desk.ledger.differences
        doubtful = (State.UNSETTLED, State.OPEN)
        return [
            *found(verify, (State.SETTLED,), SHOWN, kinds=AGAINST),
            *found(verify, doubtful, SHOWN, kinds=AGAINST | {Kind.EXPIRING}),
        ]

    def _next(self, word: str) -> str:
        source, target = self.words
        if word == "clean":
            return command("status", source, target, ()).split(" --source")[0]
        verb = "export" if word == "differences" and not self.recheck else "verify"
        return command(verb, source, target, self.look.prefixes)
