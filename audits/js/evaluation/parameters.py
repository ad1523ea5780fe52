"""What a parameter is: by the call that led here, by all calls, or by its type when none is seen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from audits.js.evaluation import instances, pattern_values, types_meant
from audits.js.evaluation.project import File
from audits.js.evaluation.values import ENV_NAMES, NOTHING, Context, Frame, Value, Values, join, unknown
from audits.js.syntax.facts import Define, Function, Type

if TYPE_CHECKING:
    from audits.js.evaluation.engine import Engine

ENTRIES = {"fetch", "scheduled", "queue", "email", "tail", "trace", "test"}
EACH = {"map", "forEach", "filter", "flatMap", "some", "every", "find", "findIndex"}


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
    return pattern_values.walk(engine, file, found, define.path, function.scope, inner, name)


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
    if whole.type is not None and not _says_nothing(whole.type):
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
    if whole.type is not None and not (_says_nothing(whole.type) and name in ENV_NAMES):
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


def _says_nothing(type_: Type) -> bool:
    """`env: any` and `env: typeof worker.Env` are as good as no annotation."""
    return type_[0] == "typeof" or (type_[0] == "word" and type_[1] in ("any", "unknown", "object"))


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
    return instances.is_entry_class(engine, file.index, function.cls)


def _called_back(engine: Engine, file: File, function: Function, index: int) -> Values:
    """The callback of `.map`, `.forEach` and the like gets the elements, that of `.then` the value."""
    call = file.facts.calls[function.call]
    callee = call.expr[3]
    if callee[0] != "mem" or index or function.argument:
        return ()
    if callee[4] in EACH:
        return engine.each_of(engine.values(file, callee[3], call.scope, ()))
    if callee[4] == "then":
        return engine.values(file, callee[3], call.scope, ())
    return ()
