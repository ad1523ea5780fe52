"""The look of a plan: its order, what ends it early, and the facts that it leaves.

Source and target are only read. The requests that this takes are written into the ledger's
window, so that an export after it stays below its rate.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from migrate import addresses
from migrate.addresses import Address, DurableAddress
from migrate.core.applications import Entry as Application
from migrate.core.applications import Named, named
from migrate.core.limiting import Budget, Rate, next_utc_day, utc_day
from migrate.core.names import sessions
from migrate.core.partition import disjoint, run_id
from migrate.core.ports import RunId
from migrate.core.projecting import Entry, Projection
from migrate.cost.effort import estimate
from migrate.cost.objects import PER_SESSION, USUAL_SHARDS, Writing, writing
from migrate.cost.prices import prices
from migrate.cost.room import room
from migrate.cost.survey import Survey
from migrate.desk import Desk, Ended, desk_of
from migrate.errors import BudgetSpent, Exit, MigrateError, StoreError, StoreRefused
from migrate.formats.plan import build_plan
from migrate.formats.plan_facts import (
    Applications,
    Bridging,
    Listing,
    Notebook,
    Place,
    PlanFacts,
    Remote,
    Space,
    Token,
    Way,
    Words,
)
from migrate.formats.progress import Progress
from migrate.ledger.ledger import Ledger
from migrate.ledger.runs import RunKind
from migrate.opening import Settings
from migrate.planning.applying import look_at_applications
from migrate.planning.bridging import look_at_bridge
from migrate.planning.surveying import Sight, look_at_target, open_source, refused, survey_keys
from migrate.planning.way import NO_WISH, Seen, Wish, way_of
from migrate.runner import DEFAULT_PREFIX, export_words
from migrate.staging import Staging

DEFAULT_SOURCE = "kv:"


def plan(
    source: str = DEFAULT_SOURCE,
    target: str | None = None,
    *,
    settings: Settings,
    prefixes: Sequence[str] = (DEFAULT_PREFIX,),
    schema: Path | None = None,
    project: Sequence[Entry] = (),
    applications: Sequence[Application] = (),
    wish: Wish = NO_WISH,
    progress: Progress | None = None,
) -> Ended:
    """Look at both stores, count the keys, and say what a copy takes and what stands in its way.

    Addresses as in `migrate.addresses`; `target` None: nothing is said about it. `schema`: what
    the export will be given, checked and passed on. `project`: as in `runner.export`. `applications`: who
    is named or fenced off (`core.applications`). `wish`: what decides the way. `Ended.exit` is AGAINST
    when a precondition failed, UNFINISHED when something could not be looked at. Raises ConfigError for
    what is malformed or cannot be found; what ends the look later (a source that does not answer, a spent
    budget) is in `Ended.error`, with what was seen so far.
    """
    Rate.parse(settings.rate)
    Budget.parse(settings.budget)
    addresses.parse(source)
    projection = Projection.parse(project)
    place = None if target is None else _where(addresses.parse(target), settings)
    new = not settings.ledger.exists()
    words = Words(source, target, settings.typed(), {"schema": schema})
    with desk_of(settings, progress) as desk:
        sight = open_source(desk, source)
        shown = disjoint(prefixes)
        work = _Look(desk, sight, place, shown, _digest(schema), projection, named(applications))
        desk.progress.start("plan")
        try:
            error = work.look()
        finally:
            desk.progress.finish()
        document = build_plan(work.facts(words, error, wish, new=new)) | settings.told()
        return Ended(document, Exit(document["exit"]), error)


def _where(address: Address, settings: Settings) -> Staging | DurableAddress:
    """Where an export would write. Raises ConfigError for a store that cannot be copied into."""
    if isinstance(address, DurableAddress):
        return address
    return Staging.of(address, fresh=True, clock=settings.clock)


def _digest(schema: Path | None) -> str:
    if schema is None:
        return ""
    from migrate.payload import load

    return load(schema)[1]


@dataclass(slots=True)
class _Look:
    """One look: what has been seen so far, whatever ends it."""

    desk: Desk
    sight: Sight
    where: Staging | DurableAddress | None
    prefixes: tuple[str, ...]
    schema: str
    projection: Projection
    named: Sequence[Named] = ()
    _token: Token | None = None
    _space: Space | None = None
    _place: Place | None = None
    _bridge: Bridging | None = None
    _listing: Listing = field(default_factory=lambda: Listing(Survey()))
    _applications: Applications | None = None

    def look(self) -> MigrateError | None:
        """Look at everything, in the order in which things fail; returns what ended it early."""
        try:
            if isinstance(self.where, DurableAddress):
                self._bridge = look_at_bridge(self.desk, self.where, self.prefixes, self._run())
            elif self.where is not None:
                self._place = look_at_target(self.where, self.prefixes, self._run())
            if self.sight.cloud is not None:
                self._token = self.sight.cloud.token()
                self._space = self.sight.cloud.space()
            self._list()
        except BudgetSpent as error:
            self._ask_who_is_bound()
            day = next_utc_day(self.desk.settings.clock.now())
            hint = (
                f"a plan does not resume, it counts again: allow more, wait until {day}, or begin the export"
            )
            return BudgetSpent(error.message, hint)
        except MigrateError as error:
            return error
        self._ask_who_is_bound()
        return None

    def _ask_who_is_bound(self) -> None:
        """Of a namespace at Cloudflare that may be listed; another has failed already."""
        cloud = self.sight.cloud
        if cloud is not None and self._listing.refused is None:
            self.desk.progress.throttled("asking which Workers and Pages projects are bound to it")
            self._applications = look_at_applications(cloud.api, cloud.account, cloud.name, self.named)
            self.desk.progress.throttled(None)

    def _run(self) -> RunId:
        """The export that would be begun or resumed."""
        source = self.sight.source
        how = export_words(self.schema, self.projection, "" if source is None else source.identity)
        return run_id("export", self.sight.address, self._address(), self.prefixes, *how)

    def _address(self) -> str:
        """The target's; "" when none was given."""
        if isinstance(self.where, DurableAddress):
            return str(self.where)
        return "" if self.where is None else self.where.address

    def _list(self) -> None:
        source, space = self.sight.source, self._space
        if source is None:
            return
        if space is not None and space.refused is not None and space.others is not None:
            self._listing = Listing(Survey(), refused=space.refused)  # the account has no such namespace
            return
        before = Survey()
        try:
            for prefix in self.prefixes:
                now = before
                for seen in survey_keys(source, prefix, self.desk):
                    now = before + seen
                    self._listing = Listing(now)
                    self.desk.progress.reach(now.keys)
                    self.desk.waits.over()
                before = now
        except StoreRefused as error:
            self._listing = replace(self._listing, refused=refused(error))
            return
        elsewhere = False
        if not before.keys and self.prefixes != ("",):
            with contextlib.suppress(StoreError):  # only a hint: nothing depends on it
                elsewhere = bool(sessions(source.scan("", None)).heads)
        self._listing = Listing(before, complete=True, elsewhere=elsewhere)

    def facts(self, words: Words, error: MigrateError | None, wish: Wish, *, new: bool) -> PlanFacts:
        """All that was seen."""
        desk, sight = self.desk, self.sight
        cloud, seen = sight.cloud, sight.source is not None and self._listing.survey.pages > 0
        writings = self._writings()
        return PlanFacts(
            source=sight.address,
            prefixes=self.prefixes,
            words=words,
            started=desk.started,
            finished=desk.settings.clock.now(),
            found=sight.found,
            notes=sight.notes,
            notebook=self._notebook(new=new),
            source_refused=sight.refused,
            remote=self._remote(),
            listing=self._listing,
            skew=sight.source.skew if cloud is not None and sight.source is not None and seen else None,
            place=self._roomy(),
            bridge=self._bridge,
            applications=self._applications,
            way=self._way(wish, writings),
            writings=writings,
            error=error,
            requests=dict(desk.opener.requests),
        )

    def _way(self, wish: Wish, writings: Sequence[Writing]) -> Way | None:
        source = self.sight.source
        return way_of(
            Seen(
                self.sight.address,
                self._address() or None,
                self._listing,
                self._bridge.rows if self._bridge is not None else self._place.rows if self._place else None,
                writings,
                self.desk.settings.clock.now() + (0.0 if source is None else source.skew),
                Rate.parse(self.desk.settings.rate),
            ),
            wish,
        )

    def _roomy(self) -> Place | None:
        if self._place is None:
            return None
        return replace(self._place, room=room(self._listing.survey, dump=self._place.dump))

    def _writings(self) -> list[Writing]:
        """What a copy into objects takes, by the bridge's placement and by the other kind."""
        if self._bridge is None or not self._listing.survey.pages:
            return []
        said = self._bridge.said
        asked = USUAL_SHARDS if said is None else said.shards
        other = PER_SESSION if asked else USUAL_SHARDS
        return [writing(self._listing.survey, shards, prices()) for shards in (asked, other)]

    def _remote(self) -> Remote | None:
        cloud, settings = self.sight.cloud, self.desk.settings
        if cloud is None:
            return None
        from migrate.stores.kv_account import PERMISSION

        day = utc_day(settings.clock.now())
        rate, budget, table = Rate.parse(settings.rate), Budget.parse(settings.budget), prices()
        spent = (cloud.log.spent("reads", day), cloud.log.spent("lists", day))
        figures = estimate(self._listing.survey, rate, budget, table, *spent)
        return Remote(PERMISSION, table, rate, budget, figures, self._token, self._space, *spent)

    def _notebook(self, *, new: bool) -> Notebook:
        ledger = self.desk.ledger
        return Notebook(str(ledger.path), new, len(ledger.runs()), self._last_verdict(ledger))

    def _last_verdict(self, ledger: Ledger) -> str | None:
        if self.where is None:
            return None
        pair = (self.sight.address, self._address(), self.prefixes)
        done = [
            verify
            for run in ledger.runs()
            if run.kind is RunKind.VERIFY and (run.source, run.target, run.prefixes) == pair
            for verify in ledger.verifies(run.id)
            if verify.verdict is not None
        ]
        return max(done, key=lambda one: one.started_at).verdict if done else None
