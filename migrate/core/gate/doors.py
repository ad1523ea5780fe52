"""The three doors: which questions each asks, and the conditions that they come to."""

from __future__ import annotations

from migrate.core.gate.asking import Answer, Asked, Question, span
from migrate.core.gate.at_work import fallback_unused, one_version, stage_everywhere
from migrate.core.gate.code import audit_clean, no_foreign_writer, one_configuration
from migrate.core.gate.data import (
    export_complete,
    horizon_long_enough,
    kv_quiet,
    not_rolled_back,
    nothing_only_in_kv,
    nothing_that_kv_lacks,
    nothing_written_since,
    stores_agree,
    verify_after_older_stages,
    verify_full,
)
from migrate.core.gate.verdict import Condition, Door, Standing

DOORS: dict[Door, tuple[Question, ...]] = {
    Door.OBJECT_FIRST: (
        stage_everywhere,
        one_version,
        export_complete,
        verify_full,
        horizon_long_enough,
        verify_after_older_stages,
        nothing_written_since,
        not_rolled_back,
        stores_agree,
        nothing_that_kv_lacks,
        no_foreign_writer,
        audit_clean,
        one_configuration,
    ),
    Door.OBJECT_ONLY: (
        stage_everywhere,
        one_version,
        fallback_unused,
        verify_full,
        horizon_long_enough,
        not_rolled_back,
        nothing_only_in_kv,
        no_foreign_writer,
        audit_clean,
        one_configuration,
    ),
    Door.CLEANUP: (
        stage_everywhere,
        one_version,
        kv_quiet,
        not_rolled_back,
        no_foreign_writer,
        audit_clean,
        one_configuration,
    ),
}
"""In the order in which an operator would see to them."""


def conditions(asked: Asked) -> list[Condition]:
    """Every condition of the door."""
    return [_condition(question, question(asked), asked) for question in DOORS[asked.door]]


def name(question: Question) -> str:
    """A condition is called as its question is: `stage-everywhere`."""
    return question.__name__.replace("_", "-")


def _condition(question: Question, answer: Answer, asked: Asked) -> Condition:
    oldest = min((fact.at for fact in answer.facts), default=None)
    standing, said = answer.standing, answer.said
    if standing is Standing.PASSED and oldest is not None and asked.now - oldest > asked.policy.max_age:
        standing, said = Standing.UNPROVEN, f"{said}; but that was seen {span(asked.now - oldest)} ago"
    return Condition(
        name=name(question),
        standing=standing,
        said=said,
        at=oldest,
        evidence=tuple(dict.fromkeys(fact.document for fact in answer.facts)),
        todo="" if standing is Standing.PASSED else answer.todo,
        waived=asked.policy.waivers.get(name(question)),
    )
