"""How each form of expression is evaluated."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from audits.js.evaluation import (
    calling,
    expression_names,
    module_values,
    names,
    properties,
    receivers,
    templates,
    types_meant,
)
from audits.js.evaluation.project import File
from audits.js.evaluation.values import NOTHING, Context, Values, join, trim, truth, unknown
from audits.js.syntax.facts import Expr

if TYPE_CHECKING:
    from audits.js.evaluation.engine import Engine


def _string(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    return (("str", (expr[3],) if expr[3] else ()),)


def _number(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    return (("num", expr[3]),)


def _bool(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    return (("bool", expr[3]),)


def _nothing(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    return (NOTHING,)


def _unknown(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    return (unknown(),)


def _name(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    context = engine.restrict(file, scope, context)
    found = engine.solve(
        (id(expr), context), lambda: names.look_up(engine, file, expr[3], expr[1], scope, context)
    )
    return file.narrow(expr[3], expr[1], found)


def _member(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    context = engine.restrict(file, scope, context)

    def compute() -> Values:
        holders = engine.values(file, expr[3], scope, context)
        return properties.of_all(engine, holders, expr[4], expression_names.text_of(expr[3]))

    found = engine.solve((id(expr), context), compute)
    path = expression_names.chain_text(expr) if NOTHING in found and len(found) > 1 else ""
    return file.narrow(path, expr[1], found) if path else found


def _index(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    context = engine.restrict(file, scope, context)

    def compute() -> Values:
        holders = engine.values(file, expr[3], scope, context)
        keys = engine.values(file, expr[4], scope, context)
        return properties.at_all(engine, holders, keys, expression_names.text_of(expr[4]))

    return engine.solve((id(expr), context), compute)


def _object(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    engine.remember(file, expr, scope)
    return (("obj", file.index, expr[1], expr[2], trim(engine.restrict(file, scope, context)), ()),)


def _array(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    engine.remember(file, expr, scope)
    return (("arr", file.index, expr[1], expr[2], trim(engine.restrict(file, scope, context))),)


def _function(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    this = receivers.this_of(engine, file, scope, context)
    return (("fn", file.index, expr[3], trim(engine.restrict(file, scope, context), 2), this),)


def _class(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    return (("cls", file.index, expr[3], trim(engine.restrict(file, scope, context), 1)),)


def _await(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    return engine.values(file, expr[3], scope, context)


def _cast(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    found = engine.values(file, expr[3], scope, context)
    return types_meant.coerce(engine, file, found, expr[4], expression_names.text_of(expr[3]))


def _set(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    return engine.values(file, expr[3], scope, context)


def _choice(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    holds = truth(engine.values(file, expr[3], scope, context))
    if holds is None and _presence(expr[3], expr[4]) and names.is_parameter(file, expr[3], scope):
        holds = names.given(engine.values(file, expr[3], scope, context), expr[3][0] == "id")
    arms = [arm for arm, want in ((expr[4], True), (expr[5], False)) if holds in (None, want)]
    return join(*(engine.values(file, arm, scope, context) for arm in arms))


def _presence(condition: Expr, arm: Expr) -> bool:
    """`ttl ? { expirationTtl: ttl } : undefined` asks only whether there is a ttl."""
    return condition[0] in ("id", "mem") and arm[0] == "obj" and _mentions(arm, condition)


def _mentions(expr: Expr, wanted: Expr) -> bool:
    for entry in expr[3]:
        value = entry[2] if entry[0] == "p" else None
        if value is not None and value[0] == wanted[0] and value[3:5] == wanted[3:5]:
            return True
        if (
            value is not None
            and value[0] == "mem"
            and expression_names.chain_text(value) == expression_names.chain_text(wanted)
        ):
            return True
    return False


def _logic(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    left = engine.values(file, expr[4], scope, context)
    holds = truth(left)
    if expr[3] == "&&":
        if holds is None and _presence(expr[4], expr[5]) and names.is_parameter(file, expr[4], scope):
            holds = names.given(left, expr[4][0] == "id")
        if holds is False:
            return left
        right = engine.values(file, expr[5], scope, context)
        return right if holds else join(right, (NOTHING,))
    if holds or (expr[3] == "??" and left and all(v[0] in _PRESENT for v in left)):
        return left
    kept = tuple(v for v in left if v[0] != "nul" and (expr[3] == "??" or truth((v,)) is not False))
    kept = tuple((*v[:4], False) if v[0] == "u" else v for v in kept)
    return join(kept, engine.values(file, expr[5], scope, context))


_PRESENT = ("str", "num", "bool", "obj", "arr", "fn", "cls", "inst", "kv", "kvm", "env", "mod")


def _unary(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    inner = engine.values(file, expr[4], scope, context)
    if expr[3] == "!" and (holds := truth(inner)) is not None:
        return (("bool", not holds),)
    if expr[3] == "-" and all(v[0] == "num" for v in inner):
        return join(("num", -v[1]) for v in inner)
    if expr[3] == "+":
        return inner
    return (NOTHING,) if expr[3] == "void" else (unknown(),)


def _spread(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    return (unknown(expression_names.text_of(expr[3])),)


_Form = Callable[["Engine", File, Expr, int, Context], Values]
FORMS: dict[str, Callable[[Engine, File, Expr, int, Context], Values]] = {
    "str": _string,
    "num": _number,
    "bool": _bool,
    "nul": _nothing,
    "?": _unknown,
    "id": _name,
    "mem": _member,
    "idx": _index,
    "obj": _object,
    "arr": _array,
    "fn": _function,
    "cls": _class,
    "await": _await,
    "as": _cast,
    "set": _set,
    "if": _choice,
    "log": _logic,
    "un": _unary,
    "spread": _spread,
    "tpl": templates.template,
    "bin": calling.binary,
    "call": calling.call,
    "new": calling.new,
    "imp": module_values.required,
    "this": receivers.this,
    "super": receivers.super_class,
}
