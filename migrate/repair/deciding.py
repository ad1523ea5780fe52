"""Who can decide about what a repair leaves alone: each class of a verify, and the next command."""

from __future__ import annotations

from dataclasses import dataclass

from migrate.core.comparing import AGAINST, Kind
from migrate.repair.wish import Mode, Work

_DIFFERS = (Kind.VALUE, Kind.METADATA, Kind.EXPIRATION)


@dataclass(frozen=True, slots=True)
class Left:
    """A class that is not repaired here: how many keys, who decides about them, and what to type."""

    kind: Kind
    keys: int
    who: str
    todo: str


def left(work: Work, repaired: tuple[Kind, ...]) -> list[Left]:
    """What speaks against the copy in the last verify, and is of no class in `repaired`."""
    found = []
    for kind in Kind:
        keys = work.count((kind,)) if kind in AGAINST and kind not in repaired else 0
        if keys:
            who, todo = _decides(work, kind)
            found.append(Left(kind, keys, who, todo))
    return found


def _decides(work: Work, kind: Kind) -> tuple[str, str]:
    wish, fence = work.wish, {"lift_fence": work.holder.fenced_since() is not None}
    if kind in _DIFFERS:
        return (
            "a sweep: before object-first KV is right about such rows once they have settled",
            wish.again("export", authority=wish.authority, **fence),
        )
    match kind:
        case Kind.MISSING:
            return "a copy: only KV has them", wish.repair(Mode.MISSING)
        case Kind.EXTRA | Kind.LEGACY_EXTRA if not work.source.live:
            return "nobody here: a snapshot cannot say what was deleted", wish.again("verify")
        case Kind.EXTRA if work.stage.target_leads:
            return "nobody: the target is right, and they end with their rows", wish.again("verify")
        case Kind.EXTRA | Kind.LEGACY_EXTRA:
            return "a burial, once nobody writes KV alone", wish.repair(Mode.TOMBSTONES)
        case Kind.QUARANTINED:
            again = wish.again("export", retry_quarantined=True)
            return "the owner of the values, which cannot be copied", again
        case Kind.LEGACY_STALE:
            again = wish.again("export", authority="kv", **fence)
            return "a sweep: KV is right about them by your word", again
        case _:
            return "you: which store is right, kv or target?", wish.again("verify", authority="kv")
