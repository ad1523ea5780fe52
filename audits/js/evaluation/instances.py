"""Fields, methods and getters of instances, static members of classes, constructors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audits.js.evaluation import expression_names, pattern_values, types_meant
from audits.js.evaluation.values import NOTHING, Context, Value, Values, join, trim, unknown
from audits.js.syntax.facts import Define

if TYPE_CHECKING:
    from audits.js.evaluation.engine import Engine

ENTRY_CLASSES = {
    "DurableObject", "WorkerEntrypoint", "WorkflowEntrypoint", "Agent", "AIChatAgent", "McpAgent", "Server",
    "Container", "Workflow", "RpcTarget",
}  # fmt: skip


def of_instance(engine: Engine, value: Value, name: str) -> Values:
    """A field, method or getter of an instance, the superclass's when the class has none."""
    file = engine.file(value[1])
    made = file.facts.classes[value[2]]
    if name in made.methods:
        return (("fn", value[1], made.methods[name], (), value),)
    if name in made.getters:
        return engine.returned(("fn", value[1], made.getters[name], (), value), ())
    found: list[Values] = []
    if name in made.fields:
        found.append(_field(engine, value, name, made.fields[name]))
    elif made.extends is not None:
        for above in engine.values(file, made.extends, made.scope, ()):
            if above[0] == "cls":
                base = _as_base(engine, value, above)
                found.append(engine.property_of(base, name))
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
        groups.append(pattern_values.walk(engine, file, got, define.path, define.scope, inner, name))
    found = join(*groups)
    declared = next((define.type for define in defines if define.type is not None), None)
    if declared is not None:
        found = types_meant.coerce(engine, file, found, declared, name)
    if any(define.optional for define in defines):
        found = join(found, (NOTHING,))
    return tuple(("u", name, v[2], v[3], v[4]) if v[0] == "u" and not v[1] else v for v in found)


def of_class(engine: Engine, value: Value, name: str) -> Values:
    """A static member."""
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
        return engine.properties_of(engine.values(file, made.extends, made.scope, ()), name)
    return join(*groups) or (unknown(name),)


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
    if (
        made.extends is not None
        and expression_names.text_of(made.extends).rpartition(".")[2] in ENTRY_CLASSES
    ):
        return True
    return made.name in engine.project.durable_classes or bool(
        {"alarm", "webSocketMessage"} & made.methods.keys()
    )
