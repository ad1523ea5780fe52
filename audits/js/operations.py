"""Finds every KV operation of a project and says of each what is known, per caller where that differs.

calls by method name ─▶ receiver's values ─▶ namespace? ─▶ one context per caller ─▶ Operation
"""

from __future__ import annotations

from collections.abc import Iterator

from audits.js.around import listing, stretches, surroundings
from audits.js.around.surroundings import Surroundings
from audits.js.evaluation import expression_names, properties
from audits.js.evaluation.engine import Engine
from audits.js.evaluation.places import place
from audits.js.evaluation.project import File
from audits.js.evaluation.values import Context, Frame, Value
from audits.js.files.candidates import any_of
from audits.js.kv import (
    evidence,
    key_ids,
    key_lists,
    key_names,
    options,
    rows,
    unread,
    value_names,
    ways,
    written,
)
from audits.js.kv.evidence import Group, Uses
from audits.js.kv.options import Where
from audits.js.kv.ways import Candidate, Leaf
from audits.js.relations import relations
from audits.js.syntax.facts import Call, Expr
from audits.operation import Confidence, Evidence, Has, Method, Operation, Place, Ttl


def find(engine: Engine) -> Iterator[Operation]:
    """Every operation, in no order."""
    around = Surroundings(engine)
    uses: dict[Group, Uses] = {}
    candidates: list[Candidate] = []
    for file in engine.project.files:
        for number, call in enumerate(file.facts.calls):
            candidate = _candidate(engine, file, number, call, uses)
            if candidate is not None:
                candidates.append(candidate)
    # what is no namespace by its own calls needs no look at the calls of other methods on it
    candidates = [one for one in candidates if one.group is None or _guessed(engine, one, uses) is not None]
    _note_others(engine, candidates, uses)
    made: list[relations.Found] = []
    for candidate in candidates:
        operation = _operation(engine, candidate, uses, around)
        if operation is not None:
            made.append((candidate.file, candidate.call, operation))
    is_worker = (
        engine.project.bindings.configured
        or any(o.confidence > Confidence.LOW for *_, o in made)
        or any(_of_pages(file) for file, *_ in made)
    )
    if is_worker:  # a name alone is no evidence where nothing runs in Workers
        yield from relations.related(engine, made)


def _of_pages(file: File) -> bool:
    """Is it a function of Pages, which needs no configuration?"""
    names = file.facts.exports
    return "functions" in file.path.split("/")[:-1] and any(name.startswith("onRequest") for name in names)


def _note_others(engine: Engine, candidates: list[Candidate], uses: dict[Group, Uses]) -> None:
    """Calls of methods that a namespace does not have speak against their receiver."""
    groups = {candidate.group for candidate in candidates if candidate.group is not None}
    names = {group[1].rpartition(".")[2] for group in groups}
    for file in _mentioning(engine, groups):
        for call in file.facts.calls:
            callee = call.expr[3]
            if callee[0] != "mem" or callee[4] not in evidence.FOREIGN or callee[3][0] not in ("id", "mem"):
                continue
            if callee[3][0] == "mem" and expression_names.text_of(callee[3]).rpartition(".")[2] not in names:
                continue
            values = engine.ask(file, callee[3], call.scope)
            if any(value[0] == "other" for value in values):
                continue  # a stand-in, whose method it is
            for value in values:
                if value[0] == "u":
                    group = evidence.group_of(file, value, callee[3], call.scope)
                    if group in uses:
                        uses[group].elsewhere = True


def _mentioning(engine: Engine, groups: set[Group]) -> Iterator[File]:
    """The files that can hold a receiver of one of these groups: most groups belong to one file, and
    whatever belongs to all is there under its name."""
    anywhere = any_of(sorted({name.removesuffix("()").encode() for place, name in groups if not place}))
    homes = {place.rpartition("#")[0] or place.rpartition("@")[0] for place, _ in groups if place}
    for file in engine.project.files:
        if file.path in homes or (anywhere is not None and anywhere.search(file.source)):
            yield file


def _candidate(
    engine: Engine, file: File, number: int, call: Call, uses: dict[Group, Uses]
) -> Candidate | None:
    callee = call.expr[3]
    if call.expr[0] != "call":
        return None
    if callee[0] != "mem" or callee[4] not in properties.METHODS:
        if callee[0] != "idx" and not engine.aliases.may_be(file.index, call.name, properties.METHODS):
            return None
        taken = [value for value in engine.ask(file, callee, call.scope) if value[0] == "kvm"]
        if taken and (callee[0] != "idx" or len({value[2] for value in taken}) == 1):
            return Candidate(file, call, taken[0][2], None, taken[0][1], None)
        return None
    receiver, method = callee[3], callee[4]
    values = engine.ask(file, receiver, call.scope)
    spaces = [value for value in values if value[0] == "kv"]
    if spaces:
        return Candidate(file, call, method, receiver, spaces[0], None)
    unknown = evidence.subject(values)
    if unknown is None or any(
        value[0] in ("inst", "obj", "mod", "cls", "fn", "arr", "str") for value in values
    ):
        return None
    if unknown[0] == "ty" and any(v[0] == "ty" for v in properties.of(engine, unknown, method)):
        return None  # an interface of the project with such a method is no namespace, its classes may use one
    group = evidence.group_of(file, (*unknown, "", "", "")[:5], receiver, call.scope)
    where = Where(engine, file, call.scope, ())
    evidence.note(uses.setdefault(group, Uses()), where, call, method)
    return Candidate(file, call, method, receiver, None, group)


def _guessed(engine: Engine, found: Candidate, uses: dict[Group, Uses]) -> Value | None:
    """The namespace that an unknown receiver is taken for, by what is known of its uses so far."""
    if found.receiver is None or found.group is None:
        return None
    values = engine.ask(found.file, found.receiver, found.call.scope)
    known = engine.project.binding(found.file, found.group[1].rpartition(".")[2], "prop")
    return evidence.judge(values, found.group, uses[found.group], known)


def _operation(
    engine: Engine, found: Candidate, uses: dict[Group, Uses], around: Surroundings
) -> Operation | None:
    file, call = found.file, found.call
    guessed = _guessed(engine, found, uses) if found.kv is None else None
    if found.kv is None and found.group is not None and guessed is None:
        return None
    every = list(ways.reaching(engine, found))
    leaves = [(context, leaf) for context, leaf in every if leaf.reached] or every
    other = guessed or found.kv
    spaces = {space for _, leaf in leaves for space in leaf.spaces} or {other} - {None}
    named = sorted({space[1] for space in spaces if space is not None and space[1]})
    best = sorted((s for s in spaces if s is not None), key=lambda s: (-s[2], repr(s)))
    callers = tuple(sorted({place for context, _ in leaves for place in _outermost(engine, context)}))
    verdict = _verdict(engine, leaves)
    if verdict is not None and unread.broken(file, call):
        verdict = Ttl(Has.UNKNOWN, why="a part of the call has syntax errors")
    option = _worst([leaf.option for _, leaf in leaves])
    arguments = call.expr[4]
    makers, fills = key_names.of_call(file, call, found.method)
    return Operation(
        method=Method(found.method),
        place=_method_place(file, call, found.method),
        call=place(file, call.expr[1], call.expr[2]),
        binding="|".join(named),
        confidence=Confidence(max(s[2] for s in best)),
        evidence=tuple(dict.fromkeys(_evidence(engine, space) for space in best)),
        keys=options.in_order(key for _, leaf in leaves for key in leaf.keys),
        ttl=verdict,
        cache_ttl=next((leaf.cache_ttl for _, leaf in leaves if leaf.cache_ttl is not None), None),
        metadata=option if found.method == "put" else Has.NO,
        value_names=value_names.of_call(file, call, found.method),
        awaited=surroundings.awaited(call.sink),
        enclosing=around.enclosing(file, call, found.method, callers),
        bulk=_bulk(arguments) if found.method in ("get", "getWithMetadata") else None,
        cursor_followed=listing.followed(engine, file, call, option)
        if found.method == "list"
        else Has.UNKNOWN,
        callers=callers,
        receiver=_shown(file, found.receiver if found.receiver is not None else call.expr[3]),
        arguments=written.arguments(found),
        let_go=around.let_go(file, call, found.method),
        alone=stretches.alone(file, call),
        key_from=around.key_from(file, call, found.method),
        key_list=bool(arguments) and key_lists.many(file, arguments[0], call.scope),
        read_as=around.read_as(file, call, found.method),
        caching=option if found.method in ("get", "getWithMetadata") else Has.NO,
        limit=options.together_or_none([leaf.limit for _, leaf in leaves]),
        taken=listing.taken(file, call) if found.method == "list" else None,
        row=rows.of(file, call, found.method),
        key_id=key_ids.of(engine, file, arguments[0], call.scope)
        if arguments and found.method != "list"
        else None,
        env=written.env(engine, found),
        key_makers=makers,
        key_fills=fills,
    )


def _shown(file: File, expr: Expr) -> str:
    return " ".join(file.text(expr[1], expr[2]).split())


def _method_place(file: File, call: Call, method: str) -> Place:
    callee = call.expr[3]
    if callee[0] == "mem":
        return place(file, callee[5], callee[2])
    return place(file, callee[1], callee[2])


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


def _verdict(engine: Engine, leaves: list[tuple[Context, Leaf]]) -> Ttl | None:
    given = [(context, leaf.ttl) for context, leaf in leaves if leaf.ttl is not None]
    if not given:
        return None
    verdict = options.combined(ttl for _, ttl in given)
    if verdict.has != Has.MAYBE:
        return verdict
    lacking = [context for context, ttl in given if ttl.has in (Has.NO, Has.MAYBE)]
    fine = {where for context, ttl in given if ttl.has == Has.YES for where in _passed(engine, context)}
    places = {where for context in lacking for where in _nearest(engine, context, fine)}
    places = places or {where for context in lacking for where in _outermost(engine, context)}
    return Ttl(verdict.has, verdict.ttl, verdict.expiration, tuple(sorted(places)), verdict.why)


def _passed(engine: Engine, context: Context) -> list[Place]:
    """Every call by which the operation is reached."""
    return [where for frame in context for where in (_site(engine, frame), *_passed(engine, frame[4]))]


def _nearest(engine: Engine, context: Context, fine: set[Place]) -> list[Place]:
    """The calls closest to the operation by which only ways without a TTL go: there it was left out."""
    found: list[Place] = []
    for frame in context:
        where = _site(engine, frame)
        found += _nearest(engine, frame[4], fine) if where in fine else [where]
    return found


def _outermost(engine: Engine, context: Context) -> list[Place]:
    """The calls furthest out by which the operation is reached."""
    found: list[Place] = []
    for frame in context:
        inner = _outermost(engine, frame[4])
        if inner:
            found += inner
            continue
        found.append(_site(engine, frame))
    return found


def _site(engine: Engine, frame: Frame) -> Place:
    """The call that entered a function."""
    caller = engine.file(frame[2])
    expr = caller.facts.calls[frame[3]].expr
    return place(caller, expr[1], expr[2])
