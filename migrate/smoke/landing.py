"""One login, and perhaps its logout, followed into both stores, until they are as the stage says or H is
over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from migrate import addresses
from migrate.addresses import DumpAddress
from migrate.core.landing import Point, Seen, after_login, after_logout, agreed
from migrate.core.names import CANARY
from migrate.core.partition import disjoint
from migrate.core.ports import Holder, Source, Unreadable
from migrate.core.protocol.stages import Stage
from migrate.core.record import Key, Record, Row
from migrate.desk import Desk, Ended, desk_of
from migrate.errors import ConfigError, Exit, MigrateError, StoreError
from migrate.formats.progress import Progress
from migrate.formats.smoke import Look, SmokeFacts, build_smoke
from migrate.live_status import live
from migrate.opening import Settings
from migrate.smoke import typed

_FIRST, _LONGEST = 0.5, 5.0
"""Seconds between two readings: doubled each time."""

_LEAST = 5.0
"""Seconds in which the halves of a write may be done, where KV itself is never stale."""


Judge = Callable[[Stage, Seen], list[Point]]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for. `login`, `logout`: argument lists. `cookie`: the one that holds the session's id;
    None: all that the login prints is the id. `stage`: None, ask the heartbeats. `settle`: seconds in which
    both stores may get there, None: the source's horizon. `timeout`: seconds of each command. `show`: is
    given what the commands printed, with the id replaced; None: nobody is."""

    source: str
    target: str
    prefixes: Sequence[str]
    settings: Settings
    login: Sequence[str]
    logout: Sequence[str] = ()
    cookie: str | None = None
    stage: Stage | None = None
    settle: float | None = None
    timeout: float = typed.TIMEOUT
    show: Callable[[str], object] | None = None


def smoke(wish: Wish, progress: Progress | None = None) -> Ended:
    """Log in once, and say where the session is; log out once, and say that it is gone.

    `Ended.exit`: CLEAN as the stage says, AGAINST not so, UNFINISHED what could not be seen. What ends it
    early is in `Ended.error`. Raises ConfigError for a wrong call, before the login.
    """
    if isinstance(addresses.parse(wish.target), DumpAddress):
        raise ConfigError("an application does not write a dump", "name the target that it writes")
    for option, words in (("--login", wish.login), ("--logout", wish.logout)):
        if words:
            typed.check(option, words, wish.settings.cwd, wish.settings.environ)
    with desk_of(wish.settings, progress) as desk:
        source, holder = desk.opener.source(wish.source), desk.opener.holder(wish.target)
        desk.progress.start("smoke")
        work = _Smoke(wish, desk, source, holder)
        try:
            error = work.follow()
        finally:
            desk.progress.finish()
        document = build_smoke(work.facts(error), desk.ledger.fingerprints)
        return Ended(document, Exit(document["exit"]), error)


@dataclass(slots=True)
class _Smoke:
    """One smoke at work: what was seen so far."""

    wish: Wish
    desk: Desk
    source: Source
    holder: Holder
    stages: tuple[Stage, ...] = ()
    told: str = ""
    against: bool = False
    logged_out: bool = False
    keys: tuple[Key, ...] = ()
    looks: list[Look] = field(default_factory=list)

    def follow(self) -> MigrateError | None:
        """Everything, in order; returns what ended it early. A session that is logged in is logged out."""
        wish = self.wish
        try:
            self.source.read([CANARY])  # a login that nobody could see would be left over
            self.holder.leased_until()
            session = self._run("--login", wish.login)
        except StoreError as error:
            return error
        unseen = self._look("login", after_login)
        if not wish.logout:
            return unseen
        try:
            self._run("--logout", wish.logout, session)
        except MigrateError as error:
            return unseen or error
        self.logged_out = True
        return unseen or self._look("logout", after_logout)

    # ------------------------------------------------------------ the application

    def _run(self, option: str, words: Sequence[str], session: str = "") -> str:
        """Run one command; gives the session's id."""
        wish, settings = self.wish, self.wish.settings
        given = f"{session}\n" if session else ""
        printed = typed.run(option, words, settings.cwd, settings.environ, wish.timeout, given)
        found = session
        problem: StoreError | None = printed.problem
        if not found:
            try:
                found = typed.session_of(printed, wish.cookie)
            except StoreError as error:
                problem = problem or error
        self._show(option, printed, found)
        if problem is not None:
            raise problem
        if session:
            return session
        prefixes = disjoint(wish.prefixes)
        whole = [Key(found)] if any(prefix and found.startswith(prefix) for prefix in prefixes) else []
        self.keys = tuple(whole or (Key(prefix + found) for prefix in prefixes))
        return found

    def _show(self, option: str, printed: typed.Printed, session: str) -> None:
        if self.wish.show is None:
            return
        name = f"#{self.desk.ledger.fingerprints.of(session)}" if session else ""
        for text in (printed.out, printed.err):
            for line in typed.hidden(text, session, name):
                self.wish.show(f"{option}: {line}")

    def _stages(self) -> tuple[tuple[Stage, ...], str]:
        """The stages that are at work, and who says so."""
        now = self.desk.settings.clock.now()
        with self.desk.apart() as desk:
            found = live(self.wish.target, desk.opener, now, required=False)
        heard = () if found is None else tuple(one["stage"] for one in found["stages"] if one["recent"])
        known = tuple(stage for stage in Stage if stage.value in heard)
        if self.wish.stage is not None:
            self.against = bool(known) and self.wish.stage not in known
            also = f", but the heartbeats say {' and '.join(known)}" if self.against else ""
            return (self.wish.stage,), f"--stage says {self.wish.stage}{also}"
        if known:
            return known, f"heartbeats say {' and '.join(known)}"
        return (), "this target has no heartbeats" if found is None else str(found["said"])

    # ------------------------------------------------------------ both stores

    def _look(self, after: str, judge: Judge) -> StoreError | None:
        """Read both until they are as one of the stages says, or H is over; returns what ended that early."""
        self.looks.append(Look(after, None, None))
        try:
            self._poll(after, judge)
        except StoreError as error:
            return error
        return None

    def _poll(self, after: str, judge: Judge) -> None:
        clock, wish = self.desk.settings.clock, self.wish
        begun = clock.monotonic()
        horizon = max(self.source.horizon, _LEAST) if wish.settle is None else wish.settle
        pause, changed = _FIRST, None
        before = self.looks[0].seen if after == "logout" else None
        while True:
            if wish.stage is None or not self.stages:  # the first heartbeat may come after the login
                self.stages, self.told = self._stages()
            self._read()
            look = self.looks[-1]
            present = None if look.seen is None else look.seen.record is not None
            was = False if before is None else before.record is not None
            if changed is None and present is not None and present is not was:
                changed = clock.monotonic() - begun
            points = {stage: judge(stage, look.seen) for stage in self.stages} if look.seen else {}
            fitting = next((stage for stage, one in points.items() if agreed(one)), None)
            self.looks[-1] = replace(look, lag=changed, points=points, stage=fitting)
            left = begun + horizon - clock.monotonic()
            if not self.stages and look.seen is not None and None not in (look.seen.record, look.seen.row):
                return  # nobody says the stage, and more will not be seen
            if left <= 0 or (fitting is not None and self._certain(after, fitting)):
                return
            self.desk.progress.throttled("waiting for both stores")
            clock.sleep(min(pause, left))
            pause = min(_LONGEST, pause * 2)

    def _certain(self, after: str, stage: Stage) -> bool:
        """Does one reading suffice? That KV has nothing may only be a cached miss, until H is over."""
        return after == "logout" or stage is not Stage.OBJECT_ONLY or not self.source.horizon

    def _read(self) -> None:
        """One reading of both; what cannot be read is noted, and asked for again."""
        rows = self.holder.rows(self.keys)
        answers = self.source.read(self.keys)
        found: list[tuple[Key, Record | None, Row | None]] = []
        for key in self.keys:
            answer = answers[key]
            if isinstance(answer, Unreadable):
                self.looks[-1] = replace(self.looks[-1], unread=answer.reason)
                return
            found.append((key, answer, rows.get(key)))
        key, record, row = max(found, key=lambda one: (one[1] is not None) + (one[2] is not None))
        self.looks[-1] = replace(
            self.looks[-1], key=key, seen=Seen(record, row, self.holder.verbatim), unread=""
        )

    def facts(self, error: MigrateError | None) -> SmokeFacts:
        """All that was seen."""
        return SmokeFacts(
            source=self.source.address,
            target=self.holder.address,
            prefixes=tuple(disjoint(self.wish.prefixes)),
            started=self.desk.started,
            finished=self.desk.settings.clock.now(),
            stages=self.stages,
            told=self.told,
            against=self.against,
            looks=tuple(self.looks),
            left=bool(self.keys) and not self.logged_out,
            error=error,
        )
