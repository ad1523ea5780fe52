"""A KV operation as a call in the syntax tree, with the parts of it that a rewriting replaces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from audits.finding import Edit
from audits.js.syntax.grammar import Node
from audits.operation import Operation
from audits.rewriting.plan import Leave
from audits.rewriting.source import Source

_AROUND_CALLEE = ("parenthesized_expression", "non_null_expression", "instantiation_expression")


@dataclass(frozen=True, slots=True)
class KvCall:
    """`node`: the call, without an `await` before it; `awaited`: the whole awaited expression, None when
    the promise is used in another way. The parser takes `await kv.get<T>(k)` for a call of
    `await kv.get`: then both are the same node, which begins with the `await`."""

    operation: Operation
    source: Source
    node: Node
    awaited: Node | None
    member: Node
    arguments: tuple[Node, ...]
    types: tuple[str, ...]

    @property
    def outer(self) -> Node:
        """The expression that stands for the result."""
        return self.awaited or self.node

    def edit(self, start: int, end: int, text: str) -> Edit:
        """An edit of this file."""
        return Edit(self.source.path, start, end, text)

    def without(self, start: int, end: int) -> Edit:
        """Delete code; raises Leave when that would take a comment with it."""
        if self.source.comment_in(start, end):
            raise Leave("a comment stands in what would be deleted")
        return self.edit(start, end, "")


def find(source: Source, operation: Operation) -> KvCall:
    """The call of an operation. Raises Leave when it is none that can be taken apart."""
    name = source.at(operation.place.start, operation.place.end)
    member = name.parent if name is not None else None
    if name is None or member is None or member.type != "member_expression" or not operation.arguments:
        raise Leave("the method is called by another name, or its arguments are spread")
    callee: Node = member
    while callee.parent is not None and callee.parent.type in (*_AROUND_CALLEE, "await_expression"):
        callee = callee.parent
    call = callee.parent
    if call is None or call.type != "call_expression" or call.child_by_field_name("function") != callee:
        raise Leave("the call is read together with an operator before it; put it into parentheses")
    within = [node.type for node in _between(member, callee)]
    if within not in ([], ["await_expression"], ["non_null_expression"]):
        raise Leave("the method is wrapped in parentheses or operators")
    if any(child.type == "optional_chain" for child in (*member.children, *call.children)):
        raise Leave("it is only called if the namespace is bound; decide what happens without it")
    awaited = call if within == ["await_expression"] else None
    if awaited is None and call.parent is not None and call.parent.type == "await_expression":
        awaited = call.parent
    arguments = _inside(call.child_by_field_name("arguments"))
    types = _inside(call.child_by_field_name("type_arguments"))
    return KvCall(
        operation,
        source,
        call,
        awaited,
        member,
        arguments,
        tuple(source.text(node) for node in types),
    )


def _inside(node: Node | None) -> tuple[Node, ...]:
    children = node.named_children if node is not None else ()
    return tuple(child for child in children if child.type != "comment")


def _between(inner: Node, outer: Node) -> Sequence[Node]:
    found: list[Node] = []
    while inner != outer and inner.parent is not None:
        inner = inner.parent
        found.append(inner)
    return found


LOOSE = frozenset(
    (
        "variable_declarator",
        "assignment_expression",
        "return_statement",
        "arguments",
        "parenthesized_expression",
        "array",
        "pair",
        "template_substitution",
        "arrow_function",
        "expression_statement",
        "throw_statement",
        "computed_property_name",
        "spread_element",
        "assignment_pattern",
        "public_field_definition",
        "required_parameter",
    )
)
"""Where an expression with `??` needs no parentheses around it."""


def needs_parentheses(node: Node) -> bool:
    """Would `a ?? b` have to be put into parentheses where this node stands?"""
    return node.parent is None or node.parent.type not in LOOSE
