"""What is asked of a rollback, and what its parts share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from migrate.confirming import Confirmed
from migrate.core.document import command, naming
from migrate.core.gate.at_rest import Line
from migrate.core.partition import disjoint
from migrate.core.ports import Holder, RunId, Source, Target
from migrate.core.writing import Writable
from migrate.desk import Desk
from migrate.gate.bundle import Bundle
from migrate.opening import Settings

KIND = "rollback"
"""The kind of the ledger's task, and of the look at the end."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for; the names are those of the options.

    `settle`: H in seconds, None: what the source calls for, and the gate. `stage`: where the application is
    by the operator's word, for a target that cannot tell. `confirmed` gives the name that was typed or
    passed."""

    source: str
    target: str
    prefixes: Sequence[str]
    settings: Settings
    confirmed: Confirmed
    execute: bool = False
    settle: float | None = None
    rounds: int = 30
    stage: str | None = None
    fresh: bool = False

    @property
    def stores(self) -> str:
        """The options that name both stores."""
        return naming(self.source, self.target, self.prefixes, self.settings.typed())

    def again(self, verb: str, **options: object) -> str:
        """A command for the same stores."""
        return command(verb, self.source, self.target, self.prefixes, {**self.settings.typed(), **options})

    def repeat(self, **options: object) -> str:
        """This command for the same stores, as it was asked for."""
        return self.again(KIND, stage=self.stage, settle=self.settle, **options)


@dataclass(slots=True)
class Work:
    """One rollback with its stores open to be read. `open_target`, `open_writer`: the target and KV, to be
    written. `horizon`: H, seconds. `lines`: the conditions, as they were found."""

    wish: Wish
    desk: Desk
    source: Source
    holder: Holder
    open_target: Callable[[], Target]
    open_writer: Callable[[], Writable]
    horizon: float = 0.0
    lines: Sequence[Line] = ()

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Each key space once."""
        return disjoint(self.wish.prefixes)

    @property
    def migration(self) -> RunId:
        """Under which the ledger keeps what belongs to no run."""
        return Bundle(self.source.address, self.holder.address, self.prefixes).migration

    @property
    def now(self) -> float:
        """Unix seconds by our own clock."""
        return self.desk.settings.clock.now()
