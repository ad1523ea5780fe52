"""What becomes of a call's promise in the end: is it let go of, here or by whoever called the function?

A function that awaits or returns a promise hands it to its callers, and each of them may drop it in
turn. What cannot be followed (a library's callback, a field, an argument) counts as waited for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from audits.js.evaluation import expression_names
from audits.js.evaluation.engine import Engine, Site
from audits.js.evaluation.project import File
from audits.js.files import collect
from audits.js.syntax.bare_text import bare
from audits.js.syntax.calls import CHAINS, GATHERING
from audits.js.syntax.facts import Call, Define, Expr, Function

_LEVELS = 4
_EACH = {"map", "filter", "flatMap", "reduce", "reduceRight", "some", "every", "find", "sort"}
_TIMERS = {"setTimeout", "queueMicrotask", "setImmediate"}
_LISTENERS = {"addEventListener", "on", "once", "addListener", "subscribe", "setInterval", *_TIMERS}
_LASTING = {"alarm", "webSocketMessage", "onMessage"}
"""Methods of objects that live on while a timer is set."""


class Promises:
    """Answers for one project."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def dropped(self, file: File, call: Call) -> tuple[Site, ...]:
        """The calls whose promises are let go of, sorted: the call itself, or calls of functions that
        wait for it; empty when it is waited for or nothing is known."""
        return tuple(sorted(set(self._dropped(file, call, 0, frozenset()))))

    def _dropped(self, file: File, call: Call, depth: int, seen: frozenset[Site]) -> Iterator[Site]:
        sink = call.sink
        if sink in ("awaited", "returned"):
            yield from self._by_function(file, call.scope, depth, seen, sink)
        elif sink in ("dropped", "chained"):
            if not _told_otherwise(file, call):
                yield file.index, call.expr[5]
        elif sink == "stored" and _forgotten(file, call):
            yield file.index, call.expr[5]

    def _by_function(
        self, file: File, scope: int, depth: int, seen: frozenset[Site], sink: str
    ) -> Iterator[Site]:
        """What becomes of the promise of the function that the scope is in."""
        number = file.facts.scopes[scope].fn
        site = (file.index, number)
        if number < 0 or depth > _LEVELS or site in seen:
            return
        function = file.facts.functions[number]
        if function.generator or function.kind == "constructor":
            return
        if function.call >= 0:
            yield from self._by_taker(file, function, depth, seen | {site})
            return
        if number in file.immediate:
            yield from self._dropped(file, file.immediate[number], depth, seen | {site})
            return
        for caller in self._engine.callers_of(site):
            there = self._engine.file(caller[0])
            call = there.facts.calls[caller[1]]
            if not collect.is_test(there.path) and _counts(there, call):
                yield from self._dropped(there, call, depth + 1, seen | {site})

    def _by_taker(self, file: File, function: Function, depth: int, seen: frozenset[Site]) -> Iterator[Site]:
        """What becomes of what a callback gives."""
        call = file.facts.calls[function.call]
        callee = call.expr[3]
        if call.expr[0] != "call":
            return
        if call.name in _TIMERS:
            told = _may_tell(file, function) or self._lasts(file, call.scope)
            yield from () if told else ((file.index, function.call),)
        elif call.name == "forEach" and callee[0] == "mem":
            yield file.index, function.call
        elif callee[0] == "mem" and (call.name in _EACH or call.name in CHAINS):
            yield from self._dropped(file, call, depth, seen)

    def _lasts(self, file: File, scope: int) -> bool:
        """Is it a Durable Object's code? Its timers keep it alive."""
        number = file.class_around(scope)
        if number < 0:
            return False
        cls = file.facts.classes[number]
        base = expression_names.text_of(cls.extends) if cls.extends is not None else ""
        named = cls.name in self._engine.project.durable_classes or "DurableObject" in base
        return named or bool(_LASTING & set(cls.methods))


def _counts(file: File, call: Call) -> bool:
    """Does it matter that a caller lets go? Not while a module is loaded, and not in a listener, for
    which nobody could wait."""
    number = file.facts.scopes[call.scope].fn
    if number < 0:
        return False
    function = file.facts.functions[number]
    if function.call < 0 or call.sink in ("awaited", "returned"):
        return True
    return file.facts.calls[function.call].name not in _LISTENERS


def _told_otherwise(file: File, call: Call) -> bool:
    """Is somebody told when it is done: `new Promise((resolve) => kv.put(…).then(resolve))`?"""
    for link in _chain(file, call):
        for argument in link.expr[4]:
            if argument[0] == "id" and _is_parameter(file, argument[3], link.scope):
                return True
            if argument[0] == "fn" and _may_tell(file, file.facts.functions[argument[3]]):
                return True
    return False


def _chain(file: File, call: Call) -> Iterator[Call]:
    """`.then(…)`, `.catch(…)` and so on that follow a call."""
    last: Expr = _gathering(file, call).expr
    found = True
    while found:
        found = False
        for link in file.facts.calls:
            callee = link.expr[3]
            if callee[0] == "mem" and callee[4] in CHAINS and callee[3] is last:
                yield link
                last, found = link.expr, True
                break


def _gathering(file: File, call: Call) -> Call:
    """The `Promise.all` that the call stands in, or the call itself."""
    around = [
        other
        for other in file.facts.calls
        if other.name in GATHERING
        and other.scope == call.scope
        and other.expr[1] < call.expr[1]
        and call.expr[2] < other.expr[2]
    ]
    return min(around, key=lambda other: int(other.expr[2] - other.expr[1]), default=call)


def _may_tell(file: File, function: Function) -> bool:
    """Does the function call something that a function around it was passed?"""
    for inner in file.facts.calls:
        callee = inner.expr[3]
        if function.start <= inner.expr[1] < function.end and callee[0] == "id":
            for define in file.defines(callee[3], inner.scope) or ():
                if define.kind == "param" and not function.start <= define.start < function.end:
                    return True
    return False


def _is_parameter(file: File, name: str, scope: int) -> bool:
    return any(define.kind == "param" for define in file.defines(name, scope) or ())


def _forgotten(file: File, call: Call) -> bool:
    """Is it kept in a variable of the function that nobody looks at again?"""
    number = file.facts.scopes[call.scope].fn
    if number < 0:
        return False
    for name, define in _holders(file, call):
        home = file.facts.functions[file.facts.scopes[define.scope].fn]
        text = bare(file.text(home.start, home.end))
        if file.facts.scopes[define.scope].fn != number:
            return False
        use = rf"(?:(?<=\.\.\.)|(?<![\w$.])){re.escape(name)}"
        idle = re.findall(rf"{use}\s*(?:\.push\s*\(|=(?!=)|:\s*[\w<>\[\] ]+=)", text)
        return len(re.findall(rf"{use}(?![\w$])", text)) <= len(idle)
    return False


def _holders(file: File, call: Call) -> Iterator[tuple[str, Define]]:
    """The variable that holds the promise: `const p = …`, `const all = […]`, `tasks.push(…)`."""
    start, end = call.expr[1], call.expr[2]
    scope = call.scope
    while scope >= 0:
        here = file.facts.scopes[scope]
        for name, defines in here.names.items():
            for define in defines:
                if define.path or define.kind not in ("var", "set") or define.value is None:
                    continue
                if _holds(define.value, start, end) or _pushed(file, name, define, call):
                    yield name, define
        scope = here.parent


def _holds(value: Expr, start: int, end: int) -> bool:
    """Is the call the value itself, an element of it, or a link of its chain?"""
    kind = value[0]
    if kind == "call":
        if (value[1], value[2]) == (start, end):
            return True
        callee = value[3]
        return callee[0] == "mem" and callee[4] in CHAINS and _holds(callee[3], start, end)
    if kind == "as":
        return _holds(value[3], start, end)
    if kind == "arr":
        return any(_holds(element, start, end) for element in value[3])
    if kind in ("if", "log"):
        return any(_holds(part, start, end) for part in value[4:6])
    return False


def _pushed(file: File, name: str, define: Define, call: Call) -> bool:
    if define.value is None or define.value[0] != "arr":
        return False
    for other in file.facts.calls:
        callee = other.expr[3]
        if other.name == "push" and callee[0] == "mem" and callee[3][0] == "id" and callee[3][3] == name:
            if any(_holds(argument, call.expr[1], call.expr[2]) for argument in other.expr[4]):
                return True
    return False
