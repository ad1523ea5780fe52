"""What becomes of a call's promise in the end: is it let go of, here or by whoever called the function?

A function that awaits or returns a promise hands it to its callers, and each of them may drop it in
turn. What cannot be followed (a library's callback, a field, an argument) counts as waited for.
"""

from __future__ import annotations

import re
from collections import Counter
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
        self._holders: dict[int, _Holders] = {}

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
        elif sink == "stored" and self._forgotten(file, call):
            yield file.index, call.expr[5]

    def _forgotten(self, file: File, call: Call) -> bool:
        if file.index not in self._holders:
            self._holders[file.index] = _Holders(file)
        return self._holders[file.index].forgotten(call)

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


class _Holders:
    """The variables of one file that hold promises, and how often their names are used."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._given: dict[_Span, list[tuple[int, int, str, Define]]] = {}
        self._arrays: dict[tuple[int, str], tuple[int, Define]] = {}
        self._pushed: dict[_Span, dict[str, None]] = {}
        self._uses: dict[int, tuple[Counter[str], Counter[str]]] = {}
        for scope, here in enumerate(file.facts.scopes):
            for order, (name, defines) in enumerate(here.names.items()):
                self._note(scope, order, name, defines)
        for call in file.facts.calls:
            callee = call.expr[3]
            if call.name == "push" and callee[0] == "mem" and callee[3][0] == "id":
                for argument in call.expr[4]:
                    for span in _held(argument):
                        self._pushed.setdefault(span, {})[callee[3][3]] = None

    def _note(self, scope: int, order: int, name: str, defines: list[Define]) -> None:
        for define in defines:
            if define.path or define.kind not in ("var", "set") or define.value is None:
                continue
            if define.value[0] == "arr":
                self._arrays.setdefault((scope, name), (order, define))
            for span in _held(define.value):
                self._given.setdefault(span, []).append((scope, order, name, define))

    def of(self, call: Call) -> tuple[str, Define] | None:
        """The variable that holds the promise: `const p = …`, `const all = […]`, `tasks.push(…)`."""
        span = (call.expr[1], call.expr[2])
        given, pushed = self._given.get(span, []), self._pushed.get(span, {})
        scope = call.scope if given or pushed else -1
        while scope >= 0:
            found = [(order, name, define) for at, order, name, define in given if at == scope]
            for name in pushed:
                if (scope, name) in self._arrays:
                    order, define = self._arrays[(scope, name)]
                    found.append((order, name, define))
            if found:
                _, name, define = min(found, key=lambda one: one[0])
                return name, define
            scope = self._file.facts.scopes[scope].parent
        return None

    def forgotten(self, call: Call) -> bool:
        """Is it kept in a variable of the function that nobody looks at again?"""
        number = self._file.facts.scopes[call.scope].fn
        found = self.of(call) if number >= 0 else None
        if found is None or self._file.facts.scopes[found[1].scope].fn != number:
            return False
        every, idle = self._uses_in(number)
        return every[found[0]] <= idle[found[0]]

    def _uses_in(self, number: int) -> tuple[Counter[str], Counter[str]]:
        """How often each name is used in a function, and how often only to give it something."""
        if number not in self._uses:
            home = self._file.facts.functions[number]
            text = bare(self._file.text(home.start, home.end))
            every: Counter[str] = Counter()
            idle: Counter[str] = Counter()
            for match in _NAME.finditer(text):
                every[match[0]] += 1
                idle[match[0]] += _IDLE.match(text, match.end()) is not None
            self._uses[number] = every, idle
        return self._uses[number]


_Span = tuple[int, int]
_NAME = re.compile(r"(?:(?<=\.\.\.)|(?<![\w$.]))[\w$]+")
_IDLE = re.compile(r"\s*(?:\.push\s*\(|=(?!=)|:\s*[\w<>\[\] ]+=)")


def _held(value: Expr) -> Iterator[_Span]:
    """The calls that are the value itself, elements of it, or links of its chain, by their bytes."""
    pending = [value]
    while pending:
        part = pending.pop()
        kind = part[0]
        if kind == "call":
            yield part[1], part[2]
            callee = part[3]
            if callee[0] == "mem" and callee[4] in CHAINS:
                pending.append(callee[3])
        elif kind == "as":
            pending.append(part[3])
        elif kind == "arr":
            pending += part[3]
        elif kind in ("if", "log"):
            pending += part[4:6]
