"""What types say of values: annotations, casts, interfaces, return types, and the bindings of `env`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from audits.js.evaluation.known_types import KV_TYPE, OTHERS
from audits.js.evaluation.project import File
from audits.js.evaluation.values import NOTHING, Value, Values, join, unknown
from audits.js.syntax.facts import Declared, Type

if TYPE_CHECKING:
    from audits.js.evaluation.engine import Engine

_SHIM = re.compile(r"KV", re.IGNORECASE)
_OWN_TTL = re.compile(r"\bttl\w*\??\s*:", re.IGNORECASE)
THROUGH = {
    "Promise",
    "Readonly",
    "Partial",
    "Required",
    "NonNullable",
    "Awaited",
    "Pick",
    "Omit",
    "PromiseLike",
}


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
    return engine.property_of(value, name) if value[0] == "ty" else (unknown(name),)


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
        if short not in engine.project.abstractions and _is_shim(short, said.type):
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
    return tuple(v for v in engine.look_up(file, name, 1 << 40, 0, ()) if v[0] == "cls")


def _is_shim(name: str, type_: Type) -> bool:
    """A local interface with the shape of a namespace."""
    if type_[0] != "obj":
        return False
    members = {m[0]: m[1] for m in type_[1]}
    if not {"get", "put"} <= members.keys():
        return False
    said = " ".join(m[2] for m in members.values() if m is not None and m[0] == "fn" and len(m) > 2)
    if "expirationTtl" in said or "list_complete" in said:
        return True
    return _SHIM.search(name) is not None and _OWN_TTL.search(said) is None


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
