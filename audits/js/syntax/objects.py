"""Object literals, and names."""

from __future__ import annotations

from typing import Any

from audits.js.syntax import functions, walk
from audits.js.syntax.draft import Draft
from audits.js.syntax.facts import Expr
from audits.js.syntax.grammar import Node

Entry = tuple[Any, ...]


def identifier(draft: Draft, node: Node, sink: str) -> Expr:
    """A name; `undefined` is a constant."""
    name = draft.slice(node)
    if name == "undefined":
        return ("nul", node.start_byte, node.end_byte, name)
    return ("id", node.start_byte, node.end_byte, name)


def lower(draft: Draft, node: Node, sink: str) -> Expr:
    """An object literal. Its functions learn that they are its methods."""
    entries: list[Entry] = []
    owned: list[int] = []
    for child in node.named_children:
        kind = child.type
        if kind == "pair":
            entries += _pair(draft, child, owned)
        elif kind == "shorthand_property_identifier":
            entries.append(("p", draft.slice(child), identifier(draft, child, sink)))
        elif kind == "spread_element":
            entries.append(("s", walk.inner(draft, child, "stored")))
        elif kind == "method_definition":
            entries.append(_method(draft, child, owned))
    made = ("obj", node.start_byte, node.end_byte, tuple(entries))
    for number in owned:
        draft.facts.functions[number].owner = made
    return made


def _pair(draft: Draft, node: Node, owned: list[int]) -> list[Entry]:
    key, value = node.child_by_field_name("key"), walk.lower(draft, node.child_by_field_name("value"))
    if value[0] == "fn":
        owned.append(value[3])
    if key is None:
        return []
    if key.type == "computed_property_name":
        return [("c", walk.inner(draft, key, "stored"), value)]
    name = draft.slice(key).strip("\"'")
    if value[0] == "fn" and not draft.facts.functions[value[3]].name:
        draft.facts.functions[value[3]].name = name
    draft.flow(value, name)
    return [("p", name, value)]


def _method(draft: Draft, node: Node, owned: list[int]) -> Entry:
    before, draft.cls = draft.cls, -1
    number, role, name = functions.method(draft, node)
    draft.cls = before
    owned.append(number)
    if role == "get":
        return "g", name, number
    return "p", name, ("fn", node.start_byte, node.end_byte, number)
