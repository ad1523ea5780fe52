"""What a function gives when it is entered by a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audits.js.evaluation import types_meant
from audits.js.evaluation.project import File
from audits.js.evaluation.values import DEPTH, NOTHING, Context, Value, Values, join, trim, unknown
from audits.js.syntax.facts import Expr

if TYPE_CHECKING:
    from audits.js.evaluation.engine import Engine

ASKING = {"param", "query", "get", "getCookie", "header", "cookie", "parseCookie", "getParam", "getHeader"}
"""Functions that are asked for something by its name."""

TEXTUAL = {
    "encodeURIComponent",
    "decodeURIComponent",
    "escape",
    "hash",
    "sha256",
    "hashToken",
    "md5",
    "btoa",
}
"""Functions that give their argument in another form."""

PASSING = ASKING | TEXTUAL
"""Functions that do not make a key: the helper that is given what they give does."""


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
            types_meant.coerce(engine, file, found, facts.type, "")
            if found
            else types_meant.of_type(engine, file, facts.type, "", "call")
        )
    return found


def entered(engine: Engine, file: File, expr: Expr, function: Value, context: Context, name: str) -> Values:
    """What a function gives when it is called from here; holes remember which helper made them."""
    site = (file.index, expr[5])
    frame = (function[1], function[2], *site, trim(context, DEPTH - 1), function[4])
    found = returned(engine, function, (frame,))
    said = engine.file(function[1]).facts.functions[function[2]].name or name
    return join(_helped(value, said) for value in found)


def _helped(value: Value, name: str) -> Value:
    if value[0] == "str":
        made = (
            p if isinstance(p, str) or (p[2] and p[2] not in PASSING) else ("h", p[1], name) for p in value[1]
        )
        parts = tuple(made)
        return ("str", parts)
    if value[0] == "u" and not value[2]:
        return ("u", value[1], name, value[3], value[4])
    return value
