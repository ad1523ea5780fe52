"""On which occasion code runs: for which kind of message, at which path, how often.

A handler of messages runs all the time, and the one arm of it that saves what somebody wrote does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from audits.cron import SELDOM, runs_a_day
from audits.js.around.guards import Condition, before
from audits.js.around.remembering import name_of
from audits.js.evaluation.project import File
from audits.js.syntax.facts import Expr

_BEAT = re.compile(r"(?i)heart[-_]?beat|keep[-_]?alive|(?<![a-z])ping(?![a-z])")
_USUAL = re.compile(
    r"(?i)beat|ping|alive|update|move|cursor|typing|sync|state|position|tick|progress|presence"
)
"""Kinds of messages that come all the time; any other is what somebody did."""
_ASKED = {"", "type", "kind", "action", "event", "op", "cmd", "command", "method", "topic", "t", "name"}
"""What the kind of a message is called; "" for a switch."""
_EACH = {"map", "forEach", "flatMap"}


@dataclass(frozen=True, slots=True)
class Step:
    """Where a way to a call passes: the offset and scope in a file. `end`: of the last call on the way;
    `guarded`: a guard stands behind it."""

    file: File
    offset: int
    end: int
    scope: int
    guarded: bool


def rare(step: Step, number: int, kind: str) -> bool:
    """Does it run less often than its kind says: an alarm that is not set again, one kind of
    message among others, a batch of a queue, a cron trigger that seldom fires?"""
    if kind == "alarm":
        return not _set_again(step.file, number)
    if kind == "webSocketMessage":
        kinds = [text for asked, text in _demanded(step) if asked in _ASKED]
        return any(not _USUAL.search(text) for text in kinds)
    if kind == "queue":
        return not _for_each_message(step)
    if kind == "scheduled":
        runs = [runs_a_day(text) for _, text in _demanded(step)]
        return any(often is not None and often <= SELDOM for often in runs)
    return False


def _for_each_message(step: Step) -> bool:
    """Does a consumer come here once for each message, and not once for a whole batch?"""
    file = step.file
    loops = (file.facts.scopes[number] for number in file.around(step.scope))
    if any(loop.kind == "loop" and "messages" in file.text(*loop.about) for loop in loops):
        return True
    return any(
        call.name in _EACH
        and call.expr[1] <= step.offset < call.expr[2]
        and "messages" in file.text(call.expr[3][1], call.expr[3][2])
        for call in file.facts.calls
    )


def beats(step: Step) -> bool:
    """`if (url.pathname === "/heartbeat")`, `case "ping":`."""
    for condition in before(step.file, step.offset, step.scope):
        if _asks_for_beat(condition):
            return True
    for number in step.file.around(step.scope):
        here = step.file.facts.scopes[number]
        if here.kind == "case" and _BEAT.search(step.file.text(*here.about)):
            return True
    return False


def _demanded(step: Step) -> Iterator[tuple[str, str]]:
    """Texts that something is equal to where the step stands, with its name: `message.type === "save"`,
    `case "save":`."""
    for condition in before(step.file, step.offset, step.scope):
        yield from _equal_to(condition.test, condition.holds)
    for number in step.file.around(step.scope):
        here = step.file.facts.scopes[number]
        if here.kind == "case" and here.about != (0, 0):
            yield "", step.file.text(*here.about).strip("\"'`")


def _equal_to(test: Expr, holds: bool) -> Iterator[tuple[str, str]]:
    if test[0] == "bin" and test[3] in (("===", "==") if holds else ("!==", "!=")):
        for side, other in ((test[4], test[5]), (test[5], test[4])):
            if side[0] == "str":
                yield name_of(other), side[3]
    elif test[0] == "log" and test[3] == ("&&" if holds else "||"):
        yield from (*_equal_to(test[4], holds), *_equal_to(test[5], holds))
    elif test[0] == "un" and test[3] == "!":
        yield from _equal_to(test[4], not holds)


def _set_again(file: File, number: int) -> bool:
    """Does an alarm set the next one, itself or by a method that it calls?"""
    function = file.facts.functions[number]
    cls = file.facts.classes[function.cls]
    texts = [file.text(function.start, function.end)]
    for call in file.facts.calls:
        callee = call.expr[3]
        if function.start <= call.expr[1] < function.end and callee[0] == "mem" and callee[3][0] == "this":
            method = cls.methods.get(callee[4])
            if method is not None:
                inner = file.facts.functions[method]
                texts.append(file.text(inner.start, inner.end))
    return any("setAlarm" in text for text in texts)


def _asks_for_beat(condition: Condition) -> bool:
    test = condition.test
    if any(_BEAT.search(text) for _, text in _equal_to(test, condition.holds)):
        return True
    if test[0] == "call" and test[3][0] == "mem" and test[3][4] in ("startsWith", "endsWith", "includes"):
        return condition.holds and any(is_beat(argument) for argument in test[4])
    return False


def is_beat(expr: Expr) -> bool:
    """A text that speaks of heartbeats."""
    return expr[0] == "str" and _BEAT.search(expr[3]) is not None
