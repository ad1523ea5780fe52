"""Finds every KV operation of a project and says of each what is known, per caller where that differs.

calls by method name ─▶ receiver's values ─▶ namespace? ─▶ one context per caller ─▶ Operation
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from audits.js import evidence, names, options, properties, surroundings
from audits.js.engine import Engine, Site
from audits.js.evidence import Group, Uses
from audits.js.facts import Call, Expr
from audits.js.options import Where
from audits.js.project import File
from audits.js.values import Context, Frame, Value, Values, trim
from audits.operation import Confidence, Evidence, Has, Method, Number, Operation, Place, Template, Ttl

_MOST_PATHS = 96
_MOST_CALLERS = 40
_LEVELS = 2


@dataclass(frozen=True, slots=True)
class _Candidate:
    file: File
    call: Call
    method: str
    receiver: Expr | None
    kv: Value | None
    group: Group | None


@dataclass(frozen=True, slots=True)
class _Leaf:
    """What holds when the call is reached by one way."""

    spaces: Values
    keys: tuple[Template, ...]
    ttl: Ttl | None
    cache_ttl: Number | None
    option: Has
    reached: bool = True


def find(engine: Engine) -> Iterator[Operation]:
    """Every operation, in no order."""
    uses: dict[Group, Uses] = {}
    candidates: list[_Candidate] = []
    for file in engine.project.files:
        for number, call in enumerate(file.facts.calls):
            candidate = _candidate(engine, file, number, call, uses)
            if candidate is not None:
                candidates.append(candidate)
    _note_others(engine, candidates, uses)
    for candidate in candidates:
        operation = _operation(engine, candidate, uses)
        if operation is not None:
            yield operation


def _note_others(engine: Engine, candidates: list[_Candidate], uses: dict[Group, Uses]) -> None:
    """Calls of methods that a namespace does not have speak against their receiver."""
    unknown = [candidate for candidate in candidates if candidate.group is not None]
    names = {candidate.group[1].rpartition(".")[2] for candidate in unknown if candidate.group is not None}
    for file in engine.project.files if names else ():
        for call in file.facts.calls:
            callee = call.expr[3]
            if callee[0] != "mem" or callee[4] not in evidence.FOREIGN or callee[3][0] not in ("id", "mem"):
                continue
            if properties.text_of(callee[3]).rpartition(".")[2] not in names:
                continue
            for value in engine.ask(file, callee[3], call.scope):
                if value[0] == "u":
                    group = evidence.group_of(file, value, callee[3], call.scope)
                    if group in uses:
                        uses[group].foreign = True


def _candidate(
    engine: Engine, file: File, number: int, call: Call, uses: dict[Group, Uses]
) -> _Candidate | None:
    callee = call.expr[3]
    if call.expr[0] != "call":
        return None
    if callee[0] != "mem" or callee[4] not in properties.METHODS:
        if not engine.aliases.may_be(file.index, call.name, properties.METHODS):
            return None
        for value in engine.ask(file, callee, call.scope):
            if value[0] == "kvm":
                return _Candidate(file, call, value[2], None, value[1], None)
        return None
    receiver, method = callee[3], callee[4]
    values = engine.ask(file, receiver, call.scope)
    spaces = [value for value in values if value[0] == "kv"]
    if spaces:
        return _Candidate(file, call, method, receiver, spaces[0], None)
    unknown = [value for value in values if value[0] in ("u", "ty")]
    if not unknown or any(value[0] in ("inst", "obj", "mod", "cls", "fn", "arr", "str") for value in values):
        return None
    if unknown[0][0] == "ty" and any(v[0] == "ty" for v in properties.of(engine, unknown[0], method)):
        return None  # an interface of the project with such a method is no namespace, its classes may use one
    group = evidence.group_of(file, (*unknown[0], "", "", "")[:5], receiver, call.scope)
    where = Where(engine, file, call.scope, ())
    evidence.note(uses.setdefault(group, Uses()), where, call, method)
    return _Candidate(file, call, method, receiver, None, group)


def _operation(engine: Engine, found: _Candidate, uses: dict[Group, Uses]) -> Operation | None:
    file, call = found.file, found.call
    guessed = None
    if found.kv is None and found.receiver is not None and found.group is not None:
        values = engine.ask(file, found.receiver, call.scope)
        guessed = evidence.judge(values, found.group, uses[found.group], found.method)
        if guessed is None:
            return None
    ways = list(_ways(engine, found))
    leaves = [(context, leaf) for context, leaf in ways if leaf.reached] or ways
    other = guessed or found.kv
    spaces = {space for _, leaf in leaves for space in leaf.spaces} or {other} - {None}
    named = sorted({space[1] for space in spaces if space is not None and space[1]})
    best = sorted((s for s in spaces if s is not None), key=lambda s: (-s[2], repr(s)))
    callers = tuple(sorted({place for context, _ in leaves for place in _outermost(engine, context)}))
    verdict = _verdict(engine, leaves)
    option = _worst([leaf.option for _, leaf in leaves])
    arguments = call.expr[4]
    return Operation(
        method=Method(found.method),
        place=_method_place(file, call, found.method),
        call=place(file, call.expr[1], call.expr[2]),
        binding="|".join(named),
        confidence=Confidence(max(s[2] for s in best)),
        evidence=tuple(dict.fromkeys(_evidence(engine, space) for space in best)),
        keys=tuple(sorted({key for _, leaf in leaves for key in leaf.keys}, key=str)),
        ttl=verdict,
        cache_ttl=next((leaf.cache_ttl for _, leaf in leaves if leaf.cache_ttl is not None), None),
        metadata=option if found.method == "put" else Has.NO,
        value_names=surroundings.value_names(engine, file, call, found.method),
        awaited=surroundings.awaited(call.sink),
        enclosing=surroundings.enclosing(engine, file, call),
        bulk=_bulk(arguments) if found.method in ("get", "getWithMetadata") else None,
        cursor_followed=surroundings.cursor_followed(file, call, option)
        if found.method == "list"
        else Has.UNKNOWN,
        callers=callers,
        receiver=_shown(file, found.receiver if found.receiver is not None else call.expr[3]),
        options_text=_shown(file, arguments[2]) if found.method == "put" and len(arguments) > 2 else "",
    )


def _shown(file: File, expr: Expr) -> str:
    return " ".join(file.text(expr[1], expr[2]).split())


def _method_place(file: File, call: Call, method: str) -> Place:
    callee = call.expr[3]
    if callee[0] == "mem":
        return place(file, callee[5], callee[2])
    return place(file, callee[1], callee[2])


def place(file: File, start: int, end: int) -> Place:
    """A stretch of a file as lines and columns."""
    line, column = file.position(start)
    end_line, end_column = file.position(end)
    return Place(file.path, line, column, end_line, end_column, start, end)


def _evidence(engine: Engine, space: Value) -> Evidence:
    where = None
    if space[5] is not None and space[5][1] > 0:
        where = place(engine.file(space[5][0]), space[5][1], space[5][1])
    elif space[5] is not None:
        return Evidence(space[3], f"{space[4]} in {engine.file(space[5][0]).path}")
    return Evidence(space[3], space[4], where)


def _bulk(arguments: tuple[Expr, ...]) -> int | None:
    if arguments and arguments[0][0] == "arr" and not any(e[0] == "spread" for e in arguments[0][3]):
        return len(arguments[0][3])
    return None


def _worst(kinds: list[Has]) -> Has:
    found = set(kinds)
    if len(found) == 1:
        return found.pop()
    return Has.MAYBE if Has.NO in found or Has.MAYBE in found else Has.UNKNOWN


def _verdict(engine: Engine, leaves: list[tuple[Context, _Leaf]]) -> Ttl | None:
    given = [(context, leaf.ttl) for context, leaf in leaves if leaf.ttl is not None]
    if not given:
        return None
    verdict = options.combined(ttl for _, ttl in given)
    if verdict.has != Has.MAYBE:
        return verdict
    lacking = [context for context, ttl in given if ttl.has in (Has.NO, Has.MAYBE)]
    places = {where for context in lacking for where in _outermost(engine, context)}
    fine = {where for context, ttl in given if ttl.has == Has.YES for where in _outermost(engine, context)}
    places = places - fine or places  # a class's maker does not decide what its method was passed
    return Ttl(verdict.has, verdict.ttl, verdict.expiration, tuple(sorted(places)), verdict.why)


def _outermost(engine: Engine, context: Context) -> list[Place]:
    """The calls furthest out by which the operation is reached."""
    found: list[Place] = []
    for frame in context:
        inner = _outermost(engine, frame[4])
        if inner:
            found += inner
            continue
        caller = engine.file(frame[2])
        expr = caller.facts.calls[frame[3]].expr
        found.append(place(caller, expr[1], expr[2]))
    return found


# ---------------------------------------------------------------- one way per caller


def _ways(engine: Engine, found: _Candidate) -> Iterator[tuple[Context, _Leaf]]:
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


def _leaf(engine: Engine, found: _Candidate, context: Context) -> tuple[_Leaf, set[Site]]:
    before, engine.touched = engine.touched, set()
    where = Where(engine, found.file, found.call.scope, context)
    arguments = found.call.expr[4]
    first = arguments[0] if arguments else None
    spread = first is not None and first[0] == "spread"
    spaces: Values = ()
    if found.receiver is not None:
        spaces = tuple(value for value in where.values(found.receiver) if value[0] == "kv")
    method = found.method
    verdict, cache_ttl, option = None, None, Has.NO
    if method == "list":
        keys = options.prefixes(where, first)
        option = options.option(where, first, "cursor")[1]
    else:
        keys = (Template(unknown=True),) if spread else options.templates(where, first)
    if method == "put":
        verdict = options.ttl(where, arguments)
        option = options.option(where, arguments[2] if len(arguments) > 2 else None, "metadata")[1]
    elif method in ("get", "getWithMetadata") and len(arguments) > 1:
        cache_ttl = options.option(where, arguments[1], "cacheTtl")[0]
    around = found.file.around(found.call.scope)
    reached = not any(names.holds_in(engine, found.file, number, context) is False for number in around)
    touched, engine.touched = engine.touched, before
    return _Leaf(spaces, keys, verdict, cache_ttl, option, reached), touched


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
            return [(*context, _frame(engine, function, site)) for site in sites]
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


def _frame(engine: Engine, function: Site, site: Site) -> Frame:
    """How the call at a site enters a function, with the `this` that it passes."""
    caller = engine.file(site[0])
    call = caller.facts.calls[site[1]]
    this = None
    if call.expr[0] == "call":
        for value in engine.ask(caller, call.expr[3], call.scope):
            if value[0] == "fn" and (value[1], value[2]) == function and value[4] is not None:
                this = value[4]
                break
    return (*function, *site, (), this)
