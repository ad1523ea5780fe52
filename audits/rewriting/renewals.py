"""Writes that depend on a read: what was read is written back, mostly to renew its expiration.

Such a put becomes a `touch` only if nothing else can have been meant: the very value that was read for
the same key, the one constant TTL that every put of these sessions has, and no metadata. A touch may
skip renewals that come quickly, so the TTL must be an hour or more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from audits.finding import Edit
from audits.js.syntax.grammar import Node
from audits.operation import Has, Method, Operation
from audits.rewriting import reads, target, uses, writes
from audits.rewriting.calls import KvCall
from audits.rewriting.plan import Leave
from audits.rewriting.source import outermost, walk

_LEAST_TTL = 3600


@dataclass(frozen=True, slots=True)
class Project:
    """What is known of all puts under the prefix. `json_only`: each writes JSON; `ttl`: the constant
    that all of them have, None when there is no such; `metadata`: some may write metadata."""

    json_only: bool
    ttl: float | None
    metadata: bool

    @classmethod
    def of(cls, puts: Sequence[KvCall], unseen: int) -> Project:
        """`puts`: those that were found in the code; `unseen`: how many others there may be."""
        ttls = {_constant_ttl(put.operation) for put in puts}
        return cls(
            json_only=not unseen and all(_writes_json(put) for put in puts),
            ttl=ttls.pop() if len(ttls) == 1 and not unseen else None,
            metadata=any(put.operation.metadata is not Has.NO for put in puts) or unseen > 0,
        )


def linked(found: Sequence[KvCall]) -> dict[int, list[KvCall]]:
    """For reads of text into a variable, by their identity: the puts that write this variable."""
    pairs: dict[int, list[KvCall]] = {}
    for read in found:
        declarator = _variable(read)
        if read.operation.method is not Method.GET or declarator is None:
            continue
        used = uses.references(read.source, declarator) or []
        puts = [one for one in found if _value(one) is not None and _value(one) in used]
        if puts and len(read.arguments) == 1:
            pairs[id(read)] = puts
    return pairs


def convert(
    read: KvCall, puts: Sequence[KvCall], project: Project, logins: Sequence[KvCall] = ()
) -> list[Edit]:
    """The edits of a read and of the puts that write what it read. `logins`: puts before which nothing
    is done with their id. Raises Leave."""
    values = [value for put in puts if (value := _value(put)) is not None]
    edits = reads.convert(read, project.json_only, values)
    declarator = _variable(read)
    block = uses.block_of(declarator) if declarator is not None else None
    for put, value in zip(puts, values, strict=True):
        if block is None or not uses.guarded(value, block):
            raise Leave("what was read is written back without a check that it is there")
        if _same_key(read, put) and is_renewal(put, project):
            edits += touch(put)
        else:
            edits += writes.aimed(put, first=put in logins)
            edits.append(put.edit(value.end_byte, value.end_byte, ".data"))
    return edits


def is_touch(put: KvCall, found: Sequence[KvCall], project: Project) -> bool:
    """`const session = await get(key, "json")`, asked but never changed nor handed on, and written back."""
    data = writes.stringified(put.source, put.arguments[1]) if len(put.arguments) == 3 else None
    if data is None or data.type != "identifier" or not is_renewal(put, project):
        return False
    declarator = writes.declared(put.source, data)
    read = next((one for one in found if declarator is not None and _variable(one) == declarator), None)
    if declarator is None or read is None or not _same_key(read, put) or len(read.arguments) != 2:
        return False
    block, used = uses.block_of(declarator), uses.references(put.source, declarator)
    if block is None or used is None or not uses.guarded(data, block) or writes.is_repeated(put, block):
        return False
    before = [use for use in used if use.start_byte < data.start_byte]
    return all(uses.is_test(use) or _only_asked(use) for use in before)


def is_renewal(put: KvCall, project: Project) -> bool:
    """Has the put nothing but the TTL that all of them have?"""
    options = put.operation.arguments[2:3]
    return (
        project.ttl is not None
        and project.ttl >= _LEAST_TTL
        and not project.metadata
        and [member.name for one in options for member in one.members] == ["expirationTtl"]
    )


def touch(put: KvCall) -> list[Edit]:
    """The edits that make a put a touch."""
    first, second = put.arguments[:2]
    return [
        target.store(put),
        target.session_id(put),
        *target.named(put, "touch"),
        put.without(first.end_byte, second.end_byte),
    ]


def _constant_ttl(operation: Operation) -> float | None:
    ttl = operation.ttl.ttl if operation.ttl is not None and operation.ttl.has is Has.YES else None
    if ttl is None or not ttl.exact or len(ttl.values) != 1 or operation.ttl is None:
        return None
    return None if operation.ttl.expiration is not None else ttl.values[0]


def _writes_json(put: KvCall) -> bool:
    """JSON, or the text of another session."""
    if len(put.arguments) < 2:
        return False
    value = put.arguments[1]
    if writes.stringified(put.source, value) is not None:
        return True
    declarator = writes.declared(put.source, value) if value.type == "identifier" else None
    made = declarator.child_by_field_name("value") if declarator is not None else None
    if made is None:
        return False
    return writes.stringified(put.source, made) is not None or made.type == "await_expression"


def _variable(read: KvCall) -> Node | None:
    """The `const x = await get(…)` of a read."""
    if read.awaited is None:
        return None
    declarator = outermost(read.awaited, frozenset(("parenthesized_expression",))).parent
    return declarator if declarator is not None and declarator.type == "variable_declarator" else None


def _value(call: KvCall) -> Node | None:
    """The variable that a put writes."""
    if call.operation.method is not Method.PUT or len(call.arguments) not in (2, 3):
        return None
    return call.arguments[1] if call.arguments[1].type == "identifier" else None


def _same_key(read: KvCall, put: KvCall) -> bool:
    """Is it the same id, in a variable that nobody changes?"""
    first, second = read.operation.key_id, put.operation.key_id
    if first is None or second is None or first.prefix != second.prefix:
        return False
    text = read.source.cut(first.start, first.end)
    if text != read.source.cut(second.start, second.end) or not text.replace(".", "").isidentifier():
        return False
    root = text.partition(".")[0]
    return not any(
        read.source.text(left).partition(".")[0] == root
        for node in walk(read.source.root)
        if node.type in ("assignment_expression", "augmented_assignment_expression")
        and (left := node.child_by_field_name("left")) is not None
    )


def _only_asked(use: Node) -> bool:
    """`session.userId`, read and nothing else: not called, not changed, and no part of it either."""
    member = use.parent
    if member is None or member.type != "member_expression" or member.child_by_field_name("object") != use:
        return False
    above = member.parent
    return above is not None and above.type in _ASKING


_ASKING = {
    "binary_expression",
    "template_substitution",
    "unary_expression",
    "if_statement",
    "parenthesized_expression",
    "ternary_expression",
}
"""Where a property's value cannot be changed, whatever it is."""
