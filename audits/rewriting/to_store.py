"""`--to store`: session calls on KV become calls on the session store, with unchanged behaviour.

session calls ─▶ one prefix, one namespace ─▶ file by file: edits, or a reason to leave the call
─▶ unused names go, the import comes ─▶ parsed again
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from audits import editing
from audits.editing import Changed
from audits.finding import Edit
from audits.js.syntax.grammar import Node
from audits.operation import Confidence, Hole, Method, Operation
from audits.rewriting import calls, leftovers, reads, renewals, store_import, writes
from audits.rewriting.calls import KvCall
from audits.rewriting.plan import WOULD_NOT_PARSE, Leave, Left, Rewriting
from audits.rewriting.source import Source
from audits.rules import session_keys


@dataclass(frozen=True, slots=True)
class Wanted:
    """`prefix`: what the store's keys begin with; `module`: see store_import.py."""

    prefix: str
    module: str = store_import.DEFAULT


def prefixes(operations: Iterable[Operation]) -> list[str]:
    """The constant prefixes of session calls that could be rewritten."""
    return sorted({one.key_id.prefix for one in operations if one.key_id is not None})


@dataclass(slots=True)
class _File:
    """One file while it is being rewritten. `found`: calls that may be rewritten; `puts`: all of the
    prefix that are seen, `unseen`: how many may be of the prefix and cannot be looked at."""

    source: Source
    found: list[KvCall] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    puts: list[KvCall] = field(default_factory=list)
    unseen: int = 0

    def leave(self, operation: Operation, reason: str) -> None:
        """A call that stays as it is."""
        node = self.source.at(operation.call.start, operation.call.end)
        self.left.append(Left(operation.place, reason, self.source.line(node) if node is not None else ""))

    def stays(self, name: str) -> None:
        """Something that is not used any more, and has a comment of its own."""
        node = leftovers.declaration(self.source, name)
        if node is not None:
            reason = f"{name} is not used any more, and a comment belongs to it"
            self.left.append(Left(self.source.place(node), reason))


def rewrite(
    operations: Sequence[Operation],
    wanted: Wanted,
    read: Callable[[str], bytes],
    exists: store_import.Exists,
    covers: Callable[[str], bool] = lambda path: True,
) -> Rewriting:
    """Rewrite what is certain. `operations`: all session calls of the project; `read`: the bytes of a
    file by its path; `covers`: is a file to be rewritten?"""
    files: dict[str, _File] = {}
    homes: dict[str, str] = {}
    for operation in operations:
        path = operation.place.path
        homes[path] = store_import.home(wanted.module, path, exists)
        if not store_import.is_store(path, homes[path]):
            _take(files.setdefault(path, _File(Source(path, read(path)))), operation, wanted)
    person = _person(operations, wanted.prefix)
    spaces = sorted({call.operation.binding for file in files.values() for call in file.found} - {""})
    puts = [put for file in files.values() for put in file.puts]
    project = renewals.Project.of(puts, sum(file.unseen for file in files.values()))
    changed: list[Changed] = []
    done = 0
    asked = {path: file for path, file in sorted(files.items()) if covers(path)}
    reason = f"sessions are in several namespaces: {', '.join(spaces)}" if len(spaces) > 1 else ""
    if person:
        reason = f"{person} is a person's and comes again after a logout; the store takes no deleted id again"
    for path, file in asked.items():
        if reason:
            for call in file.found:
                file.leave(call.operation, reason)
            continue
        made, many = _rewritten(file, project, wanted, homes[path])
        changed += made
        done += many
    missing = sorted({homes[one.path] for one in changed if not store_import.there(homes[one.path], exists)})
    return Rewriting(
        tuple(changed),
        done,
        tuple(sorted(left for file in asked.values() for left in file.left)),
        (
            *(
                f"there is no {one} yet: put the session store there, or kvferry store init DIR first"
                for one in missing
            ),
            # With another one it finds nobody's session.
            *([f"set KVFERRY_PREFIX to {wanted.prefix!r}: ids are what follows it in a key"] * bool(changed)),
        ),
    )


def _take(file: _File, operation: Operation, wanted: Wanted) -> None:
    """Find the call in the tree, or say why it cannot be rewritten."""
    written = operation.method is Method.PUT and _perhaps(operation, wanted.prefix)
    try:
        call = calls.find(file.source, operation)
    except Leave as reason:
        file.unseen += written
        file.leave(operation, str(reason))
        return
    file.puts += [call] * written
    try:
        store_import.check(file.source, wanted.module)
        _fit(operation, wanted)
    except Leave as reason:
        file.leave(operation, str(reason))
    else:
        file.found.append(call)


def _perhaps(operation: Operation, prefix: str) -> bool:
    """May the key begin with the prefix?"""
    return any(key.unknown or key.prefix.startswith(prefix) or not key.prefix for key in operation.keys)


def _fit(operation: Operation, wanted: Wanted) -> None:
    """Is it certain which session of which store is meant? Raises Leave when not."""
    key = operation.key_id
    if operation.method is Method.LIST:
        raise Leave("the store has no list of sessions")
    if operation.confidence is not Confidence.HIGH:
        raise Leave("it is not certain that this is a KV namespace; if so, name it with --binding")
    if key is None:
        raise Leave("the key is not certain to be a constant prefix and one id behind it")
    if not key.prefix and any(template.prefix for template in operation.keys):
        raise Leave("the key is made where the function is called")
    if key.prefix != wanted.prefix:
        raise Leave(f"the key's prefix is {key.prefix!r}, not {wanted.prefix!r}")
    vague = [
        name
        for name in _names(operation)
        if not (session_keys.tells_session(name) or session_keys.tells_person(name))
    ]
    if vague and not key.fresh:
        raise Leave(f"it is not certain that {vague[0] or 'the id'} tells one session from all others")


def _names(operation: Operation) -> list[str]:
    """What the id goes by."""
    key = operation.key_id
    if key is not None and key.name:
        return [key.name]
    holes = [part.name for template in operation.keys for part in template.parts if isinstance(part, Hole)]
    return holes or [""]


def _person(operations: Iterable[Operation], prefix: str) -> str:
    """What is a person's, and part of a key with the prefix: then an id comes again after a logout, and
    the store never takes a deleted id again. "" when there is none."""
    for operation in operations:
        key = operation.key_id
        if key is None or key.prefix != prefix or key.fresh:
            continue
        for name in (*_names(operation), *key.made_of):
            if session_keys.tells_person(name):
                return name
    return ""


def _rewritten(
    file: _File, project: renewals.Project, wanted: Wanted, home: str
) -> tuple[list[Changed], int]:
    groups = _groups(file, project)
    done = [call for group, _ in groups for call in group]
    if not done:
        return [], 0
    source, edits = file.source, [edit for _, made in groups for edit in made]
    keys = {call.source.text(call.arguments[0]) for call in done if call.arguments[0].type == "identifier"}
    after = Source(source.path, editing.apply(source.raw, edits))
    after, unused = leftovers.without(after, leftovers.names_in(source, edits), keys)
    spec = store_import.specifier(source, wanted.module, home)
    whole = editing.apply(after.raw, store_import.line(after, spec, wanted.module, source))
    try:
        _check(source, Source(source.path, whole))
    except Leave as reason:
        for call in done:
            file.leave(call.operation, str(reason))
        return [], 0
    for name in unused:
        file.stays(name)
    return [Changed(source.path, source.raw, whole)], len(done)


def _groups(file: _File, project: renewals.Project) -> list[tuple[list[KvCall], list[Edit]]]:
    """Calls that are rewritten, each with those that hang on it, and their edits."""
    made: list[tuple[list[KvCall], list[Edit]]] = []
    linked = renewals.linked(file.found)
    held = {id(put) for puts in linked.values() for put in puts}
    for call in (one for one in file.found if id(one) not in held):
        group = [call, *linked.get(id(call), ())]
        try:
            made.append((group, _converted(group, file.found, project)))
        except Leave as reason:
            for one in group:
                file.leave(one.operation, str(reason))
    verdicts = editing.compatible(edits for _, edits in made)
    for (group, _), fits in zip(made, verdicts, strict=True):
        for one in group if not fits else ():
            file.leave(one.operation, "it is entangled with another call")
    return [one for one, fits in zip(made, verdicts, strict=True) if fits]


def _converted(group: list[KvCall], found: list[KvCall], project: renewals.Project) -> list[Edit]:
    call, *puts = group
    method = call.operation.method
    if puts:
        return renewals.convert(call, puts, project, [put for put in puts if _is_first(put, found)])
    if method is Method.DELETE:
        return writes.delete(call)
    if method is not Method.PUT:
        return reads.convert(call, project.json_only)
    if renewals.is_touch(call, found, project):
        return renewals.touch(call)
    return writes.put(call, first=_is_first(call, found))


def _is_first(call: KvCall, found: list[KvCall]) -> bool:
    """Does no other call come before it with the same id, declared at the same place?"""
    made = _declared(call)
    return not any(
        other.node.start_byte < call.node.start_byte and _declared(other) == made for other in found
    )


def _declared(call: KvCall) -> Node | None:
    """Where the id of a call is declared in its function."""
    key = call.operation.key_id
    node = call.source.at(key.start, key.end) if key is not None else None
    return writes.declared(call.source, node) if node is not None else None


def _check(before: Source, after: Source) -> None:
    """What must hold of every rewritten file, or it stays as it is. Raises Leave."""
    if after.broken > before.broken:
        raise Leave(WOULD_NOT_PARSE)
    kept = [after.text(node) for node in after.comments]
    for node in before.comments:
        if before.text(node) not in kept:
            raise Leave("rewritten, the file would lose a comment")
