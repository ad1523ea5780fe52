"""What is asked of a repair, and what it found on the way; the noun that its parts share."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from migrate.confirming import Confirmed
from migrate.core.authority import Authority
from migrate.core.comparing import ALIKE, Kind, Rules, Stage
from migrate.core.copying import Validate
from migrate.core.difference import Difference, State
from migrate.core.document import command
from migrate.core.gate.alone import Gone
from migrate.core.partition import disjoint
from migrate.core.ports import Holder, Quarantined, RunId, Source, Tally, Target
from migrate.core.projecting import Entry, Projection
from migrate.core.record import Key
from migrate.core.rereading import Patience
from migrate.core.writing import Writable
from migrate.desk import SAMPLES, Desk
from migrate.gate.bundle import Bundle
from migrate.ledger.runs import Run
from migrate.ledger.verifies import Verify
from migrate.opening import Settings

_REPORTED: tuple[State, ...] = (State.SETTLED, State.UNSETTLED)


_IN_BOTH = (*ALIKE, Kind.VALUE, Kind.METADATA, Kind.EXPIRATION, Kind.IN_MOTION, Kind.NEWER, Kind.LEGACY_STALE)
"""Classes of sessions that both stores have."""


class Mode(enum.StrEnum):
    """What is repaired. The value is what a report calls it."""

    MISSING = "missing"
    """sessions that the target lacks are copied"""
    TOMBSTONES = "tombstone-deleted"
    """rows that KV lacks become tombstones"""
    KV = "refresh-kv"
    """KV is made to show what the target is right about"""

    @property
    def option(self) -> str | None:
        """The option that asks for it; None: it needs none."""
        return None if self is Mode.MISSING else self.value.replace("-", "_")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for; the names are those of the options.

    `settle`: H in seconds, None: what the source calls for. `gone_since`: by the operator's word, since when
    nobody writes KV without the target (Unix seconds). `most`: let most of the rows be buried. `confirmed`
    gives the name that was typed or passed.
    """

    mode: Mode
    source: str
    target: str
    prefixes: Sequence[str]
    settings: Settings
    execute: bool
    confirmed: Confirmed
    settle: float | None = None
    rounds: int = 3
    stage: str | None = None
    authority: str | None = None
    gone_since: float | None = None
    most: bool = False
    fresh: bool = False
    schema: Path | None = None
    location_hint: str | None = None
    project: Sequence[Entry] = ()

    def again(self, verb: str, **options: object) -> str:
        """A command for the same stores."""
        typed = {**self.settings.typed(), **options}
        return command(verb, self.source, self.target, self.prefixes, typed)

    def repair(self, mode: Mode, **options: object) -> str:
        """This command, or another mode of it."""
        given: dict[str, object] = {mode.option: True} if mode.option is not None else {}
        given["authority"] = self.authority
        if mode is self.mode:
            given |= {"settle": self.settle, "stage": self.stage, "gone_since": self.gone_since}
            given["most"] = self.most
            given |= {"schema": self.schema, "location_hint": self.location_hint}
        return self.again("repair", **given, **options)


class Asking(Protocol):
    """Who knows who is at work."""

    def gone(self) -> Gone:
        """Since when the last `kv` and `dual-write` isolate is gone. Raises ConfigError when something speaks
        against it, StoreUnavailable when nothing speaks for it."""
        ...

    def expect_later(self) -> None:
        """Raise ConfigError when a `kv` or `dual-write` isolate is at work."""
        ...

    @property
    def horizon(self) -> float:
        """H, seconds."""
        ...


@dataclass(slots=True)
class Work:
    """What a repair has open. `last`: the verify that it goes by, with its run. `open_target`: opens the
    target to be written, which nobody else closes."""

    wish: Wish
    desk: Desk
    source: Source
    holder: Holder
    last: tuple[Run, Verify]
    open_target: Callable[[], Target]
    open_writer: Callable[[], Writable] | None = None
    """Opens KV to be written, for those that write it."""
    asking: Asking | None = None
    """Whom to ask who is at work; None: bridge and Cloudflare."""
    validate: Validate | None = None
    quarantined: list[Quarantined] = field(default_factory=list)
    """The first few that could not be copied, for the report."""
    tally: Tally = field(default_factory=Counter)
    """What has become of the keys so far."""
    gone: Gone | None = None
    """Since when nobody writes KV alone, where that had to be known."""

    @property
    def migration(self) -> RunId:
        """Under which the ledger keeps what belongs to no run."""
        return Bundle(self.source.address, self.holder.address, self.prefixes).migration

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Without those that others cover."""
        return disjoint(self.wish.prefixes)

    @property
    def stage(self) -> Stage:
        """The application's: as it was said, else as the verify went by."""
        return Stage(self.wish.stage or self.last[0].options.get("stage") or Stage.KV)

    @property
    def authority(self) -> Authority | None:
        """Who is right about rows from before kvferry: as it was said, else as the verify went by."""
        word = self.wish.authority or self.last[0].options.get("authority")
        return None if word is None else Authority(word)

    @property
    def horizon(self) -> float:
        """H, seconds."""
        return self.source.horizon if self.wish.settle is None else self.wish.settle

    @property
    def rules(self) -> Rules:
        """What the look at the end goes by: the same as the verify."""
        options = self.last[0].options
        return Rules(
            bool(options.get("exact")),
            "metadata" not in (options.get("ignore") or ()),
            self.stage,
            projection=Projection.parse(self.wish.project),
            authority=self.authority,
        )

    @property
    def patience(self) -> Patience:
        """How what differs at the end settles."""
        return Patience(self.horizon, self.wish.rounds)

    def found(self, kinds: Sequence[Kind], after: Key | None = None) -> Iterator[Difference]:
        """What the verify had in these classes, in key order behind `after`, read some at a time."""
        ledger, verify = self.desk.ledger, self.last[1].id
        while batch := ledger.differences(verify, _REPORTED, kinds=kinds, after=after):
            yield from batch
            after = batch[-1].key

    def count(self, kinds: Sequence[Kind]) -> int:
        """How many those are."""
        counts = self.desk.ledger.counts(self.last[1].id)
        return sum(counts.get(kind, Counter())[state] for kind in kinds for state in _REPORTED)

    @property
    def shared(self) -> int:
        """How many sessions the verify found in both stores."""
        ledger, verify = self.desk.ledger, self.last[1].id
        tally, counts = ledger.tally(verify), ledger.counts(verify)
        return sum(tally[kind] + sum(counts.get(kind, Counter()).values()) for kind in _IN_BOTH)

    def failed(self, key: Key, reason: str) -> None:
        """Keep the first few keys that could not be read, for the report."""
        if len(self.desk.failed) < SAMPLES:
            self.desk.failed.append(Quarantined(key, reason))
