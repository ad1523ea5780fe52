"""Properties of values: of objects, instances, modules, types, the Worker's `env`, and the unknown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from audits.js import types_meant
from audits.js.facts import Define, Expr
from audits.js.values import GENERIC, NOTHING, Context, Value, Values, join, trim, unknown

if TYPE_CHECKING:
    from audits.js.engine import Engine

METHODS = {"get", "getWithMetadata", "put", "delete", "list"}
ENTRY_CLASSES = {
    "DurableObject",
    "WorkerEntrypoint",
    "WorkflowEntrypoint",
    "Agent",
    "AIChatAgent",
    "McpAgent",
    "Server",
    "Container",
    "Workflow",
    "RpcTarget",
}
_NO_ENV = {"process", "Deno", "Bun"}


def text_of(expr: Expr) -> str:
    """The name that an expression goes by: `userId`, `session.id`, "" when it has none."""
    if expr[0] == "id":
        return str(expr[3])
    if expr[0] == "mem":
        if expr[4].lower() in GENERIC and (holder := text_of(expr[3])):
            return f"{holder.rpartition('.')[2]}.{expr[4]}"
        return str(expr[4])
    if expr[0] in ("await", "as", "set"):
        return text_of(expr[3])
    if expr[0] == "log":
        return text_of(expr[4])
    return ""


def chain_text(expr: Expr) -> str:
    """`options.ttl` for such a chain of names, "" for anything else."""
    if expr[0] == "id":
        return str(expr[3])
    if expr[0] == "this":
        return "this"
    if expr[0] == "mem" and (holder := chain_text(expr[3])):
        return f"{holder}.{expr[4]}"
    return ""


def of_all(engine: Engine, values: Values, name: str, holder: str = "") -> Values:
    """The property of that name of every value."""
    return join(*(of(engine, value, name, holder) for value in values))


def of(engine: Engine, value: Value, name: str, holder: str = "") -> Values:
    """The property of one value; `holder` is the text of what has it."""
    kind = value[0]
    if kind == "env":
        return types_meant.binding(engine, value, name)
    if kind == "kv":
        return (("kvm", value, name),) if name in METHODS else (unknown(name, "", "kv"),)
    if kind in _FOLLOWED:
        follow = _FOLLOWED[kind]
        return engine.solve(("property", value, name), lambda: follow(engine, value, name))
    if kind == "mod":
        found = engine.exported(value[1], name)
        return found or (unknown(name),)
    if kind == "ty":
        return types_meant.member(engine, value, name)
    if kind == "ext":
        return _external(value, name)
    if kind == "other":
        return (unknown(name, "", "other"),)
    if kind == "u":
        return _of_unknown(value, name, holder)
    if kind == "nul":
        return ()
    return (unknown(name),)


def _external(value: Value, name: str) -> Values:
    if value[2] == "*" or (value[1] == "cloudflare:workers" and value[2] == "default"):
        if value[1] == "cloudflare:workers" and name == "env":
            return (("env", None, -1),)
        return (("ext", value[1], name),)
    if name == "env":
        return (("env", None, -1),)
    return (unknown(name, "", "ext"),)


def _of_unknown(value: Value, name: str, holder: str) -> Values:
    if name == "env" and value[1] not in _NO_ENV:
        return (("env", None, -1),)
    text = name
    if name.lower() in GENERIC and (holder or value[1]):
        text = f"{(holder or value[1]).rpartition('.')[2]}.{name}"
    origin = "process" if value[3] == "process" or (name == "env" and value[1] == "process") else "prop"
    return (unknown(text, "", origin, value[4] and value[3] == "call"),)


def of_object(engine: Engine, value: Value, name: str) -> Values:
    """The property of an object literal: the last entry that gives it, and those it may hide."""
    added = [entry for entry in value[5] if entry[0] == name]
    found: Values = ()
    for _, index, start, end, certain in added:
        expr, scope = engine.nodes[(index, start, end)]
        more = engine.values(engine.file(index), expr, scope, value[4])
        found = more if certain else join(found, more)
        if certain:
            value = (*value[:5], ())
            added = []
    if any(entry[4] for entry in value[5] if entry[0] == name) or (found and not value[5]):
        return found
    return join(found, _entries(engine, value, name))


def _entries(engine: Engine, value: Value, name: str) -> Values:
    expr, scope = engine.nodes[(value[1], value[2], value[3])]
    file = engine.file(value[1])
    found: list[Values] = []
    for entry in reversed(expr[3]):
        if entry[0] == "p" and entry[1] == name:
            return join(*found, engine.values(file, entry[2], scope, value[4]))
        if entry[0] == "g" and entry[1] == name:
            called = ("fn", file.index, entry[2], value[4], value)
            return join(*found, types_meant.returned(engine, called, ()))
        if entry[0] == "c":
            keys = engine.values(file, entry[1], scope, value[4])
            constants = {
                "".join(k[1]) for k in keys if k[0] == "str" and all(isinstance(p, str) for p in k[1])
            }
            if name in constants:
                more = engine.values(file, entry[2], scope, value[4])
                found.append(more)
                if len(keys) == 1:
                    return join(*found)
            elif len(constants) < len(keys):
                found.append((unknown(name, maybe=True),))
        if entry[0] == "s":
            sure = True
            for part in engine.values(file, entry[1], scope, value[4]):
                if part[0] in ("nul", "bool", "num", "str"):
                    sure = False
                    continue
                got = of(engine, part, name) if part[0] != "u" else (unknown(name, "", "spread", True),)
                here = tuple(v for v in got if v != NOTHING)
                sure = sure and len(here) == len(got) and part[0] != "u"
                found.append(here)
            if sure and found and found[-1]:
                return join(*found)
    return join(*found, (NOTHING,))


def of_instance(engine: Engine, value: Value, name: str) -> Values:
    """A field, method or getter of an instance, the superclass's when the class has none."""
    file = engine.file(value[1])
    made = file.facts.classes[value[2]]
    if name in made.methods:
        return (("fn", value[1], made.methods[name], (), value),)
    if name in made.getters:
        return types_meant.returned(engine, ("fn", value[1], made.getters[name], (), value), ())
    found: list[Values] = []
    if name in made.fields:
        found.append(_field(engine, value, name, made.fields[name]))
    elif made.extends is not None:
        for above in engine.values(file, made.extends, made.scope, ()):
            if above[0] == "cls":
                base = _as_base(engine, value, above)
                found.append(of(engine, base, name))
            elif name == "env":
                declared = made.extends_types[0] if made.extends_types else None
                found.append((("env", declared, value[1]),))
            else:
                found.append((unknown(name, "", "this"),))
    elif name == "env":
        found.append((("env", None, value[1]),))
    return join(*found) if found else (unknown(name, "", "this"),)


def _as_base(engine: Engine, value: Value, above: Value) -> Value:
    """The same instance seen as one of its superclass: made by the call of `super`."""
    file = engine.file(value[1])
    own = file.facts.classes[value[2]].constructor
    if own < 0:
        return ("inst", above[1], above[2], value[3], value[4])
    for number, call in enumerate(file.facts.calls):
        if call.expr[3][0] == "super" and engine.file(value[1]).function_around(call.scope) == own:
            context = instance_context(engine, value)
            return ("inst", above[1], above[2], (value[1], number), trim(context, 2))
    return ("inst", above[1], above[2], None, ())


def instance_context(engine: Engine, value: Value) -> Context:
    """The context in which an instance's fields are evaluated: its constructor's call."""
    made = constructor(engine, value[1], value[2])
    if value[3] is None:
        return tuple(f for f in value[4] if made is not None and (f[0], f[1]) == made)
    if made is None:
        return ()
    return ((*made, *value[3], trim(value[4], 2), None),)


def _field(engine: Engine, value: Value, name: str, defines: list[Define]) -> Values:
    file = engine.file(value[1])
    context = instance_context(engine, value)
    groups: list[Values] = []
    assigned = any(define.kind == "set" for define in defines)
    for define in defines:
        if define.value is None:
            if define.type is not None and not assigned:
                groups.append(types_meant.of_type(engine, file, define.type, name, "field"))
            continue
        inner = engine.restrict(file, define.scope, context)
        got = engine.values(file, define.value, define.scope, inner)
        groups.append(engine.walk(file, got, define.path, define.scope, inner, name))
    found = join(*groups)
    declared = next((define.type for define in defines if define.type is not None), None)
    if declared is not None:
        found = types_meant.coerce(engine, file, found, declared, name)
    if any(define.optional for define in defines):
        found = join(found, (NOTHING,))
    return tuple(("u", name, v[2], v[3], v[4]) if v[0] == "u" and not v[1] else v for v in found)


def _of_class(engine: Engine, value: Value, name: str) -> Values:
    file = engine.file(value[1])
    made = file.facts.classes[value[2]]
    groups: list[Values] = []
    for define in made.statics.get(name, ()):
        if define.kind == "fn":
            groups.append((("fn", value[1], define.extra, (), value),))
        elif define.value is not None:
            groups.append(engine.values(file, define.value, define.scope, ()))
        elif define.type is not None:
            groups.append(types_meant.of_type(engine, file, define.type, name, "field"))
    if not groups and made.extends is not None:
        return of_all(engine, engine.values(file, made.extends, made.scope, ()), name)
    return join(*groups) or (unknown(name),)


_FOLLOWED: dict[str, Callable[[Engine, Value, str], Values]] = {
    "obj": of_object,
    "inst": of_instance,
    "cls": _of_class,
}


def constructor(engine: Engine, index: int, number: int, seen: int = 0) -> tuple[int, int] | None:
    """The constructor that makes instances of a class, the superclass's when it has none."""
    file = engine.file(index)
    made = file.facts.classes[number]
    if made.constructor >= 0:
        return index, made.constructor
    if made.extends is None or seen > 8:
        return None
    for above in engine.values(file, made.extends, made.scope, ()):
        if above[0] == "cls":
            return constructor(engine, above[1], above[2], seen + 1)
    return None


def is_entry_class(engine: Engine, index: int, number: int) -> bool:
    """Does the platform make the instances, with `(state, env)`?"""
    file = engine.file(index)
    made = file.facts.classes[number]
    if any(t[0] == "ref" and t[1].rpartition(".")[2] in ENTRY_CLASSES for t in made.implements):
        return True
    if made.extends is not None and text_of(made.extends).rpartition(".")[2] in ENTRY_CLASSES:
        return True
    return made.name in engine.project.durable_classes or bool(
        {"alarm", "webSocketMessage"} & made.methods.keys()
    )


def at_all(engine: Engine, holders: Values, keys: Values, text: str) -> Values:
    """`holder[key]`."""
    groups: list[Values] = []
    for key in keys:
        if key[0] == "str" and all(isinstance(part, str) for part in key[1]):
            groups.append(of_all(engine, holders, "".join(key[1])))
        elif key[0] == "num" and abs(key[1]) < 1e6:
            groups.append(element_all(engine, holders, int(key[1])))
        else:
            groups.append(join(*(_any_property(engine, holder, text) for holder in holders)))
    return join(*groups)


def _any_property(engine: Engine, holder: Value, text: str) -> Values:
    if holder[0] == "obj":
        expr, scope = engine.nodes[(holder[1], holder[2], holder[3])]
        parts = [e[2] for e in expr[3] if e[0] == "p"]
        return _all_of(engine, holder, parts, scope)
    if holder[0] == "arr":
        return of_each(engine, (holder,))
    if holder[0] == "env":
        return (unknown(text, "", "env"),)
    return (unknown(text),)


def _all_of(engine: Engine, holder: Value, parts: Sequence[Expr], scope: int) -> Values:
    """Everything that an object or array literal holds."""
    file = engine.file(holder[1])
    return engine.solve(
        ("all", holder), lambda: join(*(engine.values(file, part, scope, holder[4]) for part in parts))
    )


def of_each(engine: Engine, values: Values) -> Values:
    """The elements of what is iterated over."""
    groups: list[Values] = []
    for value in values:
        if value[0] == "arr":
            expr, scope = engine.nodes[(value[1], value[2], value[3])]
            groups.append(_all_of(engine, value, expr[3], scope))
        elif value[0] != "nul":
            groups.append((unknown(),))
    return join(*groups) or (unknown(),)


def element_all(engine: Engine, values: Values, index: int) -> Values:
    """The element at an index."""
    groups: list[Values] = []
    for value in values:
        if value[0] == "arr":
            expr, scope = engine.nodes[(value[1], value[2], value[3])]
            if 0 <= index < len(expr[3]) and not any(e[0] == "spread" for e in expr[3][: index + 1]):
                file, element = engine.file(value[1]), expr[3][index]
                key = ("element", value, index)
                groups.append(engine.solve(key, partial(engine.values, file, element, scope, value[4])))
                continue
        groups.append((unknown(),))
    return join(*groups)
