"""Which loop runs a call once per item: only when the call's key depends on the item.

A loop that tries again, polls or looks for a free name calls with a key that is not the item's; one
that needs what it has read for its next key cannot read all at once. A loop around a call of a
function counts when that function does nothing else that takes time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from audits.js.around import origins
from audits.js.around.guards import before
from audits.js.evaluation.engine import Engine
from audits.js.evaluation.project import File
from audits.js.files import collect
from audits.js.syntax.facts import Call, Define, Expr, Function, Scope

_EACH = {"map", "forEach", "filter", "flatMap", "reduce", "some", "every"}
_READING = {"get", "getWithMetadata", "json", "text", "then", "catch", "parse"}
_KV = {*_READING, "put", "delete", "list", "all"}
_TAKING = {"shift", "pop"}
_LEVELS = 2
_Names = Sequence[tuple[str, Define]]


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop over items. `text`: what they are, as written; `listed`: keys that a list gave; `at_once`:
    every item's call is begun before the first one is done; `leaves`: it can end before the last item;
    `busy`: it waits for other things than KV as well. `call`: the call in the loop, which is the
    operation's own or that of a function around it."""

    text: str
    listed: bool
    at_once: bool
    leaves: bool
    busy: bool
    file: File
    call: Call


def around(engine: Engine, file: File, call: Call, key: Expr | None) -> Loop | None:
    """The loop that runs the call with another key for each item, None: there is none, or it cannot
    know its next key before this one is read."""
    if key is None:
        return None
    return _here(engine, file, call, (key,)) or _at_callers(engine, file, call, (key,), _LEVELS)


def _at_callers(engine: Engine, file: File, call: Call, keys: Iterable[Expr], levels: int) -> Loop | None:
    """A loop that calls the function with another argument for each item."""
    number = file.facts.scopes[call.scope].fn
    used = [define for key in keys for _, define in origins.names(file, key, call.scope)]
    own = {define.extra[1] for define in used if _parameter_of(define, number)}
    if not own or not _only_reads(file, number) or not _at_once_entered(file, call):
        return None
    for site in engine.callers_of((file.index, number)):
        there = engine.file(site[0])
        outer = there.facts.calls[site[1]]
        if collect.is_test(there.path) or outer.expr[0] != "call":
            continue
        given = [argument for index, argument in enumerate(outer.expr[4]) if index in own]
        found = _here(engine, there, outer, given)
        if found is None and levels > 1:
            found = _at_callers(engine, there, outer, given, levels - 1)
        if found is not None:
            return found
    return None


def _parameter_of(define: Define, number: int) -> bool:
    return define.kind == "param" and define.extra[0] == number


def _only_reads(file: File, number: int) -> bool:
    """Does a function wait for nothing but reads?"""
    if number < 0:
        return False
    return all(
        call.name in _READING
        for call in file.facts.calls
        if call.sink == "awaited" and file.facts.scopes[call.scope].fn == number
    )


def _at_once_entered(file: File, call: Call) -> bool:
    """Is the call made whenever its function is entered: not behind a condition, such as a memory of
    what was read before?"""
    scope = file.plain(call.scope)
    return file.facts.scopes[scope].kind == "fn" and not any(before(file, call.expr[1], call.scope))


def _here(engine: Engine, file: File, call: Call, keys: Iterable[Expr]) -> Loop | None:
    """The innermost loop in the function, or callback, around the call whose item is in a key."""
    used = [named for key in keys for named in origins.names(file, key, call.scope)]
    scope = call.scope
    while scope >= 0:
        here = file.facts.scopes[scope]
        if here.kind == "loop":
            found = _of_statement(engine, file, call, here, used)
            if found is not None:
                return found
        elif here.kind == "fn" and here.fn >= 0:
            function = file.facts.functions[here.fn]
            if function.call < 0 and here.fn not in file.immediate:
                return None
            found = _of_callback(engine, file, call, function, here.fn, used) if function.call >= 0 else None
            if found is not None:
                return found
        scope = here.parent
    return None


def _of_statement(engine: Engine, file: File, call: Call, loop: Scope, used: _Names) -> Loop | None:
    heads = [define for defines in loop.names.values() for define in defines]
    depends = any(define is head for _, define in used for head in heads)
    if not (depends or _counted(file, loop, used)) or _carried(file, call, loop, used):
        return None
    items = next((head.value for head in heads if head.kind == "for"), None)
    leaves = any(
        exit_.kind in ("return", "break")
        and loop.start <= exit_.start <= loop.end
        and file.facts.scopes[exit_.scope].fn == loop.fn
        for exit_ in file.facts.exits
    )
    return Loop(
        text=_bare(_short(file.text(*loop.about))) or "the loop",
        listed=items is not None and _listed(engine, file, items, loop.parent),
        at_once=call.sink not in ("awaited", "returned"),
        leaves=leaves,
        busy=_busy(file, loop.start, loop.end),
        file=file,
        call=call,
    )


def _counted(file: File, loop: Scope, used: _Names) -> bool:
    """`while (i < keys.length)` with a key at `i`; `while (queue.length)` with `queue.shift()`."""
    condition, body = file.text(*loop.about), file.text(loop.start, loop.end)
    for name, define in used:
        counter = re.search(rf"(?<![\w$.]){re.escape(name)}\s*[<>]", condition)
        if counter and re.search(rf"(?<![\w$.]){re.escape(name)}\s*(?:\+\+|\+=)|\+\+\s*{name}\b", body):
            return True
        value = define.value
        while value is not None and value[0] in ("as", "await"):
            value = value[3]
        if value is None or value[0] != "call" or value[3][0] != "mem" or value[3][3][0] != "id":
            continue
        queue = re.escape(value[3][3][3])
        if value[3][4] in _TAKING and re.search(rf"(?<![\w$.]){queue}\b", condition):
            return re.search(rf"(?<![\w$.]){queue}\.(?:push|unshift)\b", body) is None
    return False


def _carried(file: File, call: Call, loop: Scope, used: _Names) -> bool:
    """Does the key come from what the same call gave before?"""
    for _, define in used:
        if define.kind == "set" and define.value is not None and loop.start <= define.start < loop.end:
            for part, _ in origins.behind(file, define.value, define.scope, True):
                if part[0] == "call" and part[1:3] == call.expr[1:3]:
                    return True
    return False


def _of_callback(
    engine: Engine, file: File, call: Call, function: Function, number: int, used: _Names
) -> Loop | None:
    taker = file.facts.calls[function.call]
    callee = taker.expr[3]
    if callee[0] != "mem" or taker.name not in _EACH or function.argument != 0:
        return None
    first = 1 if taker.name == "reduce" else 0
    if not any(_parameter_of(define, number) and define.extra[1] >= first for _, define in used):
        return None
    return Loop(
        text=_short(file.text(callee[3][1], callee[3][2])),
        listed=_listed(engine, file, callee[3], taker.scope),
        at_once=taker.name != "reduce",
        leaves=taker.name in ("some", "every"),
        busy=_busy(file, function.start, function.end),
        file=file,
        call=call,
    )


def _listed(engine: Engine, file: File, items: Expr, scope: int) -> bool:
    """Do the items come from a list of keys: `kv.list`, or a function that calls it or is called so?"""
    for part, at in origins.behind(file, items, scope):
        if part[0] != "call":
            continue
        name = part[3][3] if part[3][0] == "id" else part[3][4] if part[3][0] == "mem" else ""
        if "list" in str(name).lower():
            return True
        for value in engine.ask(file, part[3], at):
            if value[0] == "fn":
                there = engine.file(value[1])
                function = there.facts.functions[value[2]]
                if ".list(" in there.text(function.start, function.end):
                    return True
    return False


def _busy(file: File, start: int, end: int) -> bool:
    """Is something else than KV waited for between the two offsets?"""
    return any(
        call.sink == "awaited" and start <= call.expr[1] < end and call.name not in _KV
        for call in file.facts.calls
    )


def _bare(text: str) -> str:
    """Without the parentheses around a condition."""
    return text[1:-1].strip() if text.startswith("(") and text.endswith(")") else text.rstrip(";")


def _short(text: str) -> str:
    return " ".join(text.split())[:80]
