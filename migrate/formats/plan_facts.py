"""What a plan knows when it has looked, and the shape of what follows from it (`plan_checks`)."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migrate.core.applications import Named
from migrate.core.applications import Place as Where
from migrate.core.document import Options
from migrate.core.limiting import Budget, Rate
from migrate.core.ports import SweepInfo
from migrate.errors import MigrateError

if TYPE_CHECKING:
    from migrate.core.recipe import Choice
    from migrate.cost.effort import Estimate
    from migrate.cost.objects import Writing
    from migrate.cost.phases import Phase, Total
    from migrate.cost.prices import Prices
    from migrate.cost.room import Room
    from migrate.cost.survey import Survey


@dataclass(frozen=True, slots=True)
class Refused:
    """A no that will be a no again: one line, and what to do about it. `denied`: to whom asked."""

    message: str
    hint: str
    denied: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was found and where, such as the account. `value` None: it is not shown."""

    what: str
    value: str | None
    where: str


@dataclass(frozen=True, slots=True)
class Token:
    """The API token. `status`: Cloudflare's word, "active" when it may be used; None: it gave none.

    `expires`: Unix seconds, None = never or not told. `refused`: why there is no status.
    """

    status: str | None = None
    expires: float | None = None
    refused: Refused | None = None


@dataclass(frozen=True, slots=True)
class Space:
    """The namespace as the account shows it; `title` is its name in the dashboard.

    `others`: when it was refused, the ids and titles that the token may see; None: not even those.
    """

    title: str | None
    refused: Refused | None = None
    others: Sequence[tuple[str, str]] | None = None


@dataclass(frozen=True, slots=True)
class Remote:
    """What only Workers KV over REST has. `spent_reads`, `spent_lists`: of today's budget.

    `needs`: the permission that a token must have. `token`, `space` None: something had ended the
    look before. `estimate`: of what was listed.
    """

    needs: str
    prices: Prices
    rate: Rate
    budget: Budget
    estimate: Estimate
    token: Token | None = None
    space: Space | None = None
    spent_reads: int = 0
    spent_lists: int = 0


@dataclass(frozen=True, slots=True)
class Listing:
    """The keys under the prefixes. `complete`: all of them; else at least those of `survey`.

    `elsewhere`: none has a prefix that was asked for, but the store has other keys.
    """

    survey: Survey
    complete: bool = False
    refused: Refused | None = None
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """What is in the target's file under the prefixes; `origins` by name. Lease times: Unix seconds."""

    origins: Mapping[str, int]
    tombstones: int
    quarantined: int
    sweeps: Sequence[SweepInfo]
    lease: str | None = None
    lease_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """The target. `file` is what an export writes; `size` its bytes, None: it is not there yet.

    `dump`: the file becomes a dump in the end; `whole_dump`: that is there already, and complete.
    `problem`: why an export could not write there. `free`: bytes that are free on its disk, `room`:
    what a copy of what was listed needs there; None: not known.
    """

    address: str
    file: str
    dump: bool = False
    size: int | None = None
    problem: Refused | None = None
    whole_dump: bool = False
    rows: Rows | None = None
    free: int | None = None
    room: Room | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What a bridge said of itself. `ahead`: seconds by which the objects' clock is ahead of ours.

    `version`, `class_version`: of the bridge and of the session class behind it.
    """

    placement: str
    prefix: str
    ahead: float
    version: str
    class_version: str

    @property
    def shards(self) -> int:
        """How many objects there are; 0 for `per-session`."""
        return int(self.placement.partition(":")[2] or 0)


@dataclass(frozen=True, slots=True)
class Bridging:
    """A target behind a bridge. `keys`: when the key for each purpose ends, Unix seconds.

    `keyless`: why there is no key at all, `problem`: why the bridge did not answer; then `said` is None.
    `rows`: what is there; `uncounted`: why its origins are not known, "" when they are. `unlistable`:
    why nothing could list its objects, None when something can, or need not.
    """

    address: str
    keys: Mapping[str, float] = field(default_factory=dict)
    keyless: Refused | None = None
    problem: Refused | None = None
    said: Said | None = None
    rows: Rows | None = None
    uncounted: str = ""
    unlistable: Refused | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """A place that is bound to the namespace, by these names. `count`: versions that have a URL of their own,
    or deployments of a Pages project beside the one that serves; None: they were not looked at."""

    place: Where
    bindings: Sequence[str] = ()
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Applications:
    """Who is bound to the namespace, and what the configuration names. `unseen`: what could not be asked."""

    bound: Sequence[Bound]
    named: Sequence[Named] = ()
    unseen: Sequence[Refused] = ()


@dataclass(frozen=True, slots=True)
class Code:
    """What an audit of the application's code has shown. `both`: places, as `path:line` and the store if
    it is known, that write a session to KV and to another store, or read it from both. `whole`: every file
    was read."""

    folder: str
    both: Sequence[str] = ()
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Way:
    """The whole way. `staged`: an application goes through its stages, else it is one copy. `objects`: the
    target is behind a bridge. `authority`: who is right about rows from before kvferry, None: nobody has
    said. `audit`: the folder of the code, as it was given."""

    choice: Choice
    phases: Sequence[Phase]
    total: Total
    prices: Prices
    staged: bool
    objects: bool
    authority: str | None = None
    audit: str | None = None
    code: Code | None = None
    writes_per_day: int | None = None


@dataclass(frozen=True, slots=True)
class Notebook:
    """The ledger. `new`: it was made just now. `verdict`: of the last complete verify of this pair."""

    path: str
    new: bool
    runs: int
    verdict: str | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """The command line: what the next commands repeat. `target` None: none was given."""

    source: str
    target: str | None
    options: Options = field(default_factory=dict)
    export_options: Options = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """All of it. Times are Unix seconds; `skew` seconds by which the source's clock is ahead, None:
    it has no clock of its own. `remote`, `place`, `bridge` None: does not apply. `applications` None:
    nobody was asked. `way` None: it cannot be told, because nothing was listed. `writings`: what a copy
    into Durable Objects takes, the bridge's own placement first. `error`: what ended the look before it
    was complete. `requests`: what this plan sent, by kind.
    """

    source: str
    prefixes: Sequence[str]
    words: Words
    started: float
    finished: float
    found: Sequence[Finding]
    notes: Sequence[str]
    notebook: Notebook
    listing: Listing
    source_refused: Refused | None = None
    remote: Remote | None = None
    skew: float | None = None
    place: Place | None = None
    bridge: Bridging | None = None
    applications: Applications | None = None
    way: Way | None = None
    writings: Sequence[Writing] = ()
    error: MigrateError | None = None
    requests: Mapping[str, int] = field(default_factory=dict)

    @property
    def longest(self) -> float:
        """Seconds that an export and a verify take at the rate, as far as is known."""
        return 0.0 if self.remote is None else 2 * self.remote.estimate.seconds

    @property
    def target(self) -> str | None:
        """The target's address, None when none was given."""
        if self.bridge is not None:
            return self.bridge.address
        return None if self.place is None else self.place.address

    @property
    def rows(self) -> Rows | None:
        """What is in the target under the prefixes, None when that is not known."""
        if self.bridge is not None:
            return self.bridge.rows
        return None if self.place is None else self.place.rows


# ---------------------------------------------------------------- what follows


class Standing(enum.StrEnum):
    """How a precondition stands."""

    OK = "ok"
    NOTE = "note"
    UNPROVEN = "unproven"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One precondition: what was seen, and what to do about it ("" = nothing)."""

    name: str
    standing: Standing
    said: str
    todo: str = ""
