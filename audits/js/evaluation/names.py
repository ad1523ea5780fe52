"""What a name stands for where it is used: variables, parameters, imports, globals, `this`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audits.js.evaluation import expression_names, module_values, parameters, pattern_values, types_meant
from audits.js.evaluation.project import File
from audits.js.evaluation.values import (
    ENV_NAMES,
    NOTHING,
    Context,
    Value,
    Values,
    better,
    join,
    trim,
    truth,
    unknown,
)
from audits.js.syntax.facts import Define, Expr

if TYPE_CHECKING:
    from audits.js.evaluation.engine import Engine


def look_up(engine: Engine, file: File, name: str, at: int, scope: int, context: Context) -> Values:
    """Every value that the name can have at that offset."""
    defines = file.defines(name, scope)
    if defines is None:
        return _global(engine, file, name)
    changes = [define for define in defines if define.kind == "mut"]
    found = join(
        *(_defined(engine, file, name, define, context) for define in reaching(file, defines, at, scope))
    )
    if changes:
        found = _changed(engine, file, found, changes, at, scope, context)
    return join(_renamed(value, name) for value in found)


def _renamed(value: Value, name: str) -> Value:
    if value[0] == "u" and value[3] not in ("env", "process"):  # a binding keeps its own name
        return ("u", better(name, value[1]), value[2], value[3], value[4])
    return value


def reaching(file: File, defines: list[Define], at: int, scope: int) -> list[Define]:
    """The definitions that can still hold at an offset: an assignment on every way there ends what
    was before it, and one after it, or around it, counts only through a loop or another function."""
    ways = [define for define in defines if define.kind != "mut"]
    if len(ways) < 2 or ways[0].kind in ("fn", "cls"):
        return ways
    home = file.facts.scopes[scope].fn
    if any(file.facts.scopes[define.scope].fn != home for define in ways):
        return [define for define in ways if not _empty(define)] or ways
    certain = [d for d in ways if d.end <= at and _on_the_way(file, d.scope, scope)]
    last = max((d.start for d in certain), default=-1)
    last = max(last, _both_arms(file, ways, at, scope))
    return [
        d for d in ways if d.start >= last and (d.start <= at >= d.end or share_loop(file, d.scope, scope))
    ]


def _empty(define: Define) -> bool:
    """`let x;`: the value before the first assignment, as far as another function can see."""
    return define.kind in ("var", "declare") and define.value is None and not define.path


def _on_the_way(file: File, inner: int, scope: int) -> bool:
    """Does every way to `scope` pass through where `inner` assigns?"""
    inner = file.plain(inner)
    while scope >= 0:
        if scope == inner:
            return True
        scope = file.facts.scopes[scope].parent
    return False


def _both_arms(file: File, ways: list[Define], at: int, scope: int) -> int:
    """Where the first of the assignments stands that are in every arm of one `if` or `switch`."""
    arms: dict[int, dict[int, int]] = {}
    needed: dict[int, int] = {}
    for define in ways:
        here = file.facts.scopes[file.plain(define.scope)]
        if here.arms and define.end <= at and _on_the_way(file, here.parent, scope):
            arms.setdefault(here.group, {})[here.branch] = define.start
            needed[here.group] = here.arms
    return max(
        (min(found.values()) for group, found in arms.items() if len(found) == needed[group]), default=-1
    )


def share_loop(file: File, first: int, second: int) -> bool:
    """Is there a loop around both scopes in one function?"""
    loops = {s for s in file.around(first) if file.facts.scopes[s].kind == "loop"}
    return any(s in loops for s in file.around(second))


def _changed(
    engine: Engine, file: File, values: Values, changes: list[Define], at: int, scope: int, context: Context
) -> Values:
    """Objects with the properties that are assigned to them before here."""
    added = []
    home = file.facts.scopes[scope].fn
    for define in changes:
        if len(define.path) != 1 or define.value is None:
            continue
        same = file.facts.scopes[define.scope].fn == home
        if same and define.start > at and not share_loop(file, define.scope, scope):
            continue
        engine.remember(file, define.value, define.scope)
        certain = same and _on_the_way(file, define.scope, scope)
        if same and not certain:
            runs = _runs(engine, file, define, scope, context)
            if runs is False:
                continue
            certain = runs is True
        added.append((define.key, file.index, define.value[1], define.value[2], certain))
    if not added:
        return values
    extra = tuple(added)
    return tuple((*v[:5], v[5] + extra) if v[0] == "obj" else v for v in values)


def _runs(engine: Engine, file: File, define: Define, scope: int, context: Context) -> bool | None:
    """Is a conditional assignment made on the way here? None: that is not known."""
    around = set(file.around(scope))
    certain = True
    for number in file.around(define.scope):
        here = file.facts.scopes[number]
        if number in around:
            break
        if here.kind == "block":
            continue
        holds = holds_in(engine, file, number, context) if here.kind == "if" else None
        if holds is None and here.test is not None and here.branch == 0 and define.value is not None:
            holds = asks_for(engine, file, here.test, define.value, here.parent, context)
        if holds is False:
            return False
        certain = certain and holds is True
    return True if certain else None


def asks_for(
    engine: Engine, file: File, test: Expr, value: Expr, scope: int, context: Context
) -> bool | None:
    """`if (ttl) options.expirationTtl = ttl` asks only whether there is a ttl; a required one is there."""
    text = expression_names.chain_text(test)
    if not text or text != expression_names.chain_text(value) or not is_parameter(file, test, scope):
        return None
    return given(engine.values(file, test, scope, context), test[0] == "id")


def is_parameter(file: File, expr: Expr, scope: int) -> bool:
    """Is it a parameter or a part of one?"""
    while expr[0] == "mem":
        expr = expr[3]
    defines = file.defines(expr[3], scope) if expr[0] == "id" else None
    return bool(defines) and all(define.kind == "param" for define in defines or ())


def given(values: Values, plain: bool) -> bool | None:
    """What a caller passes, or what a type requires, counts as there; a property of what is passed
    (not `plain`) only when a type requires it."""
    there = [value[0] == "u" and not value[4] and (plain or value[3] == "member") for value in values]
    return True if there and all(there) else None


def holds_in(engine: Engine, file: File, number: int, context: Context) -> bool | None:
    """Is an arm of an `if` entered in this context? None: that is not known."""
    here = file.facts.scopes[number]
    if here.test is None:
        return None
    holds = truth(engine.values(file, here.test, here.parent, context))
    return None if holds is None else holds == (here.branch == 0)


def _defined(engine: Engine, file: File, name: str, define: Define, context: Context) -> Values:
    """The values of one definition."""
    kind = define.kind
    if kind == "fn":
        this = None
        inner = trim(engine.restrict(file, define.scope, context), 2)
        return (("fn", file.index, define.extra, inner, this),)
    if kind == "cls":
        return (("cls", file.index, define.extra, trim(engine.restrict(file, define.scope, context), 1)),)
    if kind == "imp":
        return module_values.imported(engine, file, define.extra[0], define.extra[1])
    if kind == "param":
        return parameters.parameter(engine, file, define, context, name)
    if kind == "declare":
        return _declared(engine, file, name, define)
    if define.value is None:
        return (NOTHING,)
    inner = engine.restrict(file, define.scope, context)
    found = engine.values(file, define.value, define.scope, inner)
    found = pattern_values.walk(engine, file, found, define.path, define.scope, inner, name)
    if define.type is not None and not define.path:
        found = types_meant.coerce(engine, file, found, define.type, name)
    return found


def _declared(engine: Engine, file: File, name: str, define: Define) -> Values:
    others = file.defines(name, define.scope) or []
    if any(other.kind == "set" for other in others):
        return (NOTHING,)
    if define.type is None:
        return (unknown(name),)
    return types_meant.of_type(engine, file, define.type, name, "global" if define.scope == 0 else "")


def _global(engine: Engine, file: File, name: str) -> Values:
    """A name that the file does not declare."""
    for index, define in engine.project.globals.get(name, ()):
        owner = engine.file(index)
        if define.type is not None:
            return types_meant.of_type(engine, owner, define.type, name, "global")
        if define.value is not None:
            return engine.values(owner, define.value, define.scope, ())
    known = engine.project.binding(file, name, "global")
    if known is not None:
        return (known,)
    if name in ENV_NAMES:
        return (("env", None, file.index),)
    return (unknown(name, "", "global"),)
