"""Where the result of a call arrives: at the call itself, and at calls of functions that give it back.

The way out leads over at most two functions. Each place remembers by which calls it was reached, so
that what a function was passed there can be said in the caller's words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from audits.js.evaluation.engine import Engine, Site
from audits.js.evaluation.project import File
from audits.js.relations.flow import Flow, Flows
from audits.js.syntax.facts import Expr

_MOST = 40
_LEVELS = 2

Entered = tuple[tuple[Site, Site], ...]
"""Pairs of a function and the call by which it was entered, outermost first."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A place where the result is: a call in a file. `entered`: the calls that lead inwards from it."""

    file: File
    expr: Expr
    scope: int
    entered: Entered = ()

    @property
    def direct(self) -> bool:
        """Is it the call itself?"""
        return not self.entered


def arrivals(engine: Engine, flows: Flows, file: File, expr: Expr, scope: int) -> Iterator[Arrival]:
    """The call, then the calls of what gives its result back."""
    level = [Arrival(file, expr, scope)]
    seen = {(file.index, id(expr))}
    for depth in range(_LEVELS + 1):
        further: list[Arrival] = []
        for here in level:
            yield here
            if depth == _LEVELS:
                continue
            for function in sorted(flows.of(here.file, here.expr).returned):
                further += _callers(engine, here, function, seen)
        level = further if len(further) <= _MOST else []


def _callers(engine: Engine, here: Arrival, function: int, seen: set[tuple[int, int]]) -> Iterator[Arrival]:
    own = (here.file.index, function)
    sites = engine.callers(own)
    for site in sites if len(sites) <= _MOST else ():
        caller = engine.file(site[0])
        call = caller.facts.calls[site[1]]
        if call.expr[0] == "call" and (site[0], id(call.expr)) not in seen:
            seen.add((site[0], id(call.expr)))
            yield Arrival(caller, call.expr, call.scope, ((own, site), *here.entered))


def outermost(file: File, scope: int) -> int:
    """The number of the outermost function around a scope, -1 in the module itself."""
    number = file.facts.scopes[scope].fn
    while number >= 0:
        outer = file.facts.scopes[file.facts.scopes[file.facts.functions[number].scope].parent].fn
        if outer < 0 or _is_class_body(file, outer):
            return number
        number = outer
    return -1


def _is_class_body(file: File, number: int) -> bool:
    """Methods stand in a function that is made up for the fields of their class."""
    function = file.facts.functions[number]
    return function.kind == "method" and function.cls >= 0 and not function.name


def flow_of(flows: Flows, arrival: Arrival, *, strict: bool = False) -> Flow:
    """Where the result goes from there."""
    return flows.of(arrival.file, arrival.expr, strict=strict)
