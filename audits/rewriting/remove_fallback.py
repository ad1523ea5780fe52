"""`--remove-fallback`: what is left of KV beside a strongly consistent store goes, leaving that store alone.

reads that stand in for it give nothing ─▶ pruned ─▶ writes beside it go ─▶ branches for a namespace
that is not bound go, once nothing of it is left there ─▶ unused names go ─▶ parsed again
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from audits import editing
from audits.editing import Changed
from audits.finding import Edit
from audits.js.syntax.grammar import Node
from audits.operation import Branch, Method, Operation, Place, Relation, RelationKind
from audits.rewriting import absence, beside, leftovers, parameters
from audits.rewriting.absence import Span
from audits.rewriting.plan import WOULD_NOT_PARSE, Leave, Left, Rewriting
from audits.rewriting.pruning import Pruning
from audits.rewriting.source import Source, bare
from audits.rewriting.trimming import Stuck

_READS = (Method.GET, Method.GET_WITH_METADATA)
_ALONE = "nothing falls back to it any more, and its function may be used elsewhere"
_HOW = {
    "failed": "KV stands in where the {} fails: decide what its failure means",
    "unbound": "KV stands in where the {} is not bound: decide what that means",
}


@dataclass(slots=True)
class _File:
    """One file while it is being rewritten. `reads`: expressions that stand in, with the operations whose
    values they are; `reasons`: why an operation stays."""

    source: Source
    operations: list[Operation] = field(default_factory=list)
    branches: list[Branch] = field(default_factory=list)
    reads: dict[Span, list[Operation]] = field(default_factory=dict)
    dropped: dict[Span, Operation] = field(default_factory=dict)
    reasons: dict[Place, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Made:
    """A file without KV as far as that is certain. `gone`: places of operations that are no more."""

    source: Source
    gone: frozenset[Place]
    unused: tuple[str, ...] = ()
    guards: int = 0


def rewrite(
    operations: Sequence[Operation],
    branches: Sequence[Branch],
    read: Callable[[str], bytes],
    covers: Callable[[str], bool] = lambda path: True,
) -> Rewriting:
    """`operations`: all session calls of the project; `branches`: those for namespaces that are not
    bound; `read`: the bytes of a file by its path; `covers`: is a file to be rewritten?"""
    files: dict[str, _File] = {}
    for operation in operations:
        path = operation.place.path
        files.setdefault(path, _File(Source(path, read(path)))).operations.append(operation)
    places = {operation.place for operation in operations}
    for branch in branches:
        path = branch.place.path
        if not any(one.place in places for one in branch.operations):
            continue
        files.setdefault(path, _File(Source(path, read(path)))).branches.append(branch)
    for operation in operations:
        _sort(operation, files, read)
    asked = {path: file for path, file in sorted(files.items()) if covers(path)}
    made = {path: _without_kv(file, asked) for path, file in asked.items()}
    gone = frozenset(place for one in made.values() for place in one.gone)
    return Rewriting(
        tuple(
            Changed(path, file.source.raw, made[path].source.raw)
            for path, file in asked.items()
            if made[path].source.raw != file.source.raw
        ),
        len(gone) + sum(one.guards for one in made.values()),
        tuple(sorted(left for path, file in asked.items() for left in _left(file, made[path], gone))),
    )


def _sort(operation: Operation, files: dict[str, _File], read: Callable[[str], bytes]) -> None:
    """Where an operation's value is taken for that of a consistent store, or which statement goes."""
    file = files[operation.place.path]
    try:
        _check(file.source, operation)
        outer = _outer(file.source, operation.place)
        if operation.method not in _READS:
            node = beside.dropped(file.source, operation, outer)
            file.dropped[(node.start_byte, node.end_byte)] = operation
            return
        for place in _standing_in(operation):
            path = place.path
            other = files.setdefault(path, _File(Source(path, read(path))))
            node = outer if place == operation.place else _outer(other.source, place)
            other.reads.setdefault((node.start_byte, node.end_byte), []).append(operation)
    except Leave as reason:
        file.reasons[operation.place] = str(reason)


def _check(source: Source, operation: Operation) -> None:
    if source.ending in (".vue", ".svelte", ".astro"):
        raise Leave("it stands in a component's file")
    if source.broken:
        raise Leave("the file has syntax errors")
    if operation.method is Method.LIST:
        raise Leave("sessions are listed in KV")


def _standing_in(operation: Operation) -> list[Place]:
    """Where a read stands in: itself, or the calls of its function that do. Raises Leave."""
    related = [one for one in operation.relations if one.kind in (RelationKind.FALLBACK, RelationKind.BEFORE)]
    if not related:
        raise Leave("no strongly consistent store is asked for the same here")
    for one in related:
        if one.how in _HOW:
            raise Leave(_HOW[one.how].format(one.what))
    if all(one.together < 2 for one in related):
        raise Leave("it is not certain that the strongly consistent store is asked for the same")
    return sorted({_taken(operation, one) for one in related if one.together == 2})


def _taken(operation: Operation, relation: Relation) -> Place:
    return relation.via[-1] if relation.via else operation.place


def _outer(source: Source, place: Place) -> Node:
    """The awaited call at a place, or the call itself. Raises Leave."""
    node = source.at(place.start, place.end)
    while node is not None and node.type != "call_expression":
        node = node.parent
    if node is None:
        raise Leave("the call cannot be taken apart")
    above = node.parent
    return above if above is not None and above.type == "await_expression" else node


# ---------------------------------------------------------------- one file


def _without_kv(file: _File, files: dict[str, _File]) -> _Made:
    """Take what can be taken, read by read; then the branches that nothing needs any more."""
    source = file.source
    if not file.reads and not file.dropped and not file.branches:
        return _Made(source, frozenset())
    drops: list[Span] = []
    for span in sorted(file.dropped):
        drops += _possible(file, [file.dropped[span]], [*drops, span], [], span)
    taken: list[Span] = []
    for span in sorted(file.reads):
        taken += _possible(file, file.reads[span], drops, [*taken, span], span)
    try:
        made = _made(file, taken, drops)
    except Leave as reason:
        meant = [
            *file.operations,
            *file.dropped.values(),
            *(one for held in file.reads.values() for one in held),
        ]
        for operation in meant:
            file.reasons.setdefault(operation.place, str(reason))
        return _Made(source, frozenset())
    guards = [one for one in _guards(file, made.gone) if _possible(file, [], [*drops, one], taken, one)]
    try:
        return _made(file, taken, [*drops, *guards], len(guards)) if guards else made
    except Leave:
        return made  # the branches stay, and are listed


def _possible(
    file: _File, operations: Sequence[Operation], drops: Sequence[Span], taken: Sequence[Span], span: Span
) -> list[Span]:
    """The span, if the file can do without it; else nothing, and the operations know why."""
    try:
        Pruning(file.source, drops).file(taken)
    except Stuck as stuck:
        line = file.source.raw.count(b"\n", 0, stuck.span[0]) + 1
        for operation in operations:
            where = "" if line == operation.place.line else f" in line {line}"
            file.reasons.setdefault(operation.place, f"{stuck}{where}")
        return []
    except RecursionError:
        for operation in operations:
            file.reasons.setdefault(operation.place, "the code is nested too deeply")
        return []
    return [span]


def _made(file: _File, taken: Sequence[Span], drops: Sequence[Span], guards: int = 0) -> _Made:
    source = file.source
    edits = merged(Pruning(source, drops).file(taken))
    if not edits:
        return _Made(source, frozenset())
    names = leftovers.names_in(source, edits)
    after = Source(source.path, editing.apply(source.raw, edits))
    keys = {_key(source, one) for one in file.operations}
    after, unused = leftovers.without(after, names, keys)
    after, more = parameters.without(after, names)
    if after.broken > source.broken:
        raise Leave(WOULD_NOT_PARSE)
    gone = {one.place for one in file.operations if _is_gone(file, one, edits, after)}
    return _Made(after, frozenset(gone), tuple(sorted({*unused, *more})), guards)


def _key(source: Source, operation: Operation) -> str:
    """The variable that the key is in."""
    first = operation.arguments[:1]
    text = source.cut(first[0].start, first[0].end) if first else ""
    return text if text.isidentifier() else ""


def merged(edits: Iterable[Edit]) -> list[Edit]:
    """Deletions that touch or overlap made one; what lies inside of a deletion goes with it."""
    result: list[Edit] = []
    for edit in sorted(edits, key=lambda one: (one.start, -one.end)):
        last = result[-1] if result else None
        if last is not None and edit.start < last.end:
            if not last.text and edit.end > last.end and not edit.text:
                result[-1] = Edit(last.path, last.start, edit.end, "")
            continue
        result.append(edit)
    return result


def _is_gone(file: _File, operation: Operation, edits: Sequence[Edit], after: Source) -> bool:
    """Was the call deleted, by itself or with the function that it stood in?"""
    place = operation.place
    if any(edit.start <= place.start and place.end <= edit.end for edit in edits):
        return True
    name = operation.enclosing.function
    if not name or not file.reads:
        return False
    before = leftovers.declaration(file.source, name)
    return before is not None and leftovers.declaration(after, name) is None


def _guards(file: _File, gone: frozenset[Place]) -> Iterable[Span]:
    """The branches for a namespace that nothing in the same function asks any more."""
    for branch in file.branches:
        node = file.source.at(branch.place.start, branch.place.end)
        while node is not None and node.type != "if_statement":
            node = node.parent
        needed = [one for one in branch.operations if one.place not in gone]
        if node is None or needed or not branch.operations or not _asks_only(node):
            continue
        yield (node.start_byte, node.end_byte)


def _asks_only(statement: Node) -> bool:
    """Is it an `if` that asks for nothing else and has no other arm?"""
    condition = statement.child_by_field_name("condition")
    if condition is None or statement.child_by_field_name("alternative") is not None:
        return False
    asked = bare(condition)
    if asked.type == "unary_expression":
        return absence.is_pure(asked, absence.Known())
    return asked.type == "binary_expression" and absence.operator(asked) in ("==", "===")


def _left(file: _File, made: _Made, gone: frozenset[Place]) -> Iterable[Left]:
    """What stays, and why."""
    for operation in file.operations:
        if operation.place in gone:
            continue
        node = file.source.at(operation.call.start, operation.call.end)
        code = file.source.line(node) if node is not None else ""
        yield Left(operation.place, file.reasons.get(operation.place, _ALONE), code)
    for branch in file.branches:
        if any(one.place not in gone for one in branch.operations):
            yield Left(branch.place, "other code here still asks the namespace", branch.text)
    for name in made.unused:
        found = leftovers.declaration(file.source, name) or parameters.declaration(file.source, name)
        if found is not None:
            yield Left(file.source.place(found), f"{name} is not used any more, and is not only local")
