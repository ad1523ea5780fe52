"""Where code stands, and what it does to variables: questions about nodes of the syntax tree."""

from __future__ import annotations

from collections.abc import Iterable

from audits.js.syntax.grammar import Node
from audits.rewriting.absence import named
from audits.rewriting.source import bare, walk

FUNCTIONS = ("arrow_function", "function_expression", "generator_function")
"""Expressions that are functions."""


def is_above(comment: Node, node: Node) -> bool:
    """Does a comment stand on lines of its own right above?"""
    alone = comment.prev_sibling is None or comment.prev_sibling.end_point[0] < comment.start_point[0]
    return alone and comment.end_point[0] + 1 == node.start_point[0]


def repeats(block: Node) -> bool:
    """May the block run again, or later?"""
    around = ("if_statement", "else_clause", "try_statement", "statement_block", "program")
    return block.parent is not None and block.parent.type not in around


def code(nodes: Iterable[Node]) -> list[Node]:
    """Without comments."""
    return [node for node in nodes if node.type != "comment"]


def changed(node: Node) -> set[str]:
    """Names that are assigned somewhere in a statement."""
    kinds = ("assignment_expression", "augmented_assignment_expression", "update_expression")
    lefts = (
        one.child_by_field_name("left") or one.child_by_field_name("argument")
        for one in walk(node)
        if one.type in kinds
    )
    return {named(left) for left in lefts if left is not None}


def bound(declarator: Node) -> list[Node]:
    """The names that a declaration gives a value."""
    pattern = declarator.child_by_field_name("name")
    kinds = ("identifier", "shorthand_property_identifier_pattern")
    return [one for one in walk(pattern) if one.type in kinds] if pattern is not None else []


def declares(function: Node, name: str) -> bool:
    """Does a function declare a variable of that name?"""
    return any(
        named(one) == name
        for node in walk(function)
        if node.type == "variable_declarator"
        for one in bound(node)
    )


def in_function(node: Node) -> bool:
    """Does it stand in a function?"""
    above = node.parent
    while above is not None:
        if above.type in (*FUNCTIONS, "function_declaration", "method_definition"):
            return True
        above = above.parent
    return False


def is_condition(node: Node) -> bool:
    """Is only the truth of the value asked for?"""
    while node.parent is not None and node.parent.type == "parenthesized_expression":
        node = node.parent
    above = node.parent
    return above is not None and above.child_by_field_name("condition") == node


def is_waited_for(node: Node) -> bool:
    """Is the value of a promise meant here, not the promise: awaited, or given back by an async function?"""
    inner = bare(node)
    callee = inner.child_by_field_name("function") if inner.type == "call_expression" else None
    if inner.type != "call_expression" or (callee is not None and callee.type == "await_expression"):
        return True
    if callee is not None and callee.text == b"JSON.parse":
        return True
    above: Node | None = node.parent
    while above is not None:
        if above.type in (*FUNCTIONS, "function_declaration", "method_definition"):
            return any(child.type == "async" for child in above.children)
        above = above.parent
    return False
