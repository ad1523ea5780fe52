"""What types say of values: annotations, casts, interfaces, return types, and the bindings of `env`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from audits.js.facts import Declared, Type
from audits.js.project import File
from audits.js.type_names import KV_TYPE, OTHERS, SHIM, THROUGH
from audits.js.values import GENERIC, NOTHING, Context, Value, Values, join, trim, unknown

if TYPE_CHECKING:
    from audits.js.engine import Engine


def kv(binding: str, confidence: int, kind: str, text: str, place: tuple[int, int] | None) -> Value:
    """A namespace; `place`: file and offset of the evidence."""
    return ("kv", binding, confidence, kind, text, place)


def declared(engine: Engine, file: File, name: str) -> tuple[File, Declared] | None:
    """The declaration of a type's name as seen from a file: its own, imported, or ambient."""
    found = file.facts.types.get(name)
    if found is not None:
        return file, found
    head, _, rest = name.partition(".")
    for define in file.facts.scopes[0].names.get(head, ()):
        if define.kind != "imp":
            continue
        spec, public = define.extra
        target = engine.project.resolve(file, spec)
        if target is not None:
            return _exported_type(engine, target, rest if public == "*" else public)
    return engine.project.ambient_type(engine.project.files, name)


def _exported_type(engine: Engine, index: int, name: str, seen: int = 0) -> tuple[File, Declared] | None:
    file = engine.file(index)
    exports = file.facts.exports.get(name, ())
    for export in exports:
        if export.spec and seen < 8:
            target = engine.project.resolve(file, export.spec)
            return _exported_type(engine, target, export.local, seen + 1) if target is not None else None
        if export.local and (found := declared(engine, file, export.local)) is not None:
            return found
    if name in file.facts.types:
        return file, file.facts.types[name]
    for spec in file.facts.stars if seen < 8 else ():
        target = engine.project.resolve(file, spec)
        if target is not None and (found := _exported_type(engine, target, name, seen + 1)) is not None:
            return found
    return None


def of_type(
    engine: Engine, file: File, type_: Type, name: str, origin: str, seen: int = 0, env: bool = False
) -> Values:
    """Values that a type allows, for something that is called `name`."""
    kind = type_[0]
    if kind == "ref":
        return _reference(engine, file, type_, name, origin, seen, env)
    if kind == "union":
        return join(*(of_type(engine, file, part, name, origin, seen + 1, env) for part in type_[1]))
    if kind == "word":
        if type_[1] in ("undefined", "null", "void"):
            return (NOTHING,)
        return (unknown(name, "", origin, False),)
    if kind == "lit":
        return (("str", (type_[1],) if type_[1] else ()),)
    if kind == "at" and seen < 8:
        holder = of_type(engine, file, type_[1], "", origin, seen + 1)
        return join(*(_member_of(engine, value, type_[2], env) for value in holder))
    if kind == "obj" and _is_shim("", type_):
        return (_namespace(file, name, origin, env, "declared with a namespace's shape"),)
    if kind in ("obj", "all", "fn"):
        return (("ty", type_, file.index, name),)
    return (unknown(name, "", origin, False),)


def _member_of(engine: Engine, value: Value, name: str, env: bool) -> Values:
    return member(engine, value, name) if value[0] == "ty" else (unknown(name),)


def _reference(
    engine: Engine, file: File, type_: Type, name: str, origin: str, seen: int, env: bool
) -> Values:
    full, arguments = type_[1], type_[2]
    short = full.rpartition(".")[2]
    if short in THROUGH and arguments:
        return of_type(engine, file, arguments[0], name, origin, seen + 1, env)
    if KV_TYPE.match(short):
        return (_namespace(file, name, origin, env, f"declared as {short}"),)
    found = declared(engine, file, full) if seen < 10 else None
    if found is not None:
        owner, said = found
        if _is_shim(short, said.type):
            return (
                _namespace(file, name, origin, env, f"declared as {short}, which has a namespace's shape"),
            )
        if said.type[0] == "obj":
            return (("ty", type_, file.index, name),)
        return of_type(engine, owner, said.type, name, origin, seen + 1, env)
    for value in class_of(engine, file, full):
        return (("inst", value[1], value[2], None, ()),)
    if short in OTHERS or full in OTHERS:
        return (("other", short),)
    return (("ty", type_, file.index, name),)


def class_of(engine: Engine, file: File, name: str) -> Values:
    """The classes that a type's name means."""
    defines = file.facts.scopes[0].names.get(name)
    if not defines or not any(define.kind in ("cls", "imp") for define in defines):
        return ()
    return tuple(v for v in engine.look_up(file, name) if v[0] == "cls")


def _is_shim(name: str, type_: Type) -> bool:
    """A local interface with the shape of a namespace."""
    if type_[0] != "obj":
        return False
    members = {m[0]: m[1] for m in type_[1]}
    if not {"get", "put"} <= members.keys():
        return False
    said = " ".join(m[2] for m in members.values() if m is not None and m[0] == "fn" and len(m) > 2)
    return "expirationTtl" in said or "list_complete" in said or bool(SHIM.search(name))


def _namespace(file: File, name: str, origin: str, env: bool, text: str) -> Value:
    is_binding = env or origin == "global" or re.fullmatch(r"[A-Z][A-Z0-9_]*", name) is not None
    return kv(name if is_binding else "", 3, "type-annotation", text, (file.index, 0))


def coerce(engine: Engine, file: File, values: Values, type_: Type, name: str) -> Values:
    """Values seen through an annotation or a cast: what a type says of the unknown is believed."""
    meant = of_type(engine, file, type_, name, "cast")
    spaces = tuple(v for v in meant if v[0] == "kv")
    if spaces:
        return _as_namespaces(values, spaces[0])
    maybe = NOTHING in meant
    strong = tuple(v for v in meant if v[0] in ("other", "ty", "inst"))
    if not strong:
        return join(values, (NOTHING,)) if maybe and any(v[0] == "u" for v in values) else values
    result: list[Value] = []
    for value in values:
        if value[0] == "env" and strong[0][0] == "ty":
            result.append(("env", type_, file.index))
        elif value[0] in ("u", "ext") or (strong[0][0] == "other" and value[0] in ("kv", "ty")):
            result.extend(_named(v, value) for v in strong)
            if maybe:
                result.append(NOTHING)
        elif value[0] == "ty" and strong[0][0] in ("ty", "inst"):
            result.extend(strong)
        else:
            result.append(value)
    return join(result)


def _named(value: Value, given: Value) -> Value:
    if value[0] == "ty" and not value[3] and given[0] == "u":
        return (*value[:3], given[1])
    return value


def _as_namespaces(values: Values, space: Value) -> Values:
    result: list[Value] = []
    for value in values:
        if value[0] == "u":
            own = value[1] if value[3] in ("env", "global", "process") or value[1].isupper() else space[1]
            result.append((space[0], own.rpartition(".")[2], *space[2:]))
        elif value[0] in ("kv", "obj", "inst", "nul", "arr", "fn"):
            result.append(value if value[0] != "kv" else (*value[:2], max(3, value[2]), *value[3:]))
        else:
            result.append(space)
    if all(value[0] == "nul" for value in values):
        result.append(space)
    return join(result)


def members(
    engine: Engine, file: File, type_: Type, name: str, seen: int = 0
) -> list[tuple[File, Type | None, bool]]:
    """What the type says of one member: `(file, type, optional)`, several when it is merged."""
    kind = type_[0]
    if seen > 10:
        return []
    if kind == "obj":
        return [(file, m[1], m[2]) for m in type_[1] if m[0] == name]
    if kind in ("all", "union"):
        return [found for part in type_[1] for found in members(engine, file, part, name, seen + 1)]
    if kind == "at":
        inner = members(engine, file, type_[1], type_[2], seen + 1)
        return [
            f for owner, t, _ in inner if t is not None for f in members(engine, owner, t, name, seen + 1)
        ]
    if kind != "ref":
        return []
    if type_[1] in THROUGH and type_[2]:
        return members(engine, file, type_[2][0], name, seen + 1)
    found = declared(engine, file, type_[1])
    if found is None:
        return []
    owner, said = found
    inner = members(engine, owner, said.type, name, seen + 1)
    for above in () if inner else said.extends:
        inner += members(engine, owner, above, name, seen + 1)
    if inner and said.params and type_[2]:
        given = dict(zip(said.params, type_[2], strict=False))
        inner = [
            (file, given[t[1]], o) if t and t[0] == "ref" and t[1] in given else (f, t, o)
            for f, t, o in inner
        ]
    return inner


def member(engine: Engine, value: Value, name: str) -> Values:
    """A property of something of which only the type is known."""
    type_, file = value[1], engine.file(value[2])
    found = members(engine, file, type_, name)
    if name == "env" and not found:
        return (("env", _bindings_type(engine, file, type_), value[2]),)
    if type_[0] == "ref" and name in ("Bindings",) and not found:
        return (("env", None, value[2]),)
    groups: list[Values] = []
    for owner, said, optional in found:
        if said is None:
            groups.append((unknown(name, "", "member", False),))
        elif name == "env" and said[0] in ("ref", "obj", "all"):
            groups.append((("env", said, owner.index),))
        else:
            groups.append(of_type(engine, owner, said, name, "member"))
        if optional:
            groups.append((NOTHING,))
    if not groups:
        text = name if not value[3] or name.lower() not in GENERIC else f"{value[3]}.{name}"
        return (unknown(text, "", "prop", False),)
    found_values = join(*groups)
    if value[3] and name.lower() in GENERIC:
        text = f"{value[3]}.{name}"
        return join(("u", text, *v[2:]) if v[0] == "u" else v for v in found_values)
    return found_values


def _bindings_type(engine: Engine, file: File, type_: Type) -> Type | None:
    """`Context<{ Bindings: Env }>`, `EventContext<Env, …>`, `PagesFunction<Env>`."""
    for argument in type_[2] if type_[0] == "ref" else ():
        inner = members(engine, file, argument, "Bindings")
        if inner:
            owner, said, _ = inner[0]
            return cast(Type, said) if owner is file else None
        if argument[0] in ("ref", "obj"):
            return cast(Type, argument)
    return None


def binding(engine: Engine, env: Value, name: str) -> Values:
    """A name in the Worker's `env`: what its type, the configuration, or the project says of it."""
    file = engine.file(env[2]) if env[2] >= 0 else None
    if file is not None and env[1] is not None:
        for owner, said, _ in members(engine, file, env[1], name):
            if said is None:
                continue
            meant = of_type(engine, owner, said, name, "env", env=True)
            strong = tuple(v for v in meant if v[0] in ("kv", "other", "inst"))
            if strong:
                return strong
            if name in ("env", "Bindings", "cloudflare"):
                return (("env", said, owner.index),)
    known = engine.project.binding(file, name, "env")
    if known is not None:
        return (known,)
    if name in ("env", "Bindings"):
        return (env,)
    return (unknown(name, "", "env", False),)


def returned(engine: Engine, function: Value, frame: Context) -> Values:
    """What a call of the function gives. `frame`: how it was entered, empty when that is unknown."""
    file = engine.file(function[1])
    facts = file.facts.functions[function[2]]
    context = trim((*frame, *function[3]))
    if not frame and function[4] is not None:
        context = trim(((function[1], function[2], -1, -1, (), function[4]), *function[3]))
    groups = [engine.values(file, expr, scope, context) for expr, scope in facts.returns]
    if facts.generator:
        return (unknown(facts.name),)
    found = join(*groups)
    if facts.falls and facts.returns:
        found = join(found, (NOTHING,))
    if facts.type is not None:
        found = (
            coerce(engine, file, found, facts.type, "")
            if found
            else of_type(engine, file, facts.type, "", "call")
        )
    return found
