"""`this` and `super`: the instance or object whose method runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audits.js.evaluation import instances
from audits.js.evaluation.project import File
from audits.js.evaluation.values import Context, Value, Values, trim, unknown
from audits.js.syntax.facts import Expr

if TYPE_CHECKING:
    from audits.js.evaluation.engine import Engine


def this_of(engine: Engine, file: File, scope: int, context: Context) -> Value | None:
    """The one value of `this` in a scope, None when there is none that we follow."""
    facts = file.facts
    number = facts.scopes[scope].fn
    while number >= 0:
        function = facts.functions[number]
        if function.kind != "arrow":
            break
        number = facts.scopes[facts.scopes[function.scope].parent].fn
    if number < 0:
        return None
    frame = next((f for f in context if f[0] == file.index and f[1] == number), None)
    given: Value | None = frame[5] if frame is not None else None
    if given is not None:
        return given
    if function.cls >= 0:
        if function.static:
            return ("cls", file.index, function.cls, ())
        made = instances.constructor(engine, file.index, function.cls)
        frames = tuple(f for f in context if made is not None and (f[0], f[1]) == made)
        return ("inst", file.index, function.cls, None, frames)
    if function.owner is not None:
        engine.remember(file, function.owner, facts.scopes[function.scope].parent)
        owner = function.owner
        outer = facts.scopes[function.scope].parent
        return ("obj", file.index, owner[1], owner[2], trim(engine.restrict(file, outer, context)), ())
    return None


def this(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    """`this`."""
    found = this_of(engine, file, scope, context)
    return (found,) if found is not None else (unknown("this", "", "this"),)


def super_class(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    """`super`: the class that is extended, or nothing known."""
    number = file.class_around(scope)
    if number < 0 or file.facts.classes[number].extends is None:
        return (unknown("super"),)
    made = file.facts.classes[number]
    return engine.values(file, made.extends, made.scope, ()) if made.extends is not None else ()
