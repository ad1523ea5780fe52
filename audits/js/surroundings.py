"""What stands around a KV call: function, class, entry points, loops, guards, names of values."""

from __future__ import annotations

import re
from collections.abc import Iterator

from audits.js import collect, properties
from audits.js.engine import Engine, Site
from audits.js.facts import Call, Expr, Function, Type
from audits.js.project import File
from audits.operation import Awaited, Enclosing, Has

_HANDLERS = {
    "scheduled",
    "alarm",
    "queue",
    "webSocketMessage",
    "webSocketClose",
    "setInterval",
    "email",
    "tail",
}
_EACH = re.compile(r"\.(?:map|forEach|filter|flatMap|reduce|some|every)$")
_GUARD = re.compile(
    r"[<>]|!==?|===?|Date\.now|changed|dirty|stale|expired|last|age|since|modified|updated|exists|existing|!\w",
    re.IGNORECASE,
)
_TARGET = re.compile(
    r"(?:(?:const|let|var)\s+|(?:^|[;{}\n])\s*)(?P<name>[\w$.]+|\{[^{}]*\}|\[[^\[\]]*\])"
    r"\s*(?::\s*(?P<type>[\w$.<>\[\]| ]+?))?\s*=\s*(?:\(?\s*await\s+)?\(?$"
)
_TYPE_WORD = re.compile(r"[A-Z][\w$]*")


def enclosing(engine: Engine, file: File, call: Call) -> Enclosing:
    """What surrounds the call."""
    number = file.facts.scopes[call.scope].fn
    function = _named(file, number)
    cls = file.class_around(call.scope)
    text = file.text(function.start, function.end) if function is not None else ""
    return Enclosing(
        function=function.name if function is not None else "",
        cls=file.facts.classes[cls].name if cls >= 0 else "",
        handlers=tuple(sorted(_handlers(engine, file, number))),
        loop=_loop(file, call.scope),
        guarded=_guarded(file, call.scope),
        test_file=collect.is_test(file.path),
        cookies_read="cookie" in text.lower(),
    )


def _outward(file: File, number: int) -> Iterator[tuple[int, Function]]:
    """The function and those around it."""
    while number >= 0:
        function = file.facts.functions[number]
        yield number, function
        number = file.facts.scopes[file.facts.scopes[function.scope].parent].fn


def _named(file: File, number: int) -> Function | None:
    """The innermost function that has a name."""
    found = [function for _, function in _outward(file, number)]
    return next((function for function in found if function.name), found[-1] if found else None)


def _handlers(engine: Engine, file: File, number: int) -> set[str]:
    """Names of entry points that lead to a function, over at most four calls."""
    found: set[str] = set()
    seen: set[Site] = set()
    level = [(file, number)]
    for _ in range(5):
        further: list[tuple[File, int]] = []
        for where, start in level:
            for inner, function in _outward(where, start):
                if (where.index, inner) in seen:
                    continue
                seen.add((where.index, inner))
                passed = where.text(*function.passed).rpartition(".")[2]
                found |= {name for name in (function.name, passed) if name in _HANDLERS}
                for site in engine.callers((where.index, inner)):
                    caller = engine.file(site[0])
                    further.append((caller, caller.facts.scopes[caller.facts.calls[site[1]].scope].fn))
        level = further
    return found


def _loop(file: File, scope: int) -> str:
    """What the call runs once for each of, "" when it does not."""
    while scope >= 0:
        here = file.facts.scopes[scope]
        if here.kind == "loop":
            return " ".join(file.text(*here.about).split())[:80] or "loop"
        if here.kind == "fn" and here.fn >= 0:
            function = file.facts.functions[here.fn]
            callee = file.text(*function.passed)
            match = _EACH.search(callee)
            if match is not None:
                return " ".join(callee[: match.start()].split())[:80]
            if function.call < 0:
                return ""
        scope = here.parent
    return ""


def _guarded(file: File, scope: int) -> bool:
    """Does a condition on change or age stand before the call in its function?"""
    for around in file.around(scope):
        here = file.facts.scopes[around]
        if here.kind == "if" and _GUARD.search(file.text(*here.about)):
            return True
    return False


def awaited(sink: str) -> Awaited:
    """The sink that was noted as the seam calls it."""
    return Awaited(sink)


def value_names(engine: Engine, file: File, call: Call, method: str) -> tuple[str, ...]:
    """Names and types of what is written, or of what the result is assigned to."""
    names: dict[str, None] = {}
    if method == "put":
        if len(call.expr[4]) > 1:
            _collect(file, call.expr[4][1], call.scope, names, 0)
    elif method in ("get", "getWithMetadata"):
        for type_ in call.expr[6]:
            _types(type_, names)
        before = file.text(max(0, call.expr[1] - 160), call.expr[1])
        match = _TARGET.search(before.rstrip(" \n\t"))
        if match is None:
            match = _TARGET.search(before)
        if match is not None:
            for word in re.findall(r"[\w$]+", match["name"]):
                names[word] = None
            for word in _TYPE_WORD.findall(match["type"] or ""):
                names[word] = None
    return tuple(sorted(names))


def _collect(file: File, expr: Expr, scope: int, names: dict[str, None], depth: int) -> None:
    kind = expr[0]
    if depth > 4:
        return
    if kind == "id":
        names[expr[3]] = None
        for define in file.defines(expr[3], scope) or ():
            if define.type is not None:
                _types(define.type, names)
    elif kind == "mem":
        names[properties.text_of(expr)] = None
    elif kind in ("await", "set"):
        _collect(file, expr[3], scope, names, depth + 1)
    elif kind == "as":
        _types(expr[4], names)
        _collect(file, expr[3], scope, names, depth + 1)
    elif kind in ("call", "new"):
        for argument in expr[4][:1]:
            _collect(file, argument, scope, names, depth + 1)
        for type_ in expr[6]:
            _types(type_, names)
    elif kind == "obj":
        for entry in expr[3]:
            if entry[0] == "p":
                names[entry[1]] = None
            elif entry[0] == "s":
                _collect(file, entry[1], scope, names, depth + 1)
    elif kind == "tpl":
        for part in expr[3]:
            if not isinstance(part, str):
                _collect(file, part, scope, names, depth + 1)


def _types(type_: Type | None, names: dict[str, None]) -> None:
    if type_ is None:
        return
    if type_[0] == "ref":
        names[type_[1]] = None
        for part in type_[2]:
            _types(part, names)
    elif type_[0] in ("union", "all"):
        for part in type_[1]:
            _types(part, names)
    elif type_[0] == "list":
        _types(type_[1], names)


def cursor_followed(file: File, call: Call, option: Has) -> Has:
    """Is a list's cursor passed on, or at least looked at?"""
    number = file.facts.scopes[call.scope].fn
    outermost = [function for _, function in _outward(file, number)]
    text = file.text(outermost[-1].start, outermost[-1].end) if outermost else file.text(0, len(file.source))
    looked = "cursor" in text or "list_complete" in text
    if option in (Has.YES, Has.MAYBE):
        return Has.YES if looked and text.count("cursor") > 1 else Has.MAYBE
    if option == Has.UNKNOWN:
        return Has.MAYBE if looked else Has.UNKNOWN
    return Has.MAYBE if looked else Has.NO
