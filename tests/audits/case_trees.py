"""Syntax trees of the cases' files, for changes that keep the meaning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from audits.js.syntax import grammar
from audits.js.syntax.grammar import Node

Files = Mapping[str, str]


def tree(path: str, text: str) -> Node:
    """The syntax tree of a file."""
    ending = grammar.suffix(path)
    return grammar.parse(grammar.script(text.encode(), ending), ending)


def text_of(node: Node) -> str:
    """What stands there."""
    return (node.text or b"").decode()


def walk(node: Node) -> Iterator[Node]:
    """The node and everything in it."""
    yield node
    for child in node.children:
        yield from walk(child)


def leaves(node: Node) -> Iterator[Node]:
    """Every token, in order."""
    if not node.children:
        yield node
    for child in node.children:
        yield from leaves(child)


_BOUND = ("identifier", "shorthand_property_identifier_pattern")


def names_of(declaration: Node) -> Iterator[Node]:
    """The nodes of the names that a declaration gives."""
    name = declaration.child_by_field_name("name")
    if name is not None:
        yield name
    for child in declaration.named_children:
        if child.type == "variable_declarator" and (bound := child.child_by_field_name("name")) is not None:
            yield from (one for one in walk(bound) if one.type in _BOUND)
