"""Reads that are all of a statement: `const name = await namespace.get(key, …);`."""

from __future__ import annotations

import re

from audits.js.evaluation import expression_names
from audits.js.evaluation.project import File
from audits.js.syntax.facts import Call, Define, Expr
from audits.operation import Row

_REACH = 300
_BEFORE = re.compile(rb"(?P<indent>[ \t]*)const\s+$")
_AFTER = re.compile(rb"[ \t]*(?P<stop>;?)[ \t]*(?:\r?\n|//|/\*|\}|$)")


def of(file: File, call: Call, method: str) -> Row | None:
    """The statement of a get, None when it is more than that or another one."""
    given: tuple[Expr, ...] = call.expr[4]
    if method != "get" or call.sink != "awaited" or not given or not _twice(given[0]) or not call.spans:
        return None
    found = _declared(file, call)
    if found is None:
        return None
    name, define = found
    reach = max(0, define.start - _REACH)
    word = _BEFORE.search(file.source[reach : define.start])
    after = _AFTER.match(file.source, define.end)
    spare = f"{name}Values"
    if word is None or after is None or _occurs(file, spare):
        return None
    start = reach + word.end("indent")
    return Row(
        name=name,
        start=start,
        end=after.end("stop"),
        before=reach + len(file.source[reach:start].rstrip()),
        key=file.text(*call.spans[0]),
        rest=file.text(call.spans[0][1], call.expr[2]).removesuffix(")").rstrip(" \t\r\n,"),
        types=file.text(call.expr[3][2], call.spans[0][0]).rpartition("(")[0].strip(),
        stop=after["stop"].decode(),
        indent=word["indent"].decode(),
        spare=spare,
    )


def _declared(file: File, call: Call) -> tuple[str, Define] | None:
    """The plain name that gets what is awaited, and nothing else."""
    for name, defines in file.facts.scopes[call.scope].names.items():
        for define in defines:
            value = define.value
            if define.kind == "var" and value is not None and value[0] == "await" and value[3] is call.expr:
                plain = not define.path and define.type is None and len(defines) == 1
                return (name, define) if plain else None
    return None


def _twice(key: Expr) -> bool:
    """May a key be evaluated twice? A template of names and constants may."""
    if key[0] == "tpl":
        return all(isinstance(part, str) or _twice(part) for part in key[3])
    return key[0] == "str" or expression_names.chain_text(key) != ""


def _occurs(file: File, word: str) -> bool:
    return re.search(rb"(?<![\w$])" + word.encode() + rb"(?![\w$])", file.source) is not None
