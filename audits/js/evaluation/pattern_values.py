"""The part of a value that a pattern takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audits.js.evaluation.project import File
from audits.js.evaluation.values import NOTHING, Context, Values, join
from audits.js.syntax.facts import Path

if TYPE_CHECKING:
    from audits.js.evaluation.engine import Engine


def walk(
    engine: Engine, file: File, values: Values, path: Path, scope: int, context: Context, name: str
) -> Values:
    """Follow a pattern's path from a value to one of its parts."""
    for key, default in path:
        if isinstance(key, str):
            values = engine.each_of(values) if key == "each" else engine.properties_of(values, key)
        elif isinstance(key, int):
            values = engine.element_of(values, key)
        if default is not None:
            given = tuple(v for v in values if v != NOTHING)
            if len(given) < len(values) or any(v[0] == "u" for v in given):
                values = join(given, engine.values(file, default, scope, context))
    return values
