"""Members of types, and the names in the Worker's `env`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audits.js.evaluation import types_meant
from audits.js.evaluation.project import File
from audits.js.evaluation.values import GENERIC, NOTHING, Value, Values, join, unknown
from audits.js.syntax.facts import Type

if TYPE_CHECKING:
    from audits.js.evaluation.engine import Engine


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
    if type_[1] in types_meant.THROUGH and type_[2]:
        return members(engine, file, type_[2][0], name, seen + 1)
    found = types_meant.declared(engine, file, type_[1])
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
            groups.append(types_meant.of_type(engine, owner, said, name, "member"))
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
            return said if owner is file else None
        if argument[0] in ("ref", "obj"):
            whole: Type = argument
            return whole
    return None


def binding(engine: Engine, env: Value, name: str) -> Values:
    """A name in the Worker's `env`: what its type, the configuration, or the project says of it."""
    file = engine.file(env[2]) if env[2] >= 0 else None
    if file is not None and env[1] is not None:
        for owner, said, _ in members(engine, file, env[1], name):
            if said is None:
                continue
            meant = types_meant.of_type(engine, owner, said, name, "env", env=True)
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
