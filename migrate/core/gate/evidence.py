"""What a gate knows, as plain facts: each says when it was gathered, and by which document.

    documents ─parse─▶ Evidence ─conditions of a door─▶ Condition ─judge─▶ Word

All times are Unix seconds by one clock, the operator's; what another clock said was moved onto it when
it was gathered. None of it holds a key, a value, or a session's id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from migrate.core.canary import Standing
from migrate.core.comparing import Kind, Stage


@dataclass(frozen=True, slots=True)
class Heartbeats:
    """Isolates at one stage, of one version of a Worker ("" when it was not told)."""

    stage: Stage
    version: str
    first: float
    last: float


@dataclass(frozen=True, slots=True)
class Canary:
    """What the canary proves, see `core.canary`, and why, in one line.

    `lag`: the longest time, in seconds, that an older one was still read after a newer one had been
    written; None: it was never measured.
    """

    standing: Standing
    said: str
    lag: float | None


@dataclass(frozen=True, slots=True)
class Live:
    """What the statistics object said. `rose`: when a counter last rose; one that never did is left out.

    `beat_every`: for so many seconds after its last heartbeat an isolate may have been at work.
    """

    document: str
    at: float
    beat_every: float = 30.0
    heartbeats: tuple[Heartbeats, ...] = ()
    rose: Mapping[str, float] = field(default_factory=dict)
    canary: Canary | None = None
    since: float | None = None
    """Since when it counts; None: it has heard nobody."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """What Cloudflare says is deployed: the percentage of each version, and since when it is so."""

    document: str
    at: float
    versions: Mapping[str, float]
    since: float


@dataclass(frozen=True, slots=True)
class Exported:
    """One export. `whole`: finished, neither partial nor a dry run. `balanced`: law 5 holds."""

    document: str
    started: float
    at: float
    whole: bool
    balanced: bool
    quarantined: int
    failed: int
    configuration: str


@dataclass(frozen=True, slots=True)
class Verified:
    """One verify, of both directions. `whole`: finished, and nothing was left out on purpose.

    `full`: it read the values of both stores, not a listing's word. `rehearsed`: it waited less than the
    source calls for. `settled`: keys by class that two readings `horizon` seconds apart agreed upon;
    `pending`: by class, those that did not settle. `foreign`: of those that speak against the copy, the
    ones that KV holds without the session store's mark; None: nobody looked. `unread`: keys that could
    not be read, or were left out. `unnamed`: objects of nobody's, if they are a doubt.
    `longest`: the longest time, in seconds, that a session in KV had left; None: there was none.
    `lasting`: sessions in KV that never expire.
    """

    document: str
    started: float
    at: float
    stage: Stage
    whole: bool
    full: bool
    rehearsed: bool
    horizon: float
    configuration: str
    settled: Mapping[Kind, int] = field(default_factory=dict)
    pending: Mapping[Kind, int] = field(default_factory=dict)
    foreign: int | None = None
    unread: int = 0
    unnamed: int = 0
    keys: int = 0
    longest: float | None = None
    lasting: int = 0


@dataclass(frozen=True, slots=True)
class Fenced:
    """The target's fence: `since` when no sweep replaces a row any more; None: it is down.

    `leased`: until when anybody, from whatever ledger, has held the lease to write to it; None: nobody has.
    """

    document: str
    at: float
    since: float | None
    leased: float | None = None


@dataclass(frozen=True, slots=True)
class Audited:
    """An audit of the deployed commit. `writes`: places that write a session to KV past the session store.

    `caches`: the longest `cacheTtl`, in seconds. `kept`: places that keep a session in the isolate, of which
    the code does not tell for how long.
    `dirty`: the files were not those of `revision`.
    """

    document: str
    at: float
    revision: str | None
    dirty: bool
    whole: bool
    writes: int
    caches: float
    kept: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """One complete listing of the prefix in KV.

    `hours`: a digest over every key, expiration and metadata of the sessions that end in an hour, by when
    that hour begins (Unix seconds; infinity: they never end). So what has only expired is told from what
    was written.
    """

    document: str
    started: float
    at: float
    keys: int
    hours: Mapping[float, str]


@dataclass(frozen=True, slots=True)
class RolledBack:
    """Rows were given back to KV, for a stage before shadow-read: until `at`, or with `whole` False, as far
    as it came. What was verified before says nothing any more."""

    document: str
    at: float
    whole: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of it, for one namespace. Runs and listings are the newest last. None or empty: there is none."""

    live: Live | None = None
    deployed: Deployed | None = None
    exports: tuple[Exported, ...] = ()
    verifies: tuple[Verified, ...] = ()
    fenced: Fenced | None = None
    audited: Audited | None = None
    listings: tuple[Listed, ...] = ()
    rolled_back: RolledBack | None = None
    tagged: str | None = None
    """The commit of the deployed version, by its tag."""
