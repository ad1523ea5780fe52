"""Writes of KV that go because the same is written to a strongly consistent store as well."""

from __future__ import annotations

import re

from audits.js.syntax.grammar import Node
from audits.operation import Operation, Place, RelationKind
from audits.rewriting.plan import Leave
from audits.rewriting.source import Source, outermost, walk
from audits.rewriting.writes import REPEATED, declared

_NOTHING = "nothing certain writes the same to a strongly consistent store here"
_CONDITIONAL = REPEATED | {
    "if_statement",
    "else_clause",
    "ternary_expression",
    "binary_expression",
    "switch_statement",
    "switch_body",
    "switch_case",
    "switch_default",
    "catch_clause",
    "try_statement",
}
_GATHERING = ("Promise.all", "Promise.allSettled")
_PARENTHESES = frozenset(("parenthesized_expression",))


def dropped(source: Source, operation: Operation, outer: Node) -> Node:
    """The statement, or the element of a `Promise.all`, that goes with a put or delete. Raises Leave."""
    others = [one.place for one in operation.relations if one.kind is RelationKind.ALSO]
    if not any(_same(source, operation, outer, place) for place in others):
        raise Leave(_NOTHING)
    node = _chained(source, outer)
    parent = node.parent
    if parent is not None and parent.type == "expression_statement":
        return parent
    if parent is not None and parent.type == "array" and _is_gathered(source, parent):
        return node
    raise Leave("what becomes of its promise must be decided")


def _same(source: Source, operation: Operation, outer: Node, place: Place) -> bool:
    """Is the other write of the same session, and made whenever this one is?"""
    key = operation.key_id
    other = source.at(place.start, place.end) if place.path == source.path else None
    if key is None or other is None:
        return False
    said = source.text(other)
    root = next((node for node in walk(other) if node.type == "identifier"), None)
    declarator = declared(source, root) if root is not None else None
    said += source.text(declarator) if declarator is not None else ""
    word = re.escape(source.cut(key.start, key.end))
    return re.search(rf"(?<![\w$.]){word}(?![\w$])", said) is not None and _always(other, outer)


def _always(other: Node, outer: Node) -> bool:
    """Is the first made whenever the second is?"""
    around: dict[int, Node] = {}
    node: Node | None = outer
    while node is not None:
        around[node.id] = node
        node = node.parent
    node = other
    while node is not None and node.id not in around:
        if node.type in _CONDITIONAL:
            return False
        node = node.parent
    if node is None or node.type in _CONDITIONAL:
        return False
    if other.start_byte < outer.start_byte:
        return True
    between = (one for one in walk(node) if outer.end_byte <= one.start_byte < other.start_byte)
    return not any(one.type in ("return_statement", "throw_statement") for one in between)


def _chained(source: Source, outer: Node) -> Node:
    """With `await`, `void`, `.catch(…)` and `waitUntil(…)` around it."""
    node = outermost(outer, _PARENTHESES)
    while (around := _promise_around(source, node)) is not None:
        node = outermost(around, _PARENTHESES)
    return node


def _promise_around(source: Source, node: Node) -> Node | None:
    """The expression that only waits for the promise, or hands it to somebody who does."""
    parent = node.parent
    if parent is None:
        return None
    if parent.type == "await_expression":
        return parent
    if parent.type == "unary_expression" and source.text(parent).startswith("void"):
        return parent
    if parent.type == "member_expression" and _is_caught(source, parent):
        return parent.parent
    if parent.type == "arguments" and _is_handed_over(source, parent):
        return parent.parent
    return None


def _is_caught(source: Source, member: Node) -> bool:
    name = member.child_by_field_name("property")
    call = member.parent
    called = call is not None and call.type == "call_expression"
    return called and name is not None and source.text(name) in ("catch", "finally")


def _is_handed_over(source: Source, arguments: Node) -> bool:
    call = arguments.parent
    callee = call.child_by_field_name("function") if call is not None else None
    one = sum(child.type != "comment" for child in arguments.named_children) == 1
    return one and callee is not None and source.text(callee).endswith("waitUntil")


def _is_gathered(source: Source, array: Node) -> bool:
    """Is it what a `Promise.all` waits for, whose results nobody takes?"""
    call = array.parent.parent if array.parent is not None and array.parent.type == "arguments" else None
    callee = call.child_by_field_name("function") if call is not None else None
    if call is None or callee is None or source.text(callee) not in _GATHERING:
        return False
    statement = _chained(source, call).parent
    return statement is not None and statement.type == "expression_statement"
