"""Evidence with which each door is open, to be broken one piece at a time."""

import math
from dataclasses import replace

from migrate.core import canary
from migrate.core.comparing import Stage
from migrate.core.gate.asking import Asked
from migrate.core.gate.evidence import (
    Audited,
    Canary,
    Deployed,
    Evidence,
    Exported,
    Fenced,
    Heartbeats,
    Listed,
    Live,
    Verified,
)
from migrate.core.gate.policy import Policy
from migrate.core.gate.verdict import Door

NOW = 1_700_000_000.0
HOUR, DAY = 3600.0, 86_400.0
COMMIT = "0123456789abcdef0123456789abcdef01234567"
STAGES = {
    Door.OBJECT_FIRST: Stage.SHADOW_READ,
    Door.OBJECT_ONLY: Stage.OBJECT_FIRST,
    Door.CLEANUP: Stage.OBJECT_ONLY,
}
AGO = {Door.OBJECT_FIRST: 6 * HOUR, Door.OBJECT_ONLY: 8 * DAY, Door.CLEANUP: 2 * DAY}
"""Since when the needed stage is everywhere."""


def evidence(door: Door) -> Evidence:
    """With this alone the door is open."""
    stage, since = STAGES[door], NOW - AGO[door]
    earlier = [one for one in Stage if one.before(stage)]
    return Evidence(
        live=Live(
            "live",
            NOW - 5,
            heartbeats=(
                Heartbeats(stage, "new", since - 60, NOW - 10),
                *(Heartbeats(one, "old", since - DAY, since - HOUR) for one in earlier),
            ),
            rose={"fallback_hit": since - HOUR},
            canary=Canary(canary.Standing.COUNTED, "the counter counted the canary", 20.0),
            since=since - 30 * DAY,
        ),
        deployed=Deployed("deployed", NOW - 5, {"new": 100.0}, since),
        exports=(Exported("export", NOW - 5 * HOUR, NOW - 4 * HOUR, True, True, 0, 0, "c0ffee"),),
        verifies=(
            Verified(
                "verify",
                NOW - 2 * HOUR,
                NOW - HOUR,
                stage,
                whole=True,
                full=True,
                rehearsed=False,
                horizon=120.0,
                configuration="c0ffee",
                foreign=0,
                keys=1000,
                longest=30 * DAY,
            ),
        ),
        fenced=Fenced("fence", NOW - 5, NOW - 3 * HOUR, NOW - 5 * HOUR),
        audited=Audited("audit", NOW - 300, COMMIT, dirty=False, whole=True, writes=0, caches=60.0),
        listings=(
            Listed("listed-1", NOW - 900, NOW - 800, 10, {math.inf: "same"}),
            Listed("listed-2", NOW - 300, NOW - 200, 10, {math.inf: "same"}),
        ),
        tagged=COMMIT[:12],
    )


def asked(door: Door, found: Evidence, policy: Policy | None = None, later: float = 0.0) -> Asked:
    """The question, `later` seconds after NOW."""
    return Asked(door, found, policy or Policy(), NOW + later, "--source kv: --target sqlite:s.db")


def with_verify(found: Evidence, **changes: object) -> Evidence:
    """The same with another verify."""
    return replace(found, verifies=(replace(found.verifies[-1], **changes),))


def with_live(found: Evidence, **changes: object) -> Evidence:
    """The same with other words of the statistics."""
    assert found.live is not None
    return replace(found, live=replace(found.live, **changes))
