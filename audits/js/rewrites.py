"""Which reads a put comes after, on the same key, and whether what it writes is made of what they read.

get ─▶ where its result arrives ─▶ flow ─▶ a put's value?      same key? ─▶ a rewrite
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from audits.js import arriving, expression_names, symbols
from audits.js.arriving import Arrival, Entered
from audits.js.engine import Engine, Site
from audits.js.facts import Call, Expr
from audits.js.fallbacks import Fallbacks
from audits.js.flow import Flow, Flows
from audits.js.project import File

_MOST = 40
_LEVELS = 2


@dataclass(frozen=True, slots=True)
class Sink:
    """A place where a put gets its value: its own call, or that of a function that hands its arguments
    on to it. `values` are the arguments that are written."""

    file: File
    expr: Expr
    scope: int
    values: tuple[Expr, ...]
    entered: Entered = ()


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A put after a read of the same key. `depends`: what is written is made of what was read. `indexes`:
    the names by which parts of it are taken or put. `absent`: it is written only where nothing was read."""

    at: Arrival
    depends: bool
    absent: bool
    indexes: tuple[str, ...]


def sinks(engine: Engine, flows: Flows, file: File, call: Call) -> Iterator[Sink]:
    """The put itself, then the calls by which its value comes in, over at most two functions."""
    arguments = call.expr[4]
    if len(arguments) < 2 or any(argument[0] == "spread" for argument in arguments[:2]):
        return
    level = [Sink(file, call.expr, call.scope, (arguments[1],))]
    for depth in range(_LEVELS + 1):
        further: list[Sink] = []
        for here in level:
            yield here
            if depth < _LEVELS:
                further += _handed(engine, flows, here)
        level = further if len(further) <= _MOST else []


def _handed(engine: Engine, flows: Flows, here: Sink) -> Iterator[Sink]:
    """The calls of the functions around a sink whose parameters are in what it writes."""
    facts = here.file.facts
    number = facts.scopes[here.scope].fn
    while number >= 0:
        function = facts.functions[number]
        wanted = [
            index
            for index in range(len(function.params))
            if any(flows.of_parameter(here.file, number, index).has(value) for value in here.values)
        ]
        if wanted:
            yield from _sites(engine, here, (here.file.index, number), wanted)
            return
        number = facts.scopes[facts.scopes[function.scope].parent].fn


def _sites(engine: Engine, here: Sink, own: Site, wanted: list[int]) -> Iterator[Sink]:
    sites = engine.callers(own)
    for site in sites if len(sites) <= _MOST else ():
        caller = engine.file(site[0])
        call = caller.facts.calls[site[1]]
        given = tuple(call.expr[4][index] for index in wanted if index < len(call.expr[4]))
        if call.expr[0] == "call" and given:
            yield Sink(caller, call.expr, call.scope, given, ((own, site), *here.entered))


def rewrite(
    flows: Flows, read: Arrival, read_key: tuple[File, Expr, int], sink: Sink, put_key: tuple[File, Expr, int]
) -> Rewrite | None:
    """Is the sink a rewrite of what was read there?"""
    engine = flows.engine
    wide = flows.of(read.file, read.expr)
    depends = any(wide.has(value) for value in sink.values)
    first = symbols.symbol(engine, *read_key, read.entered)
    second = symbols.symbol(engine, *put_key, sink.entered)
    if not symbols.equal(first, second):
        return None
    if read.expr[1] > sink.expr[1] and not depends:
        return None
    found = Fallbacks(flows, read).of(Arrival(sink.file, sink.expr, sink.scope))
    absent = found is not None and found.how == "absent"
    return Rewrite(read, depends, absent, _indexes(flows, read.file, wide) if depends else ())


def _indexes(flows: Flows, file: File, flow: Flow) -> tuple[str, ...]:
    """The names of computed keys of what was read: `sessions[token]`."""
    found: set[str] = set()
    standing = flows.standing(file)
    for target, _, _ in file.facts.writes:
        if target[0] == "idx" and flow.has(target[3]):
            found.add(expression_names.text_of(target[4]))
    for uses in standing.uses.values():
        for use, _ in uses:
            around = standing.around.get(id(use))
            if flow.has(use) and around is not None and around[0][0] == "idx" and around[1] == "inner":
                found.add(expression_names.text_of(around[0][4]))
    return tuple(sorted(found - {""}))


def listed(flows: Flows, read: Arrival, sink: Sink, put_key: tuple[File, Expr, int]) -> bool:
    """Is the put's key the name of one that was listed there: `put(key.name, …)`?"""
    if sink.entered or read.file is not sink.file:
        return False
    return _is_name(*put_key) and flows.of(read.file, read.expr).has(put_key[1])


def _is_name(file: File, expr: Expr, scope: int) -> bool:
    """`key.name`, or a variable that holds just that: what is made of it is another key."""
    if expr[0] == "mem":
        return bool(expr[4] == "name")
    defines = file.defines(expr[3], scope) if expr[0] == "id" else None
    only = defines[0] if defines and len(defines) == 1 else None
    if only is None:
        return False
    if only.path:
        return bool(only.path[-1][0] == "name")
    return only.value is not None and _is_name(file, only.value, only.scope)


def together(first: Arrival, second: Sink) -> bool:
    """Do both stand in one outermost function?"""
    return first.file is second.file and arriving.outermost(first.file, first.scope) == arriving.outermost(
        second.file, second.scope
    )
