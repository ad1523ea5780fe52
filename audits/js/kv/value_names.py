"""Names and types of what a KV call writes, or of what its result is called."""

from __future__ import annotations

import re
from collections.abc import Iterator

from audits.js.evaluation import expression_names
from audits.js.evaluation.project import File
from audits.js.syntax.facts import Call, Expr, Type

_TARGET = re.compile(
    r"(?:(?:const|let|var)\s+|(?:^|[;{}\n])\s*)(?P<name>[\w$.]+|\{[^{}]*\}|\[[^\[\]]*\])"
    r"\s*(?::\s*(?P<type>[\w$.<>\[\]| ]+?))?\s*=\s*(?:\(?\s*await\s+)?\(?$"
)
_TYPE_WORD = re.compile(r"[A-Z][\w$]*")


def of_call(file: File, call: Call, method: str) -> tuple[str, ...]:
    """Sorted, without doubles."""
    if method == "put":
        value = call.expr[4][1] if len(call.expr[4]) > 1 else None
        return tuple(sorted(set(_written(file, value, call.scope, 0)))) if value is not None else ()
    if method in ("get", "getWithMetadata"):
        return tuple(sorted(set(_read(file, call))))
    return ()


def _read(file: File, call: Call) -> Iterator[str]:
    """The type arguments, and the variable that gets the result."""
    for type_ in call.expr[6]:
        yield from _types(type_)
    before = file.text(max(0, call.expr[1] - 160), call.expr[1])
    match = _TARGET.search(before.rstrip(" \n\t")) or _TARGET.search(before)
    if match is not None:
        yield from re.findall(r"[\w$]+", match["name"])
        yield from _TYPE_WORD.findall(match["type"] or "")


def _written(file: File, expr: Expr, scope: int, depth: int) -> Iterator[str]:
    kind = expr[0]
    if kind == "id":
        yield expr[3]
        for define in file.defines(expr[3], scope) or ():
            yield from _types(define.type)
    elif kind == "mem":
        yield expression_names.text_of(expr)
    elif kind == "as":
        yield from _types(expr[4])
    elif kind in ("call", "new"):
        for type_ in expr[6]:
            yield from _types(type_)
    elif kind == "obj":
        for entry in expr[3]:
            if entry[0] == "p":
                yield entry[1]
                yield from (entry[2][3],) if entry[2][0] == "id" else ()
    for part in _parts(expr) if depth < 5 else ():
        yield from _written(file, part, scope, depth + 1)


def _parts(expr: Expr) -> Iterator[Expr]:
    """The expressions inside whose names count as well."""
    kind = expr[0]
    if kind in ("await", "set", "as"):
        yield expr[3]
    elif kind in ("call", "new"):
        yield from expr[4][:1]
    elif kind == "obj":
        yield from (entry[1] for entry in expr[3] if entry[0] == "s")
    elif kind == "tpl":
        yield from (part for part in expr[3] if not isinstance(part, str))


def _types(type_: Type | None) -> Iterator[str]:
    if type_ is None:
        return
    if type_[0] == "ref":
        yield type_[1]
    parts = type_[2] if type_[0] == "ref" else type_[1] if type_[0] in ("union", "all") else ()
    for part in (type_[1],) if type_[0] == "list" else parts:
        yield from _types(part)
