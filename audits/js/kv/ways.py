"""The ways in which a KV call is reached, one per caller, and what holds on each of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from audits.js.evaluation import names
from audits.js.evaluation.engine import Engine, Site
from audits.js.evaluation.project import File
from audits.js.evaluation.values import Context, Frame, Value, Values, trim
from audits.js.kv import options
from audits.js.kv.evidence import Group
from audits.js.kv.options import Where
from audits.js.syntax.facts import Call, Expr
from audits.operation import Has, Number, Template, Ttl

_MOST_PATHS = 96
_MOST_CALLERS = 40
_LEVELS = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """A call that may be a KV operation. `receiver` None: it is a method under another name; `kv` None:
    what it is called on is judged as one of `group`."""

    file: File
    call: Call
    method: str
    receiver: Expr | None
    kv: Value | None
    group: Group | None


@dataclass(frozen=True, slots=True)
class Leaf:
    """What holds when the call is reached by one way."""

    spaces: Values
    keys: tuple[Template, ...]
    ttl: Ttl | None
    cache_ttl: Number | None
    option: Has
    reached: bool = True
    limit: Number | None = None


def reaching(engine: Engine, found: Candidate) -> Iterator[tuple[Context, Leaf]]:
    """The operation as it is reached by each of its callers, over two levels of calls."""
    pending: list[Context] = [()]
    made = 0
    while pending:
        context = pending.pop()
        leaf, touched = _leaf(engine, found, context)
        further = None
        if made + len(pending) < _MOST_PATHS:
            further = _entered(engine, found.file, found.call.scope, context, touched, _LEVELS)
        if further:
            pending.extend(reversed(further))
        else:
            made += 1
            yield context, leaf


def _leaf(engine: Engine, found: Candidate, context: Context) -> tuple[Leaf, set[Site]]:
    before, engine.touched = engine.touched, set()
    where = Where(engine, found.file, found.call.scope, context)
    receiving = where
    where, arguments = _passed_on(where, found.call.expr[4])
    first = arguments[0] if arguments else None
    spread = first is not None and first[0] == "spread"
    spaces: Values = ()
    if found.receiver is not None:
        spaces = tuple(value for value in receiving.values(found.receiver) if value[0] == "kv")
    method = found.method
    verdict, cache_ttl, limit, option = None, None, None, Has.NO
    if method == "list":
        keys = options.prefixes(where, first)
        option = options.option(where, first, "cursor")[1]
        limit = options.option(where, first, "limit")[0]
    else:
        keys = (Template(unknown=True),) if spread else options.keys(where, first)
    if method == "put":
        verdict = options.ttl(where, arguments)
        option = options.option(where, arguments[2] if len(arguments) > 2 else None, "metadata")[1]
    elif method in ("get", "getWithMetadata") and len(arguments) > 1:
        cache_ttl, option = options.option(where, arguments[1], "cacheTtl")
    around = found.file.around(found.call.scope)
    reached = not any(names.holds_in(engine, found.file, number, context) is False for number in around)
    touched, engine.touched = engine.touched, before
    return Leaf(spaces, keys, verdict, cache_ttl, option, reached, limit), touched


def _passed_on(where: Where, arguments: tuple[Expr, ...]) -> tuple[Where, tuple[Expr, ...]]:
    """`kv.put(...passed)` in a function that was passed them: the arguments of the call that entered it."""
    engine, file = where.engine, where.file
    spread = arguments[0] if len(arguments) == 1 and arguments[0][0] == "spread" else None
    defines = file.defines(spread[3][3], where.scope) if spread is not None and spread[3][0] == "id" else None
    if not defines or len(defines) > 1 or defines[0].kind != "param" or not defines[0].extra[2]:
        return where, arguments
    number, index, _ = defines[0].extra
    engine.touched.add((file.index, number))
    for frame in where.context:
        if (frame[0], frame[1]) == (file.index, number) and frame[2] >= 0:
            caller = engine.file(frame[2])
            call = caller.facts.calls[frame[3]]
            return Where(engine, caller, call.scope, frame[4]), call.expr[4][index:]
    return where, arguments


def _entered(
    engine: Engine, file: File, scope: int, context: Context, touched: set[Site], levels: int
) -> list[Context] | None:
    """The context once for each caller of a function whose parameters decided something."""
    if levels == 0:
        return None
    there = {(frame[0], frame[1]) for frame in context}
    for function in sorted((touched & engine.chain(file, scope)) - there):
        sites = engine.callers(function)
        if 0 < len(sites) <= _MOST_CALLERS:
            return [(*context, frame_of(engine, function, site)) for site in sites]
    for index, frame in enumerate(context):
        caller = engine.file(frame[2])
        inner = caller.facts.calls[frame[3]].scope
        found = _entered(engine, caller, inner, frame[4], touched, levels - 1)
        if found:
            return [
                (*context[:index], (*frame[:4], trim(outer), frame[5]), *context[index + 1 :])
                for outer in found
            ]
    return None


def frame_of(engine: Engine, function: Site, site: Site, outer: Context = ()) -> Frame:
    """How the call at a site enters a function, with the `this` that it passes. `outer`: how the
    function of the call was entered."""
    caller = engine.file(site[0])
    call = caller.facts.calls[site[1]]
    this = None
    if call.expr[0] == "call":
        for value in engine.ask(caller, call.expr[3], call.scope):
            if value[0] == "fn" and (value[1], value[2]) == function and value[4] is not None:
                this = value[4]
                break
    return (*function, *site, outer, this)
