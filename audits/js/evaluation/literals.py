"""Properties of object literals, with spreads, computed keys and what is assigned to them later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audits.js.evaluation.project import File
from audits.js.evaluation.values import NOTHING, Value, Values, join, unknown

if TYPE_CHECKING:
    from audits.js.evaluation.engine import Engine


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
        if entry[0] in ("p", "g") and entry[1] != name:
            continue
        values, final = _entry(engine, file, entry, scope, value, name)
        found.append(values)
        if final:
            return join(*found)
    return join(*found, (NOTHING,))


def _entry(
    engine: Engine, file: File, entry: tuple[Any, ...], scope: int, value: Value, name: str
) -> tuple[Values, bool]:
    """What one entry gives for a name, and whether it hides those before it."""
    if entry[0] == "p":
        return engine.values(file, entry[2], scope, value[4]), True
    if entry[0] == "g":
        called = ("fn", file.index, entry[2], value[4], value)
        return engine.returned(called, ()), True
    if entry[0] == "c":
        return _computed(engine, file, entry, scope, value, name)
    return _spread(engine, engine.values(file, entry[1], scope, value[4]), name)


def _computed(
    engine: Engine, file: File, entry: tuple[Any, ...], scope: int, value: Value, name: str
) -> tuple[Values, bool]:
    keys = engine.values(file, entry[1], scope, value[4])
    constants = {"".join(k[1]) for k in keys if k[0] == "str" and all(isinstance(p, str) for p in k[1])}
    if name in constants:
        return engine.values(file, entry[2], scope, value[4]), len(keys) == 1
    return ((unknown(name, maybe=True),) if len(constants) < len(keys) else ()), False


def _spread(engine: Engine, parts: Values, name: str) -> tuple[Values, bool]:
    """A spread hides what is before it when each of its values has the name for certain."""
    found: list[Values] = []
    sure = True
    for part in parts:
        if part[0] in ("nul", "bool", "num", "str"):
            sure = False
            continue
        unclear = part[0] == "u"
        got = (unknown(name, "", "spread", True),) if unclear else engine.property_of(part, name)
        here = tuple(v for v in got if v != NOTHING)
        sure = sure and len(here) == len(got) and not unclear
        found.append(here)
    values = join(*found)
    return values, sure and bool(values)
