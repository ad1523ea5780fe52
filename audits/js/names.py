"""What a name stands for where it is used: variables, parameters, imports, globals, `this`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from audits.js import properties, types_meant
from audits.js.facts import Define, Expr, Function, Path
from audits.js.project import File
from audits.js.values import NOTHING, Context, Frame, Value, Values, better, join, trim, truth, unknown

if TYPE_CHECKING:
    from audits.js.engine import Engine

ENV_NAMES = {"env", "bindings", "environment", "cfEnv", "workerEnv", "cloudflareEnv", "runtimeEnv"}
ENTRIES = {"fetch", "scheduled", "queue", "email", "tail", "trace", "test"}
EACH = {"map", "forEach", "filter", "flatMap", "some", "every", "find", "findIndex"}


def look_up(engine: Engine, file: File, name: str, at: int, scope: int, context: Context) -> Values:
    """Every value that the name can have at that offset."""
    defines = file.defines(name, scope)
    if defines is None:
        return _global(engine, file, name)
    changes = [define for define in defines if define.kind == "mut"]
    found = join(
        *(_defined(engine, file, name, define, context) for define in _reaching(file, defines, at, scope))
    )
    if changes:
        found = _changed(engine, file, found, changes, at, scope, context)
    return join(_renamed(value, name) for value in found)


def _renamed(value: Value, name: str) -> Value:
    if value[0] == "u":
        return ("u", better(name, value[1]), value[2], value[3], value[4])
    return value


def _reaching(file: File, defines: list[Define], at: int, scope: int) -> list[Define]:
    """The definitions that can still hold at an offset: an assignment on every way there ends what
    was before it, and one after it counts only through a loop or another function."""
    ways = [define for define in defines if define.kind != "mut"]
    if len(ways) < 2 or ways[0].kind in ("fn", "cls"):
        return ways
    home = file.facts.scopes[scope].fn
    if any(file.facts.scopes[define.scope].fn != home for define in ways):
        return [define for define in ways if not _empty(define)] or ways
    certain = [d for d in ways if d.end <= at and _on_the_way(file, d.scope, scope)]
    last = max((d.start for d in certain), default=-1)
    last = max(last, _both_arms(file, ways, at, scope))
    return [d for d in ways if d.start >= last and (d.start <= at or _share_loop(file, d.scope, scope))]


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


def _share_loop(file: File, first: int, second: int) -> bool:
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
        if same and define.start > at and not _share_loop(file, define.scope, scope):
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
    text = properties.chain_text(test)
    if not text or text != properties.chain_text(value) or not is_parameter(file, test, scope):
        return None
    return given(engine.values(file, test, scope, context))


def is_parameter(file: File, expr: Expr, scope: int) -> bool:
    """Is it a parameter or a part of one?"""
    while expr[0] == "mem":
        expr = expr[3]
    defines = file.defines(expr[3], scope) if expr[0] == "id" else None
    return bool(defines) and all(define.kind == "param" for define in defines or ())


def given(values: Values) -> bool | None:
    """What a caller passes, or what a type requires, counts as there."""
    return True if values and all(value[0] == "u" and not value[4] for value in values) else None


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
        return imported(engine, file, define.extra[0], define.extra[1])
    if kind == "param":
        return parameter(engine, file, define, context, name)
    if kind == "declare":
        return _declared(engine, file, name, define)
    if define.value is None:
        return (NOTHING,)
    inner = engine.restrict(file, define.scope, context)
    found = engine.values(file, define.value, define.scope, inner)
    found = walk(engine, file, found, define.path, define.scope, inner, name)
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


def walk(
    engine: Engine, file: File, values: Values, path: Path, scope: int, context: Context, name: str
) -> Values:
    """Follow a pattern's path from a value to one of its parts."""
    for key, default in path:
        if isinstance(key, str):
            values = (
                properties.of_each(engine, values)
                if key == "each"
                else properties.of_all(engine, values, key)
            )
        elif isinstance(key, int):
            values = properties.element_all(engine, values, key)
        if default is not None:
            given = tuple(v for v in values if v != NOTHING)
            if len(given) < len(values) or any(v[0] == "u" for v in given):
                values = join(given, engine.values(file, default, scope, context))
    return values


def parameter(engine: Engine, file: File, define: Define, context: Context, name: str) -> Values:
    """The values of a parameter: of the call that led here, or of all calls, or of its type."""
    number, index, rest = define.extra
    function = file.facts.functions[number]
    frame = next((f for f in context if f[0] == file.index and f[1] == number), None)
    site = (file.index, number)
    key = ("param", file.index, number, index, frame)
    whole = function.params[index]

    def compute() -> Values:
        return _parameter(engine, file, function, whole, frame, rest)

    if frame is None:
        engine.touched.add(site)
    found = engine.solve(key, compute)
    if frame is None:
        engine.touched.add(site)
    inner = engine.restrict(file, function.scope, context)
    return walk(engine, file, found, define.path, function.scope, inner, name)


def _parameter(
    engine: Engine, file: File, function: Function, whole: Define, frame: Frame | None, rest: bool
) -> Values:
    number, index, _ = whole.extra
    if frame is not None:
        found = argument(engine, (frame[2], frame[3]), index, frame[4]) if not rest else (unknown(),)
    else:
        sites = engine.callers((file.index, number))
        groups = (argument(engine, site, index, ()) for site in sites) if not rest else ()
        found = join(*groups)
    name = whole.key
    if not found:
        return _uncalled(engine, file, function, whole, index, name)
    if NOTHING in found and whole.value is not None:
        inner = engine.restrict(file, function.scope, (frame,) if frame is not None else ())
        default = engine.values(file, whole.value, function.scope, inner)
        found = join((v for v in found if v != NOTHING), default)
    if whole.type is not None:
        found = types_meant.coerce(engine, file, found, whole.type, name)
    elif name in ENV_NAMES or _entry_env(engine, file, function, index):
        found = join(("env", None, file.index) if v[0] == "u" else v for v in found)
    return found


def argument(engine: Engine, site: tuple[int, int], index: int, context: Context) -> Values:
    """What a call passes at a position; a missing argument is undefined."""
    caller = engine.file(site[0])
    call = caller.facts.calls[site[1]]
    arguments = call.expr[4]
    for position, given in enumerate(arguments[: index + 1]):
        if given[0] == "spread":
            return (unknown(maybe=True),)
        if position == index:
            return engine.values(caller, given, call.scope, context)
    return (NOTHING,)


def _uncalled(engine: Engine, file: File, function: Function, whole: Define, index: int, name: str) -> Values:
    """No call of the function was seen."""
    if function.call >= 0 and (found := _called_back(engine, file, function, index)):
        return found
    if whole.type is not None:
        found = types_meant.of_type(engine, file, whole.type, name, "param")
        found = join(
            ("env", whole.type, file.index) if v[0] == "ty" and _is_env(v, name) else v for v in found
        )
    elif name in ENV_NAMES or _entry_env(engine, file, function, index):
        found = (("env", None, file.index),)
    else:
        found = (unknown(name, "", "param", True),)
    if whole.value is not None:
        found = tuple((*v[:4], False) if v[0] == "u" else v for v in found)
        return join(found, engine.values(file, whole.value, function.scope, ()))
    return join(found, (NOTHING,)) if whole.optional else found


def _is_env(value: Value, name: str) -> bool:
    declared = value[1]
    return name in ENV_NAMES or (
        declared[0] == "ref" and re.search(r"(?:Env|Bindings)$", declared[1]) is not None
    )


def _entry_env(engine: Engine, file: File, function: Function, index: int) -> bool:
    """The second parameter of `fetch`, `scheduled`, … and of a Durable Object's constructor."""
    if index != 1:
        return False
    if function.name in ENTRIES and (function.owner is not None or function.cls >= 0):
        return True
    if function.kind != "constructor" or function.cls < 0:
        return False
    return properties.is_entry_class(engine, file.index, function.cls)


def _called_back(engine: Engine, file: File, function: Function, index: int) -> Values:
    """The callback of `.map`, `.forEach` and the like gets the elements, that of `.then` the value."""
    call = file.facts.calls[function.call]
    callee = call.expr[3]
    if callee[0] != "mem" or index or function.argument:
        return ()
    if callee[4] in EACH:
        return properties.of_each(engine, engine.values(file, callee[3], call.scope, ()))
    if callee[4] == "then":
        return engine.values(file, callee[3], call.scope, ())
    return ()


def imported(engine: Engine, file: File, spec: str, name: str) -> Values:
    """What an import brings."""
    target = engine.project.resolve(file, spec)
    if target is None:
        if spec == "cloudflare:workers" and name == "env":
            return (("env", None, file.index),)
        return (("ext", spec, name),)
    if name == "*":
        return (("mod", target),)
    return exported(engine, target, name)


def exported(engine: Engine, index: int, name: str) -> Values:
    """What a module exports under a name."""

    def compute() -> Values:
        return join(*_exports(engine, index, name))

    return engine.solve(("export", index, name), compute)


def _exports(engine: Engine, index: int, name: str) -> Iterator[Values]:
    file = engine.file(index)
    found = file.facts.exports.get(name)
    if found is None and name == "default":
        found = file.facts.exports.get("*", [])
        if not found and file.facts.exports and not file.facts.module:
            yield (("mod", index),)
    for export in found or ():
        if export.spec:
            yield imported(engine, file, export.spec, export.local)
        elif export.value is not None:
            yield engine.values(file, export.value, export.scope, ())
        else:
            yield look_up(engine, file, export.local, 1 << 40, 0, ())
    if found:
        return
    whole = file.facts.exports.get("*", []) if name != "*" else []
    for export in whole:
        if export.value is not None:
            held = engine.values(file, export.value, export.scope, ())
            yield properties.of_all(engine, held, name)
    for spec in file.facts.stars if name != "default" else ():
        target = engine.project.resolve(file, spec)
        if target is not None:
            yield exported(engine, target, name)


def required(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    """`require("x")`, `import("x")`."""
    target = engine.project.resolve(file, expr[3])
    if target is None:
        return (("ext", expr[3], "*"),)
    whole = engine.file(target).facts.exports.get("*", [])
    groups = [engine.values(engine.file(target), e.value, e.scope, ()) for e in whole if e.value is not None]
    return join((("mod", target),), *groups)


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
        made = properties.constructor(engine, file.index, function.cls)
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
