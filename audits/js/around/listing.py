"""What is done with the result of a list: is its cursor followed, or at least its end looked at?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from audits.js.evaluation.engine import Engine
from audits.js.evaluation.project import File
from audits.js.files import collect
from audits.js.syntax.bare_text import bare
from audits.js.syntax.calls import GATHERING
from audits.js.syntax.facts import Call, Define, Expr, Path
from audits.operation import Has

_END = re.compile(r"\b(?:cursor|list_complete)\b")
_FEW = re.compile(r"\s*[?!]?\.\s*length\s*(?:===?|!==?|>=?|<=?)\s*[01]\b|\s*(?:\?\.)?\[0\]")
_MEMBER = re.compile(r"\s*[?!]?\.\s*(\w+)")
_ASKED = re.compile(r"!\s*$|\b(?:if|while)\s*\(\s*$")
_COMPARED = re.compile(r"\s*(?:[!=]==?|&&|\|\||\?\?|=)")


@dataclass(frozen=True, slots=True)
class _Held:
    """A variable that is given the result, or the part of it that `path` leads to."""

    name: str
    define: Define
    path: Path


@dataclass(frozen=True, slots=True)
class _Use:
    """What stands before and after one use of a name."""

    before: str
    after: str


def followed(engine: Engine, file: File, call: Call, option: Has) -> Has:
    """Is a list's cursor followed? NO: neither is one passed, nor is anything of the result looked at
    that says whether there is more. UNKNOWN: the result goes where that cannot be seen."""
    looked = _looked(engine, file, call)
    if option in (Has.YES, Has.MAYBE):
        return Has.YES if looked is not False else Has.MAYBE
    if option == Has.UNKNOWN:
        return Has.MAYBE if looked else Has.UNKNOWN
    if looked is None:
        return Has.UNKNOWN
    return Has.MAYBE if looked else Has.NO


def taken(file: File, call: Call) -> int | None:
    """How many keys of the result are used, where that is seen: 1 for `keys[0]`, or when only whether
    there is one is asked."""
    direct = re.match(r"\s*\)\s*[?!]?\.\s*keys", _rest(file, call))
    if direct is not None:
        return 1 if _FEW.match(_rest(file, call), direct.end()) else None
    held = list(_holders(file, call))
    if len(held) != 1 or (held[0].path and held[0].path[0][0] != "keys"):
        return None
    uses = _uses(file, held[0])
    if not held[0].path:
        keys = re.compile(r"\s*[?!]?\.\s*keys\b")
        if not all(keys.match(use.after) for use in uses):
            return None
        uses = [_Use(use.before, keys.sub("", use.after, count=1)) for use in uses]
    return 1 if uses and all(_FEW.match(use.after) for use in uses) else None


def _looked(engine: Engine, file: File, call: Call) -> bool | None:
    """Is the cursor or the end of the result looked at? None: it goes where that is not seen."""
    for link in file.facts.calls:
        callee = link.expr[3]
        if callee[0] == "mem" and callee[4] == "then" and callee[3] is call.expr:
            return _END.search(file.text(link.expr[1], link.expr[2])) is not None
    if call.sink == "returned":
        return _looked_by_callers(engine, file, call)
    held = list(_holders(file, call))
    if not held:
        return False if re.match(r"\s*\)\s*[?!]?\.\s*keys\b", _rest(file, call)) else None
    found = [_looked_through(file, one) for one in held]
    return True if True in found else None if None in found else False


def _looked_through(file: File, held: _Held) -> bool | None:
    if held.path:
        part = held.path[0][0]
        return part in ("cursor", "list_complete") if isinstance(part, str) else None
    found: bool | None = False
    for use in _uses(file, held):
        member = _MEMBER.match(use.after)
        if member is not None and _END.fullmatch(member[1]):
            return True
        if member is None and not _ASKED.search(use.before) and not _COMPARED.match(use.after):
            found = None
    return found


def _looked_by_callers(engine: Engine, file: File, call: Call) -> bool | None:
    number = file.facts.scopes[call.scope].fn
    found: set[bool | None] = set()
    for site in engine.callers_of((file.index, number)) if number >= 0 else ():
        there = engine.file(site[0])
        outer = there.facts.calls[site[1]]
        if not collect.is_test(there.path):
            found.add(None if outer.sink == "returned" else _looked(engine, there, outer))
    return True if True in found else None if not found or None in found else False


def _rest(file: File, call: Call) -> str:
    return file.text(call.expr[2], min(call.expr[2] + 200, len(file.source)))


def _holders(file: File, call: Call) -> Iterator[_Held]:
    """The variables that are given the result or a part of it."""
    scope = call.scope
    while scope >= 0:
        here = file.facts.scopes[scope]
        for name, defines in here.names.items():
            for define in defines:
                if define.kind in ("var", "set") and define.value is not None:
                    path = _path(define.value, define.path, call.expr)
                    if path is not None:
                        yield _Held(name, define, path)
        scope = here.parent


def _path(value: Expr, path: Path, wanted: Expr) -> Path | None:
    """How a variable with that value and path is reached from the call, None: it is not."""
    while value[0] in ("await", "as"):
        value = value[3]
    if value is wanted:
        return path
    if value[0] in ("log", "if"):
        return next((p for part in value[4:6] if (p := _path(part, path, wanted)) is not None), None)
    if value[0] != "call" or value[3][0] != "mem":
        return None
    if value[3][4] in ("catch", "finally"):
        return _path(value[3][3], path, wanted)
    gathered = value[4][0] if value[3][4] in GATHERING and value[4] else None
    if gathered is None or gathered[0] != "arr" or not path or not isinstance(path[0][0], int):
        return None
    index = path[0][0]
    return _path(gathered[3][index], path[1:], wanted) if index < len(gathered[3]) else None


def _uses(file: File, held: _Held) -> list[_Use]:
    """Every use of a name in its function besides the definition itself."""
    define, facts = held.define, file.facts
    number = facts.scopes[define.scope].fn
    function = facts.functions[number] if number >= 0 else None
    start, end = (function.start, function.end) if function is not None else (0, len(file.source))
    text = bare(file.text(start, end))
    own = len(file.text(start, max(define.start, start)))
    after = len(file.text(start, max(define.end, define.start, start)))
    return [
        _Use(text[max(0, match.start() - 20) : match.start()], text[match.end() : match.end() + 60])
        for match in re.finditer(rf"(?:(?<=\.\.\.)|(?<![\w$.])){re.escape(held.name)}(?![\w$])", text)
        if not own <= match.start() < after and not _is_key(text, match.start(), match.end())
    ]


def _is_key(text: str, start: int, end: int) -> bool:
    """`open: 3` in an object or a type is a name of its own."""
    return re.match(r"\s*\??:", text[end : end + 20]) is not None and text[:start].rstrip()[-1:] in (
        "{",
        ",",
        ";",
    )
