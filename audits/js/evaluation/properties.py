"""Properties of values: of objects, instances, modules, types, the Worker's `env`, and the unknown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from audits.js.evaluation import carried, instances, literals, module_values, type_members
from audits.js.evaluation.values import GENERIC, Value, Values, join, unknown
from audits.js.syntax.facts import Expr

if TYPE_CHECKING:
    from audits.js.evaluation.engine import Engine

METHODS = {"get", "getWithMetadata", "put", "delete", "list"}
_NO_ENV = {"process", "Deno", "Bun"}
_GLOBAL = {"globalThis", "self"}


def of_all(engine: Engine, values: Values, name: str, holder: str = "") -> Values:
    """The property of that name of every value."""
    return join(*(of(engine, value, name, holder) for value in values))


def of(engine: Engine, value: Value, name: str, holder: str = "") -> Values:
    """The property of one value; `holder` is the text of what has it."""
    kind = value[0]
    if kind == "env":
        return type_members.binding(engine, value, name)
    if kind == "kv":
        return (("kvm", value, name),) if name in METHODS else (unknown(name, "", "kv"),)
    if kind == "list":
        return (_of_list(value, name),)
    follow = _follower(kind)
    if follow is not None:
        return engine.solve(("property", value, name), lambda: follow(engine, value, name))
    if kind == "mod":
        found = module_values.exported(engine, value[1], name)
        return found or (unknown(name),)
    if kind == "ty":
        found = type_members.member(engine, value, name)
        return (carried.member(engine, value, name) if _untold(found) else ()) or found
    if kind == "ext":
        return _external(value, name)
    if kind == "other":
        return (unknown(name, "", "other"),)
    if kind == "u":
        return _of_unknown(engine, value, name, holder)
    if kind == "nul":
        return ()
    return (unknown(name),)


def _untold(values: Values) -> bool:
    return all(value[0] == "u" and value[3] == "prop" for value in values)


def _listed(value: Value) -> Value:
    """One of the keys that a list gave, or of what was made of their names."""
    if value[2] == "texts":
        return ("str", value[1])
    return ("list", value[1], "key") if value[2] == "keys" else unknown()


def _of_list(value: Value, name: str) -> Value:
    _, prefix, step = value
    if step == "" and name == "keys":
        return ("list", prefix, "keys")
    if step == "key" and name == "name":
        return ("str", (*prefix, ("h", name, "")))
    return unknown(name, "", "kv")


def _follower(kind: str) -> Callable[[Engine, Value, str], Values] | None:
    """How to follow what has code of its own: such answers are kept, and may meet themselves."""
    if kind == "obj":
        return literals.of_object
    if kind == "inst":
        return instances.of_instance
    return instances.of_class if kind == "cls" else None


def _external(value: Value, name: str) -> Values:
    if value[2] == "*" or (value[1] == "cloudflare:workers" and value[2] == "default"):
        if value[1] == "cloudflare:workers" and name == "env":
            return (("env", None, -1),)
        return (("ext", value[1], name),)
    if name == "env":
        return (("env", None, -1),)
    return (unknown(name, "", "ext"),)


def _of_unknown(engine: Engine, value: Value, name: str, holder: str) -> Values:
    if name == "env" and value[1] not in _NO_ENV:
        return (("env", None, -1),)
    if value[1] in _GLOBAL and value[3] == "global":
        known = engine.project.binding(None, name, "global")
        return (known,) if known is not None else (unknown(name, "", "global"),)
    if name.isupper() and (known := engine.project.binding(None, name, "global")) is not None:
        return ((*known[:2], 2, *known[3:]),)  # whatever holds it, it is called as the namespace is
    if taken := carried.member(engine, value, name):
        return taken
    if name == "kv" and value[1].rpartition(".")[2] == "storage":
        return (("other", "SyncKvStorage"),)  # of a Durable Object
    text = name
    if name.lower() in GENERIC and (holder or value[1]):
        text = f"{(holder or value[1]).rpartition('.')[2]}.{name}"
    origin = "process" if value[3] == "process" or (name == "env" and value[1] == "process") else "prop"
    return (unknown(text, "", origin, value[4] and value[3] == "call"),)


def names_of(engine: Engine, value: Value) -> list[str]:
    """The names that an object literal gives itself."""
    expr, _ = engine.nodes[(value[1], value[2], value[3])]
    return [entry[1] for entry in expr[3] if entry[0] == "p"]


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
        elif value[0] == "list":
            groups.append((_listed(value),))
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
        elif value[0] == "list":
            groups.append((_listed(value),))
            continue
        groups.append((unknown(),))
    return join(*groups)
