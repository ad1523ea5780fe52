"""The operator's steps in the model: stages that roll out and back, isolates that linger, the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.model.rules import Rules
from tests.model.world import FIRST, KV, ONLY, SHADOW, STAGES, Shared

Rolled = tuple[str, Shared]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an operator can find out about the sessions, all of them together.

    `may_go_back`: KV has all of them. `may_be_read_from_kv`: there is no legacy row that KV is wrong about.
    `all_in_object`: nothing is in KV only. `on_its_way`: an import,
    a sweep or a rollback may still write.
    """

    may_go_back: bool
    may_be_read_from_kv: bool
    all_in_object: bool
    importing: bool
    sweeping: bool
    going_back: bool


def deployments(now: Shared, evidence: Evidence, rules: Rules) -> Iterator[Rolled]:
    """Two neighbouring stages are live during a roll-out; a third may linger, unseen."""
    low, high = now.low, now.high
    if low == high:
        if high < ONLY and _may_go_on(now, evidence, rules):
            yield f"roll out {STAGES[high + 1]}", now._replace(high=high + 1)
        if low > KV and not now.finished and _may_go_down(now, evidence, rules):
            gate = now.gate and (low > SHADOW or not rules.going_back_shuts_the_gate)
            yield f"roll back to {STAGES[low - 1]}", now._replace(low=low - 1, gate=gate)
        if low == ONLY and not now.finished and _may_end(now, evidence, rules):
            yield "finish", now._replace(finished=True)
    else:
        rolled = now._replace(low=high, gone=0)
        yield f"{STAGES[low]} is gone", rolled
        yield f"{STAGES[high]} is gone", now._replace(high=low, gone=0)
        if now.lingers < 0:
            yield f"{STAGES[low]} lingers", rolled._replace(lingers=low)
    if now.lingers >= 0:
        gone = 0 if rules.gone_is_evidence else now.gone
        yield f"lingering {STAGES[now.lingers]} is gone", now._replace(lingers=-1, gone=gone)


def gate_verify(now: Shared, evidence: Evidence, rules: Rules) -> Iterator[Rolled]:
    """Rule 11: begin H after the last isolate of another stage, with no import on its way and no sweep."""
    if now.verifying or now.gate or not now.everywhere(SHADOW):
        return
    busy = (
        (evidence.importing and rules.imports_end)
        or (evidence.sweeping and rules.no_sweep_during_a_gates_verify)
        or evidence.going_back
    )
    if not busy and (settled(now, rules) or not rules.a_gates_verify_waits):
        yield "verify: begin", now._replace(verifying=True)


def settled(now: Shared, rules: Rules) -> bool:
    """Has every isolate of another stage been gone for H, as far as anybody may believe?"""
    return now.gone >= rules.wait and not _seen_lingering(now, rules)


def _seen_lingering(now: Shared, rules: Rules) -> bool:
    return rules.gone_is_evidence and now.lingers >= 0


def _may_go_on(now: Shared, evidence: Evidence, rules: Rules) -> bool:
    if now.high == SHADOW:
        return now.gate or not rules.a_gate_is_needed
    if now.high == FIRST and rules.object_only_needs_a_second_verify:
        return evidence.all_in_object and not _seen_lingering(now, rules)
    return True


def _may_go_down(now: Shared, evidence: Evidence, rules: Rules) -> bool:
    if now.low == FIRST:
        return evidence.may_be_read_from_kv
    return now.low != SHADOW or _may_go_back(now, evidence, rules)


def _may_go_back(now: Shared, evidence: Evidence, rules: Rules) -> bool:
    at_rest = not now.verifying and not evidence.sweeping
    return settled(now, rules) and at_rest and evidence.may_go_back


def _may_end(now: Shared, evidence: Evidence, rules: Rules) -> bool:
    waited = now.gone >= rules.wait and not evidence.importing
    return not _seen_lingering(now, rules) and (waited or not rules.the_end_waits)
