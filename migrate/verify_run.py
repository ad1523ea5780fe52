"""One verify: the walk, the settling, the report, and what to type next."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from migrate.core.comparing import AGAINST, LEGACY_EQUAL, Kind, Stage
from migrate.core.difference import Difference, State
from migrate.core.document import command, iso
from migrate.core.listing import Sampling
from migrate.core.ports import (
    Holder,
    RunId,
    Source,
    Tally,
)
from migrate.desk import SAMPLES, Desk, Ended
from migrate.errors import ConfigError, MigrateError
from migrate.fencing import expect_unbroken
from migrate.formats.figures import no_key, unsaid_authority
from migrate.formats.verify import SHOWN, VerifyFacts, build_verify, verdict
from migrate.ledger.runs import RunKind
from migrate.ledger.verifies import VerifyId, VerifyState
from migrate.ledger.whole import last_whole
from migrate.verifying import SOURCE_KEYS, Look, Verifier

DOUBTFUL = (State.UNSETTLED, State.OPEN)

TOO_OLD = 86_400.0
"""Seconds after which an unfinished verify is begun anew instead of resumed."""


@dataclass(slots=True)
class VerifyRun:
    """One verify: the walk, the settling, and the report."""

    desk: Desk
    source: Source
    target: Holder
    look: Look
    run: RunId
    words: tuple[str, str]
    recheck: bool
    ignore: tuple[str, ...]
    configuration: str
    fenced: float | None = None
    """Since when the fence has been up that it rests on; None: it rests on none."""
    _seen: int = 0

    def done(self, *, fresh: bool) -> Ended:
        """Run it to its verdict, or as far as it goes; `fresh`: do not resume an unfinished one."""
        ledger = self.desk.ledger
        ledger.remember_run(
            self.run,
            RunKind.VERIFY,
            self.source.address,
            self.target.address,
            self.look.prefixes,
            self._options(),
        )
        earlier = self._earlier() if self.recheck else None
        verify = ledger.open_verify(self.run, fresh or self._outdated())
        error = self._compare(verify, earlier)
        return self._report(verify, error)

    def _options(self) -> dict[str, object]:
        """What a command repeats to be this run again."""
        rules = self.look.rules
        given = {
            **self._typed(),
            "exact": rules.exact or None,
            "ignore": list(self.ignore) or None,
            "stage": None if rules.stage is Stage.KV else str(rules.stage),
            "authority": None if rules.authority is None else str(rules.authority),
            "sample": self.look.sample,
            "recheck": self.recheck or None,
            "fence": self._fence,
            "fast": self.look.one_in is not None or None,
            "sample_values": self.look.one_in,
        }
        return {name: value for name, value in given.items() if value is not None}

    @property
    def _fence(self) -> bool | None:
        return None if self.fenced is None else True

    def _typed(self) -> dict[str, object]:
        """What every next command repeats."""
        authority = self.look.rules.authority
        return {
            **self.desk.settings.typed(),
            "ignore_names": list(self.look.names.globs) or None,
            "authority": None if authority is None else str(authority),
        }

    def _outdated(self) -> bool:
        """Is an unfinished verify too old for its equalities to be believed together with new ones, or older
        than the fence?"""
        last = self.desk.ledger.last_verify(self.run)
        if last is None:
            return False
        unfenced = self.fenced is not None and last.started_at < self.fenced
        return unfenced or self.desk.started - last.started_at > TOO_OLD

    def _earlier(self) -> VerifyId:
        """The newest finished verify of these stores that looked at everything."""
        found = last_whole(self.desk.ledger, self.source.address, self.target.address, self.look.prefixes)
        if found is None:
            raise ConfigError(
                "there is no finished verify whose differences could be read again",
                "run the same command without --recheck first",
            )
        return found[1].id

    def _compare(self, verify: VerifyId, earlier: VerifyId | None) -> MigrateError | None:
        desk = self.desk
        mine = next(one for one in desk.ledger.verifies(self.run) if one.id == verify)
        one_in = self.look.one_in
        verifier = Verifier(
            self.source,
            self.target,
            desk.ledger,
            verify,
            self.look,
            desk.settings.clock,
            self._watch,
            self._wait,
            # Another verify reads other values, the same one after an interruption the same.
            None if one_in is None else Sampling(one_in, f"{self.run} {mine.number}"),
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
            if self.fenced is not None:
                expect_unbroken(self.target, self.fenced)
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
        self.desk.waits.over()

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
            started=min(mine.started_at, desk.started),
            finished=desk.settings.clock.now(),
            complete=error is None,
            tally=self._tally(verify),
            counts=ledger.counts(verify),
            settle=look.patience.horizon,
            default_settle=self.source.horizon,
            rounds=look.patience.rounds,
            next="",
            errors=ledger.error_counts(verify),
            skipped=ledger.skip_count(verify),
            partial=partial,
            stage=look.rules.stage,
            authority=look.rules.authority,
            exact=look.rules.exact,
            ignored=self.ignore,
            configuration=self.configuration,
            project=look.rules.projection.entries(),
            proofs=ledger.proofs(verify),
            one_in=look.one_in,
            undecided=ledger.undecided(verify),
            foreign=ledger.unmarked(verify) if self.source.live else None,
            ages=ledger.ages(verify),
            rereadings=ledger.rereadings(verify),
            concealed=self.target.concealed,
            ignored_names=look.names.left_out,
            skew=self.source.skew,
            requests=desk.opener.requests,
            throttled=desk.waits.seconds,
            differences=self._worth_showing(verify),
            read_errors=ledger.read_errors(verify, SAMPLES),
            skips=ledger.skips(verify, SAMPLES),
            note=error.message if error else self._note(verify, mine.started_at),
        )
        word, code = verdict(facts)
        document = build_verify(facts, ledger.fingerprints) | desk.settings.told()
        repaired = self._repaired(facts)
        document["next"] = repaired or self._next(word, open_question=facts.only_undecided)
        if error is None:
            ledger.close_verify(verify, VerifyState.COMPLETE, word)
        code = code if error is None else error.exit
        document["exit"] = int(code)
        ledger.add_evidence(self.run, "verify-report", document)
        return Ended(document, code, error)

    def _tally(self, verify: VerifyId) -> Tally:
        tally = self.desk.ledger.tally(verify)
        tally[LEGACY_EQUAL] += self.desk.ledger.legacy_equal(verify)
        return tally

    def _note(self, verify: VerifyId, began: float) -> str:
        known = [self.desk.ledger.position(verify, prefix) for prefix in self.look.prefixes]
        bare = no_key([one.prefix for one in known if one.done and not one.tally[SOURCE_KEYS]])
        counts = self.desk.ledger.counts(verify).get(Kind.LEGACY)
        differing = 0 if counts is None else sum(counts[state] for state in (State.SETTLED, *DOUBTFUL))
        fenced = "" if self.fenced is None else f"the fence has been up since {iso(self.fenced)}"
        note = "; ".join(filter(None, [unsaid_authority(differing), bare, fenced]))
        if self.desk.started - began < 1.0:
            return note
        resumed = f"it was resumed: the first keys were read at {iso(began)}, and what they showed may have"
        return "; ".join(filter(None, [f"{resumed} changed", note]))

    def _worth_showing(self, verify: VerifyId) -> list[Difference]:
        """The settled ones first, then what is not proven."""
        found = self.desk.ledger.differences
        return [
            *found(verify, (State.SETTLED,), SHOWN, kinds=AGAINST),
            *found(verify, DOUBTFUL, SHOWN, kinds=AGAINST | {Kind.EXPIRING}),
        ]

    def _repaired(self, facts: VerifyFacts) -> str:
        """The repair that mends all that was found; "": none does, or a sweep does as well."""
        stage, target = self.look.rules.stage, self.words[1]
        if (
            stage.before(Stage.SHADOW_READ)
            or not facts.complete
            or self.recheck
            or target.startswith("dump:")
        ):
            return ""
        found = {kind for kind in AGAINST if facts.count(kind, State.SETTLED)}
        buried = {Kind.EXTRA, Kind.LEGACY_EXTRA}
        typed = {name: value for name, value in self._typed().items() if name != "ignore_names"}
        if found and found <= buried and not stage.target_leads and self.fenced is None:
            typed["tombstone_deleted"] = True
        elif found != {Kind.MISSING}:
            return ""
        return command("repair", *self.words, self.look.prefixes, typed)

    def _next(self, word: str, *, open_question: bool) -> str:
        source, target = self.words
        if word == "clean":
            ledger = self.desk.settings.typed()["ledger"]
            return "kvferry status" + (f" --ledger {shlex.quote(str(ledger))}" if ledger else "")
        verb = "export" if word == "differences" and not self.recheck and not open_question else "verify"
        # Behind the fence no sweep mends what differs.
        fence = {"lift_fence" if verb == "export" else "fence": self._fence}
        return command(verb, source, target, self.look.prefixes, {**self._typed(), **fence})
