"""What stands around a KV call: function, class, entry points, loops, guards, names of values."""

from __future__ import annotations

import re
from collections.abc import Iterator

from audits.js import collect
from audits.js.engine import Engine, Site
from audits.js.facts import Call, Function
from audits.js.project import File
from audits.operation import Awaited, Enclosing, Has

_HANDLERS = {
    "scheduled",
    "alarm",
    "queue",
    "webSocketMessage",
    "webSocketClose",
    "setInterval",
    "email",
    "tail",
}
_EACH = re.compile(r"\.(?:map|forEach|filter|flatMap|reduce|some|every)$")
_GUARD = re.compile(
    r"[<>]|!==?|===?|Date\.now|changed|dirty|stale|expired|last|age|since|modified|updated|exists|existing|!\w",
    re.IGNORECASE,
)


def enclosing(engine: Engine, file: File, call: Call) -> Enclosing:
    """What surrounds the call."""
    number = file.facts.scopes[call.scope].fn
    function = _named(file, number)
    cls = file.class_around(call.scope)
    text = file.text(function.start, function.end) if function is not None else ""
    return Enclosing(
        function=function.name if function is not None else "",
        cls=file.facts.classes[cls].name if cls >= 0 else "",
        handlers=tuple(sorted(_handlers(engine, file, number))),
        loop=_loop(file, call.scope),
        guarded=_guarded(file, call.scope),
        test_file=collect.is_test(file.path),
        cookies_read="cookie" in text.lower(),
    )


def _outward(file: File, number: int) -> Iterator[tuple[int, Function]]:
    """The function and those around it."""
    while number >= 0:
        function = file.facts.functions[number]
        yield number, function
        number = file.facts.scopes[file.facts.scopes[function.scope].parent].fn


def _named(file: File, number: int) -> Function | None:
    """The innermost function that has a name."""
    found = [function for _, function in _outward(file, number)]
    return next((function for function in found if function.name), found[-1] if found else None)


def _handlers(engine: Engine, file: File, number: int) -> set[str]:
    """Names of entry points that lead to a function, over at most four calls."""
    found: set[str] = set()
    seen: set[Site] = set()
    level = [(file, number)]
    for _ in range(5):
        further: list[tuple[File, int]] = []
        for where, start in level:
            for inner, function in _outward(where, start):
                if (where.index, inner) in seen:
                    continue
                seen.add((where.index, inner))
                passed = where.text(*function.passed).rpartition(".")[2]
                found |= {name for name in (function.name, passed) if name in _HANDLERS}
                for site in engine.callers((where.index, inner)):
                    caller = engine.file(site[0])
                    further.append((caller, caller.facts.scopes[caller.facts.calls[site[1]].scope].fn))
        level = further
    return found


def _loop(file: File, scope: int) -> str:
    """What the call runs once for each of, "" when it does not."""
    while scope >= 0:
        here = file.facts.scopes[scope]
        if here.kind == "loop":
            return " ".join(file.text(*here.about).split())[:80].strip(";") or "loop"
        if here.kind == "fn" and here.fn >= 0:
            function = file.facts.functions[here.fn]
            callee = file.text(*function.passed)
            match = _EACH.search(callee)
            if match is not None:
                return " ".join(callee[: match.start()].split())[:80]
            if function.call < 0:
                return ""
        scope = here.parent
    return ""


def _guarded(file: File, scope: int) -> bool:
    """Does a condition on change or age stand before the call in its function?"""
    for around in file.around(scope):
        here = file.facts.scopes[around]
        if here.kind == "if" and _GUARD.search(file.text(*here.about)):
            return True
    return False


def awaited(sink: str) -> Awaited:
    """The sink that was noted as the seam calls it."""
    return Awaited(sink)


def cursor_followed(file: File, call: Call, option: Has) -> Has:
    """Is a list's cursor passed on, or at least looked at?"""
    number = file.facts.scopes[call.scope].fn
    outermost = [function for _, function in _outward(file, number)]
    text = file.text(outermost[-1].start, outermost[-1].end) if outermost else file.text(0, len(file.source))
    looked = "cursor" in text or "list_complete" in text
    if option in (Has.YES, Has.MAYBE):
        return Has.YES if looked and text.count("cursor") > 1 else Has.MAYBE
    if option == Has.UNKNOWN:
        return Has.MAYBE if looked else Has.UNKNOWN
    return Has.MAYBE if looked else Has.NO
