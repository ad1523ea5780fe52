"""The document of a bridge's check: what it reaches, what was measured, and every check."""

from __future__ import annotations

from collections.abc import Sequence

from migrate.bridging.facts import Facts, target
from migrate.core.document import Document, envelope, moment
from migrate.errors import Exit
from migrate.formats.plan_facts import Check


def build_bridge_check(
    facts: Facts, checks: Sequence[Check], verdict: str, code: Exit, finished: float
) -> Document:
    """The document `bridge-check`, version 1. `finished`: Unix seconds."""
    health = facts.health
    script, class_name = target(facts)
    told = facts.deployment or health
    found = None if facts.account is None else facts.account.target
    return {
        **envelope("bridge-check", 1),
        "address": facts.address,
        "started": moment(facts.now),
        "finished": moment(finished),
        "verdict": verdict,
        "exit": int(code),
        "note": "" if facts.error is None else facts.error.message,
        "bridge": facts.name,
        "script": script,
        "class": class_name,
        "namespace": None if found is None else found.namespace,
        "environment": None if told is None else told.environment,
        "placement": None if health is None else health.placement,
        "prefix": None if health is None else health.prefix,
        "versions": {
            "kvferry": facts.version,
            "bridge": None if health is None else health.version,
            "class": None if health is None else health.class_version,
        },
        "clocks": {
            "bridge_ahead_seconds": None if health is None else round(health.bridge_ahead, 3),
            "objects_ahead_seconds": None if health is None else round(health.ahead, 3),
        },
        "limits": _limits(facts),
        "checks": [
            {"name": one.name, "standing": str(one.standing), "said": one.said, "todo": one.todo}
            for one in checks
        ],
    }


def _limits(facts: Facts) -> Document | None:
    if facts.health is None:
        return None
    announced, measured = facts.health.limits, facts.measured
    return {
        "announced": {"records": announced.records, "body_bytes": announced.body_bytes},
        "measured": None
        if measured is None
        else {"records": measured.records, "calls": measured.calls, "body_bytes": measured.body_bytes},
    }
