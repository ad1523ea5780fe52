"""Calls, `new`, and the operators that make strings and numbers."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from itertools import product
from typing import TYPE_CHECKING

from audits.js import properties, types_meant
from audits.js.facts import Expr
from audits.js.project import File
from audits.js.values import DEPTH, LIMIT, NOTHING, Context, Value, Values, join, trim, unknown

if TYPE_CHECKING:
    from audits.js.engine import Engine

Parts = tuple[object, ...]
_SAME = {
    "trim",
    "toString",
    "valueOf",
    "normalize",
    "trimStart",
    "trimEnd",
    "String",
    "Number",
    "catch",
    "finally",
}
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
_CLIENTS = {"openKv": "Deno.Kv", "getStore": "Blobs", "useStorage": "Storage", "createStorage": "Storage"}


def parts_of(value: Value, name: str = "") -> Parts:
    """A value as text with holes."""
    kind = value[0]
    if kind == "str":
        return tuple(value[1])
    if kind == "num":
        return (plain(value[1]),)
    if kind == "bool":
        return ("true" if value[1] else "false",)
    if kind == "nul":
        return ("undefined",)
    if kind == "u":
        return (("h", value[1] or name, value[2]),)
    if kind == "ty":
        return (("h", value[3] or name, ""),)
    return (("h", name, ""),)


def plain(number: float) -> str:
    """A number as the language writes it."""
    return str(int(number)) if math.isfinite(number) and number == int(number) else repr(number)


def merged(parts: Iterable[object]) -> Parts:
    """Neighbouring texts made one."""
    result: list[object] = []
    for part in parts:
        if isinstance(part, str) and result and isinstance(result[-1], str):
            result[-1] += part
        elif part != "":
            result.append(part)
    return tuple(result[:24])


def template(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    """A template string: the product of what its parts can be."""
    choices: list[tuple[Parts, ...]] = []
    for part in expr[3]:
        if isinstance(part, str):
            choices.append(((part,),))
        else:
            found = _texts(engine.values(file, part, scope, context), properties.text_of(part))
            choices.append(found)
    return _texts_joined(choices)


def _texts(values: Values, name: str) -> tuple[Parts, ...]:
    kept = [value for value in values if value[0] != "nul"] or list(values)
    found = {parts_of(value, name): None for value in kept}
    return tuple(sorted(found, key=repr)[:LIMIT]) or ((("h", name, ""),),)


def _texts_joined(choices: list[tuple[Parts, ...]]) -> Values:
    result: list[Value] = []
    for combination in product(*choices):
        result.append(("str", merged(part for parts in combination for part in parts)))
        if len(result) >= LIMIT * 2:
            break
    return join(result)


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
        names = properties.text_of(expr[4]), properties.text_of(expr[5])
        return ("str", merged((*parts_of(first, names[0]), *parts_of(second, names[1]))))
    if sign in ("===", "==", "!==", "!=") and first[0] in _PLAIN and second[0] in _PLAIN:
        if not (first[0] == second[0] == "str" and any(not isinstance(p, str) for p in first[1] + second[1])):
            return ("bool", (first == second) == (sign[0] == "="))
    return unknown()


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
    name = properties.text_of(callee).rpartition(".")[2]
    known = _builtin(engine, file, expr, scope, context, name)
    if known is not None:
        return known
    groups: list[Values] = []
    for value in engine.values(file, callee, scope, context):
        if value[0] == "fn":
            groups.append(entered(engine, file, expr, value, context, name))
        elif value[0] == "kvm":
            groups.append((unknown("", value[2], "kv"),))
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
    return join(*groups) or (unknown("", name, "call"),)


def _argument_name(arguments: tuple[Expr, ...], name: str) -> str:
    """`encodeURIComponent(email)` is filled by `email`, `req.param("id")` by `id`."""
    if len(arguments) == 1 and name in _TEXTUAL:
        return properties.text_of(arguments[0])
    if name in _ASKING and arguments and arguments[-1][0] == "str" and len(arguments[-1][3]) < 40:
        return str(arguments[-1][3])
    return ""


_ASKING = {"param", "query", "get", "getCookie", "header", "cookie", "parseCookie", "getParam", "getHeader"}
_TEXTUAL = {
    "encodeURIComponent",
    "decodeURIComponent",
    "escape",
    "hash",
    "sha256",
    "hashToken",
    "md5",
    "btoa",
}


def entered(engine: Engine, file: File, expr: Expr, function: Value, context: Context, name: str) -> Values:
    """What a function gives when it is called from here; holes remember which helper made them."""
    site = (file.index, expr[5])
    frame = (function[1], function[2], *site, trim(context, DEPTH - 1), function[4])
    found = types_meant.returned(engine, function, (frame,))
    said = engine.file(function[1]).facts.functions[function[2]].name or name
    return join(_helped(value, said) for value in found)


def _helped(value: Value, name: str) -> Value:
    if value[0] == "str":
        parts = tuple(p if isinstance(p, str) or p[2] else ("h", p[1], name) for p in value[1])
        return ("str", parts)
    if value[0] == "u" and not value[2]:
        return ("u", value[1], name, value[3], value[4])
    return value


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


def _builtin(
    engine: Engine, file: File, expr: Expr, scope: int, context: Context, name: str
) -> Values | None:
    """Functions of the language that we follow, None for any other."""
    callee, arguments = expr[3], expr[4]
    holder = callee[3] if callee[0] == "mem" else None
    held = holder[3] if holder is not None and holder[0] == "id" else ""
    if holder is not None and name == "bind":
        return engine.values(file, holder, scope, context)
    if name in _SAME and not (held and file.defines(name, scope)):
        if holder is not None and name not in ("String", "Number"):
            found = engine.values(file, holder, scope, context)
            if not any(v[0] in ("inst", "obj", "mod") for v in found):
                return tuple(
                    v if v[0] in ("str", "num", "u") else unknown(properties.text_of(holder)) for v in found
                )
        elif callee[0] == "id" and len(arguments) == 1 and file.defines(name, scope) is None:
            return engine.values(file, arguments[0], scope, context)
    if held == "Math" and name in ("max", "min", "floor", "round", "ceil", "trunc", "abs"):
        return _math(engine, file, arguments, scope, context, name)
    if held == "Object" and name in ("freeze", "seal") and arguments:
        return engine.values(file, arguments[0], scope, context)
    if held == "Object" and name == "assign":
        return engine.values(file, _assigned(file, expr), scope, context)
    if held == "Reflect" and name == "get" and len(arguments) > 1:
        keys = engine.values(file, arguments[1], scope, context)
        return properties.at_all(engine, engine.values(file, arguments[0], scope, context), keys, "")
    if held == "Deno" and name == "openKv":
        return (("other", "Deno.Kv"),)
    if held == "Promise" and name == "resolve" and arguments:
        return engine.values(file, arguments[0], scope, context)
    if name in ("toLowerCase", "toUpperCase") and holder is not None:
        found = engine.values(file, holder, scope, context)
        return join(_cased(value, name, properties.text_of(holder)) for value in found)
    if name == "join" and holder is not None:
        return _joined(engine, file, expr, scope, context)
    if name == "concat" and holder is not None:
        pieces = [engine.values(file, part, scope, context) for part in (holder, *arguments)]
        if any(v[0] == "str" for v in pieces[0]):
            return _texts_joined([_texts(found, "") for found in pieces])
    return None


def _math(
    engine: Engine, file: File, arguments: tuple[Expr, ...], scope: int, context: Context, name: str
) -> Values:
    sets = [engine.values(file, argument, scope, context) for argument in arguments]
    if not sets or any(value[0] != "num" for found in sets for value in found):
        return (unknown(next((n for a in arguments if (n := properties.text_of(a))), ""), name),)
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
        choices.append(_texts(found, properties.text_of(element)))
    return _texts_joined(choices)


def new(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    """`new X(…)`: an instance that remembers where it was made."""
    context = engine.restrict(file, scope, context)
    name = properties.text_of(expr[3]).rpartition(".")[2]

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
