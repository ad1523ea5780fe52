"""Which reads a put comes after, on the same key, and whether what it writes is made of what they read.

get ─▶ where its result arrives ─▶ flow ─▶ a put's value?      same key? ─▶ a rewrite
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from audits.js.evaluation import expression_names
from audits.js.evaluation.engine import Engine, Site
from audits.js.evaluation.project import File
from audits.js.relations import arriving, symbols
from audits.js.relations.arriving import Arrival, Entered
from audits.js.relations.fallbacks import Fallbacks
from audits.js.relations.flow import Flow, Flows
from audits.js.relations.symbols import Symbol, Symbols
from audits.js.syntax.facts import Call, Expr

_MOST = 40
_LEVELS = 2


Key = tuple[File, Expr, int]
"""A key's expression, with its file and scope."""


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


class Rewrites:
    """The question whether a put rewrites what was read, for a whole project."""

    def __init__(self, flows: Flows, fallbacks: Fallbacks) -> None:
        self._flows = flows
        self._fallbacks = fallbacks
        self._symbols: dict[tuple[int, Entered], Symbol] = {}

    def between(
        self, read: Arrival, read_key: Key, sink: Sink, put_key: Key, *, wanted: bool
    ) -> Rewrite | None:
        """The rewrite of what arrives there, None when it is none. `wanted`: also where what is written
        is not made of what was read."""
        wide = self._flows.of(read.file, read.expr)
        depends = any(wide.has(value) for value in sink.values)
        if not depends and (not wanted or read.expr[1] > sink.expr[1]):
            return None
        first = self._symbol(read_key, read.entered)
        if not symbols.equal(first, self._symbol(put_key, sink.entered)):
            if not depends or not symbols.equal(first, self._by_content(put_key, sink.entered, wide)):
                return None
        found = self._fallbacks.between(read, Arrival(sink.file, sink.expr, sink.scope))
        absent = found is not None and found.how == "absent"
        return Rewrite(depends, absent, _indexes(self._flows, read.file, wide) if depends else ())

    def _symbol(self, key: Key, entered: Entered) -> Symbol:
        known = (id(key[1]), entered)
        if known not in self._symbols:
            self._symbols[known] = Symbols(self._flows.engine).of(*key, entered)
        return self._symbols[known]

    def _by_content(self, key: Key, entered: Entered, read: Flow) -> Symbol:
        """The same where the key is made of the id in what was read."""
        return Symbols(self._flows.engine, read).of(*key, entered)


def _indexes(flows: Flows, file: File, flow: Flow) -> tuple[str, ...]:
    """The names of computed keys of what was read: `sessions[token]`."""
    standing = flows.standing(file)
    around = (standing.around.get(id(expr)) for expr in flow.reached.values())
    taken = {
        expression_names.text_of(one[0][4])
        for one in around
        if one and one[0][0] == "idx" and one[1] == "inner"
    }
    return tuple(sorted(taken - {""}))


def listed(flows: Flows, read: Arrival, sink: Sink, put_key: Key) -> bool:
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
