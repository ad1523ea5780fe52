"""Calls, `new`, and the operators that make strings and numbers."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING

from audits.js.evaluation import builtins, entering, expression_names, types_meant
from audits.js.evaluation.project import File
from audits.js.evaluation.templates import merged, parts_of
from audits.js.evaluation.values import LIMIT, NOTHING, Context, Value, Values, join, trim, unknown
from audits.js.syntax.facts import Expr

if TYPE_CHECKING:
    from audits.js.evaluation.engine import Engine

_DOUBLES = {
    "Map",
    "WeakMap",
    "Set",
    "Headers",
    "URLSearchParams",
    "FormData",
    "LRUCache",
    "Redis",
    "URL",
    "Date",
}
_CLIENTS = {
    "openKv": "Deno.Kv",
    "getStore": "Blobs",
    "useStorage": "Storage",
    "createStorage": "Storage",
    "drizzle": "Drizzle",
    "getAgentByName": "DurableObjectStub",
    "getServerByName": "DurableObjectStub",
}


def binary(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    """Arithmetic on constants, and `+` on text."""
    left = engine.values(file, expr[4], scope, context)
    right = engine.values(file, expr[5], scope, context)
    sign = expr[3]
    result: list[Value] = []
    for first in left[:LIMIT]:
        for second in right[:LIMIT]:
            result.append(_combined(sign, first, second, expr))
    return join(result)


def _combined(sign: str, first: Value, second: Value, expr: Expr) -> Value:
    if first[0] == "num" and second[0] == "num":
        return _number(sign, first[1], second[1])
    if sign == "+" and (first[0] == "str" or second[0] == "str" or "num" not in (first[0], second[0])):
        names = expression_names.text_of(expr[4]), expression_names.text_of(expr[5])
        return ("str", merged((*parts_of(first, names[0]), *parts_of(second, names[1]))))
    if sign in ("===", "==", "!==", "!=") and _known(first) and _known(second):
        return ("bool", (first == second) == (sign[0] == "="))
    return unknown()


def _known(value: Value) -> bool:
    return value[0] in _PLAIN and (value[0] != "str" or all(isinstance(part, str) for part in value[1]))


_PLAIN = ("str", "num", "bool", "nul")


def _number(sign: str, first: float, second: float) -> Value:
    try:
        if sign in _COMPARE:
            return ("bool", _COMPARE[sign](first, second))
        return ("num", float(_ARITHMETIC[sign](first, second)))
    except (KeyError, ArithmeticError, ValueError, TypeError):
        return unknown()


def _power(base: float, exponent: float) -> float:
    return math.pow(base, exponent)


def _shifted(number: float, by: float) -> float:
    return float(int(number) << min(int(by), 40))


_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": math.fmod,
    "**": _power,
    "<<": _shifted,
}
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "===": operator.eq,
    "==": operator.eq,
    "!==": operator.ne,
    "!=": operator.ne,
}


def call(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    """The values of a call."""
    context = engine.restrict(file, scope, context)
    return engine.solve((id(expr), context), lambda: _called(engine, file, expr, scope, context))


def _called(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    callee, arguments = expr[3], expr[4]
    name = expression_names.text_of(callee).rpartition(".")[2]
    known = builtins.result(engine, file, expr, scope, context, name)
    if known is not None:
        return known
    groups: list[Values] = []
    for value in engine.values(file, callee, scope, context):
        if value[0] == "fn":
            groups.append(entering.entered(engine, file, expr, value, context, name))
        elif value[0] == "kvm":
            groups.append(_asked(engine, file, value, arguments, scope, context))
        elif value[0] == "cls" and callee[0] == "super":
            groups.append((NOTHING,))
        elif value[0] == "ty" and value[1][0] == "fn" and value[1][1] is not None:
            groups.append(types_meant.of_type(engine, engine.file(value[2]), value[1][1], "", "call"))
        elif value[0] == "ext":
            groups.append(_outside(engine, file, value, expr, name))
        elif value[0] == "obj" and callee[0] == "mem" and name in ("bind",):
            groups.append((value,))
        elif value[0] != "nul":
            groups.append((unknown(_argument_name(arguments, name), name, "call", False),))
    found = join(*groups) or (unknown("", name, "call"),)
    if len(expr[6]) == 1 and all(value[0] in ("u", "ty") for value in found):
        meant = types_meant.coerce(engine, file, (unknown("", name, "call"),), expr[6][0], "")
        found = meant if any(value[0] == "kv" for value in meant) else found  # container.get<KVNamespace>(…)
    return found


def _asked(
    engine: Engine, file: File, method: Value, arguments: tuple[Expr, ...], scope: int, context: Context
) -> Values:
    """What a namespace gives: of a list with a prefix it is known how its keys begin."""
    if method[2] == "list" and arguments:
        prefixes = engine.properties_of(engine.values(file, arguments[0], scope, context), "prefix")
        found = [("list", value[1], "") for value in prefixes if value[0] == "str" and value[1]]
        if found:
            return join(found)
    return (unknown("", method[2], "kv"),)


def _argument_name(arguments: tuple[Expr, ...], name: str) -> str:
    """`encodeURIComponent(email)` is filled by `email`, `req.param("id")` by `id`."""
    if len(arguments) == 1 and name in entering.TEXTUAL:
        return expression_names.text_of(arguments[0])
    if name in entering.ASKING and arguments and arguments[-1][0] == "str" and len(arguments[-1][3]) < 40:
        return str(arguments[-1][3])
    return ""


def _outside(engine: Engine, file: File, value: Value, expr: Expr, name: str) -> Values:
    """A library's function."""
    if name in _CLIENTS:
        return (("other", _CLIENTS[name]),)
    if name == "env" and "hono" in value[1]:
        return (("env", expr[6][0] if expr[6] else None, file.index),)
    if name in ("getCloudflareContext", "getRequestContext", "getOptionalRequestContext", "getPlatformProxy"):
        if expr[6]:
            return (("ty", ("ref", "Context", expr[6]), file.index, ""),)
        return (unknown("context", name, "call"),)
    return (unknown(_argument_name(expr[4], name), name, "call"),)


def new(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    """`new X(…)`: an instance that remembers where it was made."""
    context = engine.restrict(file, scope, context)
    name = expression_names.text_of(expr[3]).rpartition(".")[2]

    def compute() -> Values:
        groups: list[Value] = []
        for value in engine.values(file, expr[3], scope, context):
            if value[0] == "cls":
                site = (file.index, expr[5])
                groups.append(("inst", value[1], value[2], site, trim(context, 2)))
            elif name in _DOUBLES or value[0] == "ext":
                groups.append(("other", name))
            elif value[0] != "nul":
                groups.append(unknown("", name, "new"))
        return join(groups)

    return engine.solve((id(expr), context), compute)
