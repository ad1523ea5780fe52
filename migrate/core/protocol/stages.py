"""The stages of a migration, and which of them a session is in."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from migrate.core.record import Origin


class Stage(enum.StrEnum):
    """In their order: two neighbours may be live at once, others never."""

    KV = "kv"
    DUAL_WRITE = "dual-write"
    SHADOW_READ = "shadow-read"
    OBJECT_FIRST = "object-first"
    OBJECT_ONLY = "object-only"


STAGES = tuple(Stage)

_SHARE = re.compile(r"[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Ramp:
    """`percent` of the sessions (0 to 100) are in `stage` already, the others in the one before."""

    stage: Stage
    percent: float = 100.0

    @property
    def earliest(self) -> Stage:
        """The earlier one of the two stages that its sessions may be in."""
        return _before(self.stage) if self.percent < 100 else self.stage


def ramp_of(stage: str, percent: str | None = None) -> Ramp | None:
    """What SESSION_STAGE and SESSION_STAGE_PERCENT say; None: nothing that can be understood."""
    if stage not in STAGES:
        return None
    if not percent:
        return Ramp(Stage(stage))
    if not _SHARE.fullmatch(percent) or float(percent) > 100:
        return None
    return Ramp(Stage(stage), float(percent))


def stage_of(ramp: Ramp, session_id: str) -> Stage:
    """The same for a session in every process that has the same settings, and in every Worker."""
    if ramp.percent == 100:
        return ramp.stage
    # Salted, so that a shard's sessions do not all move at once.
    ahead = id_hash(f"stage:{session_id}") % 10_000 < ramp.percent * 100
    return ramp.stage if ahead else _before(ramp.stage)


def origin_at(stage: Stage) -> Origin:
    """Whose rows a write makes: dual as long as KV is authoritative."""
    return Origin.APP if stage in (Stage.OBJECT_FIRST, Stage.OBJECT_ONLY) else Origin.DUAL


def id_hash(text: str) -> int:
    """FNV-1a over the UTF-8 bytes, 32 bits, its high half folded into the low one."""
    state = 0x811C9DC5
    for byte in text.encode():
        state = (state ^ byte) * 0x01000193 & 0xFFFFFFFF
    return state ^ (state >> 16)


def _before(stage: Stage) -> Stage:
    return STAGES[max(0, STAGES.index(stage) - 1)]
