"""What an expression is made of: its parts, and what the names in them were given, within one file.

Of `record.hash` only what `hash` was given counts where `record` is an object literal. What a call was
passed is no part of its result, unless the call only turns its argument into another form.
"""

from __future__ import annotations

from collections.abc import Iterator

from audits.js.evaluation.project import File
from audits.js.syntax.facts import Define, Expr

_MOST = 250
_FORMS = {
    "parse", "stringify", "Number", "String", "Boolean", "parseInt", "parseFloat", "trim", "toString",
    "Set", "Map", "Date", "Array", "from", "keys", "values", "entries", "assign", "freeze", "map",
    "filter", "flatMap", "flat", "slice", "concat", "sort", "reverse", "reduce", "find", "findLast",
    "at", "pop", "shift", "split", "join", "replace", "toLowerCase", "toUpperCase", "has", "includes",
    "some", "every", "indexOf", "findIndex", "startsWith", "endsWith", "then", "catch", "finally",
    "all", "allSettled", "structuredClone", "get", "isArray", "max", "min", "floor", "round", "ceil",
    "abs", "valueOf", "getTime", "toSorted", "substring", "encode", "decode", "encodeURIComponent",
    "match", "test", "padStart",
}  # fmt: skip
"""Calls that give what they are passed, or what they are called on, in another form."""


def inside(expr: Expr) -> Iterator[Expr]:
    """The expressions that stand directly in this one; a function's code is none of them."""
    kind = expr[0]
    if kind in ("mem", "as", "await", "set", "spread"):
        yield expr[3]
    elif kind == "idx":
        yield from expr[3:5]
    elif kind in ("call", "new"):
        yield expr[3]
        yield from expr[4]
    elif kind in ("bin", "log"):
        yield from expr[4:6]
    elif kind == "if":
        yield from expr[3:6]
    elif kind == "un":
        yield expr[4]
    elif kind == "arr":
        yield from expr[3]
    elif kind == "tpl":
        yield from (part for part in expr[3] if not isinstance(part, str))
    elif kind == "obj":
        for entry in expr[3]:
            yield from (part for part in entry[1:] if isinstance(part, tuple))


def behind(file: File, expr: Expr, scope: int, whole: bool = False) -> Iterator[tuple[Expr, int]]:
    """The expression and everything that it is made of, each once with its scope. `whole`: also what
    any call was passed."""
    seen: set[int] = set()
    pending = [(expr, scope)]
    while pending and len(seen) < _MOST:
        part, at = pending.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        yield part, at
        pending += reversed(list(_next(file, part, at, whole)))


def names(file: File, expr: Expr, scope: int) -> Iterator[tuple[str, Define]]:
    """Every name that the expression is made of, with each of its definitions."""
    for part, at in behind(file, expr, scope, True):
        if part[0] == "id":
            yield from ((part[3], define) for define in file.defines(part[3], at) or ())


def _next(file: File, part: Expr, scope: int, whole: bool) -> Iterator[tuple[Expr, int]]:
    kind = part[0]
    if kind == "id":
        for define in file.defines(part[3], scope) or ():
            if define.value is not None and define.kind != "mut":
                yield define.value, define.scope
    elif kind == "mem" and part[3][0] == "id":
        yield from _member(file, part, scope)
    elif kind in ("call", "new"):
        callee = part[3]
        if callee[0] == "mem":
            yield callee[3], scope
        if whole or (callee[4] if callee[0] == "mem" else callee[3]) in _FORMS:
            yield from ((argument, scope) for argument in part[4])
    else:
        yield from ((inner, scope) for inner in inside(part))


def _member(file: File, part: Expr, scope: int) -> Iterator[tuple[Expr, int]]:
    """`record.hash`: what was given to that member, if that can be told, else all of `record`."""
    for define in file.defines(part[3][3], scope) or ():
        value = define.value
        if define.kind == "mut":
            if define.key == part[4] and value is not None:
                yield value, define.scope
        elif value is not None and value[0] == "obj" and not define.path:
            for entry in value[3]:
                if entry[0] == "s" or (entry[0] == "p" and entry[1] == part[4]):
                    yield entry[-1], define.scope
        else:
            yield part[3], scope
