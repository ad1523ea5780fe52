"""What is found out about a bridge, before anybody judges it: `checking` does, purely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from migrate.bridge_keys import Scope
from migrate.bridging.deployment import Deployment
from migrate.errors import MigrateError
from migrate.stores.durable.bridge import Health
from migrate.stores.scripts import ClassBinding, OwnedClass


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error that is a fact here. `problem`: the bridge's word for it, "" for anybody else's.

    `final`: asked again it would be the same; otherwise nothing is known.
    """

    message: str
    hint: str
    problem: str = ""
    final: bool = True


@dataclass(frozen=True, slots=True)
class KeyAnswer:
    """A key that is at hand, and how the bridge took it. `expires`: Unix seconds."""

    scope: Scope
    expires: float
    refused: Refusal | None


@dataclass(frozen=True, slots=True)
class Measured:
    """What one request may have, tried out. 0: not even the least that was tried.

    `calls`: of objects, for so many records. `refused`: why no more of them were taken.
    """

    records: int
    calls: int
    body_bytes: int
    refused: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """What Cloudflare says. `bindings` None: there is no such script. `owned`: the bridge's own classes.

    `target`: the class that sessions are in; None: the account has no such class.
    """

    bindings: Sequence[ClassBinding] | None
    owned: Sequence[OwnedClass]
    target: OwnedClass | None


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that was found out. None: it was not asked, or nothing came of it.

    `now`: Unix seconds. `notes`: on the keys. `date_ahead`: seconds that the clock in front of the
    bridge is ahead of ours. `unasked`: why Cloudflare's API was not asked, or did not answer.
    `uncounted`: why the statistics that are bound do not answer.
    """

    now: float
    version: str
    address: str
    name: str | None = None
    deployment: Deployment | None = None
    keys: Sequence[KeyAnswer] = ()
    notes: Sequence[str] = ()
    date_ahead: float | None = None
    health: Health | None = None
    missing: Sequence[str] | None = None
    uncounted: Refusal | None = None
    measured: Measured | None = None
    account: Account | None = None
    unasked: Refusal | None = None
    error: MigrateError | None = None


def target(facts: Facts) -> tuple[str | None, str | None]:
    """Script and class that sessions are in: as the folder says, else as the bridge does."""
    told = facts.deployment or facts.health
    return (None, None) if told is None else (told.script, told.class_name)
