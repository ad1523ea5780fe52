"""Functions of the language whose results are followed: text, numbers, objects."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from audits.js.evaluation import carried, expression_names, properties
from audits.js.evaluation.project import File
from audits.js.evaluation.templates import Parts, joined, texts
from audits.js.evaluation.values import Context, Value, Values, join, unknown
from audits.js.syntax.facts import Expr

if TYPE_CHECKING:
    from audits.js.evaluation.engine import Engine

_SAME = {"trim", "toString", "valueOf", "normalize", "trimStart", "trimEnd", "catch", "finally"}


@dataclass(frozen=True, slots=True)
class _Asked:
    """A call that may be one of the language's functions."""

    engine: Engine
    file: File
    expr: Expr
    scope: int
    context: Context

    def values(self, expr: Expr) -> Values:
        return self.engine.values(self.file, expr, self.scope, self.context)


def result(engine: Engine, file: File, expr: Expr, scope: int, context: Context, name: str) -> Values | None:
    """What the call of that name gives, None when it is no such function."""
    asked = _Asked(engine, file, expr, scope, context)
    callee, arguments = expr[3], expr[4]
    if callee[0] == "mem":
        held = callee[3][3] if callee[3][0] == "id" else ""
        fixed = _FIXED.get((held, name))
        return fixed(asked) if fixed is not None else _of_method(asked, callee[3], name)
    plain = callee[0] == "id" and name in ("String", "Number") and file.defines(name, scope) is None
    return asked.values(arguments[0]) if plain and len(arguments) == 1 else None


def _of_method(asked: _Asked, holder: Expr, name: str) -> Values | None:
    if name == "bind":
        return asked.values(holder)
    if name in _STORES:
        return _STORES[name](asked, holder)
    if name in _PICKING or name == "map":
        return _of_keys(asked, holder, name)
    if name in _SAME:
        found = asked.values(holder)
        if any(v[0] in ("inst", "obj", "mod") for v in found):
            return None
        text = expression_names.text_of(holder)
        return tuple(v if v[0] in ("str", "num", "u") else unknown(text) for v in found)
    if name in ("toLowerCase", "toUpperCase"):
        return join(_cased(value, name, expression_names.text_of(holder)) for value in asked.values(holder))
    if name == "join":
        return _joined(asked.engine, asked.file, asked.expr, asked.scope, asked.context)
    if name == "concat":
        pieces = [asked.values(part) for part in (holder, *asked.expr[4])]
        if any(v[0] == "str" for v in pieces[0]):
            return joined([texts(found, "") for found in pieces])
    return None


_PICKING = {"filter", "slice", "sort", "reverse", "toSorted", "toReversed"}


def _of_keys(asked: _Asked, holder: Expr, name: str) -> Values | None:
    """The keys of a list, some of them, or what is made of their names."""
    found = asked.values(holder)
    if not found or any(value[0] != "list" or value[2] == "" for value in found):
        return None
    if name in _PICKING:
        return found
    functions = asked.values(asked.expr[4][0]) if asked.expr[4] else ()
    made = join(*(asked.engine.returned(value, ()) for value in functions if value[0] == "fn"))
    if not made or any(value[0] != "str" for value in made):
        return None
    return join(("list", value[1], "texts") for value in made)


def _object_id(asked: _Asked, holder: Expr) -> Values | None:
    return (("other", "DurableObjectId"),)


def _stub(asked: _Asked, holder: Expr) -> Values | None:
    """`namespace.get(id)`: the namespace need not be known where the id is one of a Durable Object."""
    arguments = asked.expr[4]
    if asked.expr[3][4] == "getByName":
        return (("other", "DurableObjectStub"),) if arguments else None
    if arguments and arguments[0][0] == "str" and holder[0] == "id":
        return _variable(asked, holder, str(arguments[0][3]))
    if not arguments or arguments[0][0] not in ("id", "mem", "call", "await", "as"):
        return None
    found = ("other", "DurableObjectId") in asked.values(arguments[0])
    if found or any(value[0] == "other" and value[1] in _OBJECTS for value in asked.values(holder)):
        return (("other", "DurableObjectStub"),)
    return None


def _variable(asked: _Asked, holder: Expr, name: str) -> Values | None:
    """`c.get("store")`: what a middleware has set under that name."""
    return join(*(carried.variable(asked.engine, value, name) for value in asked.values(holder))) or None


def _statement(asked: _Asked, holder: Expr) -> Values | None:
    """`db.prepare(sql)`, unless the project has such a method of its own."""
    own = any(value[0] in ("inst", "obj", "mod", "cls") for value in asked.values(holder))
    return None if own or not asked.expr[4] else (("other", "D1PreparedStatement"),)


_OBJECTS = ("durable_objects", "DurableObjectNamespace")
_STORES: dict[str, Callable[[_Asked, Expr], Values | None]] = {
    "idFromName": _object_id,
    "idFromString": _object_id,
    "newUniqueId": _object_id,
    "get": _stub,
    "getByName": _stub,
    "prepare": _statement,
}
"""Methods of strongly consistent stores, whatever they are called on."""


def _first(asked: _Asked) -> Values | None:
    arguments = asked.expr[4]
    return asked.values(arguments[0]) if arguments else None


def _assign(asked: _Asked) -> Values | None:
    return asked.values(_assigned(asked.file, asked.expr))


def _reflect(asked: _Asked) -> Values | None:
    arguments = asked.expr[4]
    if len(arguments) < 2:
        return None
    return properties.at_all(asked.engine, asked.values(arguments[0]), asked.values(arguments[1]), "")


def _deno(asked: _Asked) -> Values | None:
    return (("other", "Deno.Kv"),)


def _of_math(asked: _Asked) -> Values | None:
    return _math(asked.engine, asked.file, asked.expr[4], asked.scope, asked.context, asked.expr[3][4])


_FIXED: dict[tuple[str, str], Callable[[_Asked], Values | None]] = {
    ("Object", "freeze"): _first,
    ("Object", "seal"): _first,
    ("Object", "assign"): _assign,
    ("Reflect", "get"): _reflect,
    ("Promise", "resolve"): _first,
    ("Deno", "openKv"): _deno,
    **{("Math", name): _of_math for name in ("max", "min", "floor", "round", "ceil", "trunc", "abs")},
}


def _math(
    engine: Engine, file: File, arguments: tuple[Expr, ...], scope: int, context: Context, name: str
) -> Values:
    sets = [engine.values(file, argument, scope, context) for argument in arguments]
    if not sets or any(value[0] != "num" for found in sets for value in found):
        return (unknown(next((n for a in arguments if (n := expression_names.text_of(a))), ""), name),)
    result: list[Value] = []
    for combination in product(*sets):
        numbers = [value[1] for value in combination]
        if name in ("max", "min"):
            result.append(("num", float(max(numbers) if name == "max" else min(numbers))))
        elif math.isfinite(numbers[0]):
            result.append(("num", float(_ROUNDED[name](numbers[0]))))
    return join(result) or (unknown(),)


_ROUNDED: dict[str, Callable[[float], float]] = {
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "round": round,
    "abs": abs,
}


def _assigned(file: File, expr: Expr) -> Expr:
    """`Object.assign(a, b)` as `{ ...a, ...b }`, made once."""
    return file.made(expr, lambda: ("obj", expr[1], expr[2], tuple(("s", part) for part in expr[4])))


def _cased(value: Value, name: str, text: str) -> Value:
    if value[0] != "str":
        return value if value[0] == "u" else unknown(text)
    change = str.lower if name == "toLowerCase" else str.upper
    return ("str", tuple(change(p) if isinstance(p, str) else p for p in value[1]))


def _joined(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values | None:
    """`["a", id].join(":")`."""
    holders = engine.values(file, expr[3][3], scope, context)
    if len(holders) != 1 or holders[0][0] != "arr":
        return None
    glue = engine.values(file, expr[4][0], scope, context) if expr[4] else (("str", (",",)),)
    array, inner = engine.nodes[(holders[0][1], holders[0][2], holders[0][3])]
    if len(glue) != 1 or glue[0][0] != "str" or not array[3] or any(e[0] == "spread" for e in array[3]):
        return None
    choices: list[tuple[Parts, ...]] = []
    for index, element in enumerate(array[3]):
        if index:
            choices.append((glue[0][1],))
        found = engine.values(engine.file(holders[0][1]), element, inner, holders[0][4])
        choices.append(texts(found, expression_names.text_of(element)))
    return joined(choices)
