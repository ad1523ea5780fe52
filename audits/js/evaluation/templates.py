"""Text with holes: values as parts, and the product of what the parts can be."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import product
from typing import TYPE_CHECKING

from audits.js.evaluation import expression_names
from audits.js.evaluation.project import File
from audits.js.evaluation.values import LIMIT, Context, Value, Values, join
from audits.js.syntax.facts import Expr

if TYPE_CHECKING:
    from audits.js.evaluation.engine import Engine

Parts = tuple[object, ...]


def parts_of(value: Value, name: str = "") -> Parts:
    """A value as text with holes. Nobody means the text `undefined`: it is a value that is set elsewhere."""
    kind = value[0]
    if kind == "str":
        return tuple(value[1])
    if kind == "num":
        return (plain(value[1]),)
    if kind == "bool":
        return ("true" if value[1] else "false",)
    if kind == "u":
        return (("h", value[1] or name, value[2]),)
    if kind == "ty":
        return (("h", value[3] or name, ""),)
    return (("h", name, ""),)


def plain(number: float) -> str:
    """A number as the language writes it."""
    return str(int(number)) if math.isfinite(number) and number == int(number) else repr(number)


def merged(parts: Iterable[object]) -> Parts:
    """Neighbouring texts made one, and neighbouring holes that say the same: a loop that appends to
    a text would have no end otherwise."""
    result: list[object] = []
    for part in parts:
        if isinstance(part, str) and result and isinstance(result[-1], str):
            result[-1] += part
        elif part != "" and not (result and part == result[-1]):
            result.append(part)
    return tuple(result[:24])


def template(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    """A template string: the product of what its parts can be."""
    choices: list[tuple[Parts, ...]] = []
    for part in expr[3]:
        if isinstance(part, str):
            choices.append(((part,),))
        else:
            found = texts(engine.values(file, part, scope, context), expression_names.text_of(part))
            choices.append(found)
    return joined(choices)


def texts(values: Values, name: str) -> tuple[Parts, ...]:
    """The texts that values stand for, without undefined where there is anything else."""
    kept = [value for value in values if value[0] != "nul"] or list(values)
    found = {parts_of(value, name): None for value in kept}
    return tuple(sorted(found, key=repr)[:LIMIT]) or ((("h", name, ""),),)


def joined(choices: list[tuple[Parts, ...]]) -> Values:
    """Every combination of one text of each, put one after the other."""
    result: list[Value] = []
    for combination in product(*choices):
        result.append(("str", merged(part for parts in combination for part in parts)))
        if len(result) >= LIMIT * 2:
            break
    return join(result)
