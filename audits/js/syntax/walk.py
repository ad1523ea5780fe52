"""The walk through a syntax tree: which handler reads a node, for expressions and for statements.

The handlers are in two tables that the draft carries, so that they can call the walk without being
known to it.
"""

from __future__ import annotations

from audits.js.syntax import conditions, type_forms
from audits.js.syntax.draft import Draft
from audits.js.syntax.facts import Expr
from audits.js.syntax.grammar import Node


def lower(draft: Draft, node: Node | None, sink: str = "stored") -> Expr:
    """The tuple of an expression. `sink`: what becomes of its value, see `Call.sink`."""
    if node is None:
        return ("?", 0, 0)
    handler = draft.expressions.get(node.type)
    if handler is not None:
        return handler(draft, node, sink)
    if node.named_child_count:
        for child in node.named_children:
            if child.type != "comment":
                lower(draft, child)
    return ("?", node.start_byte, node.end_byte)


def inner(draft: Draft, node: Node, sink: str) -> Expr:
    """The first expression inside of a node that only wraps it."""
    for child in node.named_children:
        if child.type not in ("comment", "type_arguments"):
            return lower(draft, child, sink)
    return ("?", node.start_byte, node.end_byte)


def block(draft: Draft, node: Node) -> None:
    """The statements of a block, in the current scope. One that nests too deeply is given up alone."""
    around = (draft.scope, draft.fn, draft.cls)
    for child in node.named_children:
        kind = child.type
        if kind == "comment":
            if draft.documented:
                draft.doc = draft.slice(child)
                if "@typedef" in draft.doc:
                    type_forms.typedefs(draft, draft.doc)
            continue
        calls = len(draft.facts.calls)
        try:
            statement(draft, child)
        except RecursionError:
            draft.give_up(around, calls)
        draft.doc = ""
        if kind == "if_statement":
            _after_if(draft, child, node.end_byte)


def _after_if(draft: Draft, node: Node, end: int) -> None:
    """`if (!ttl) return;` and `if (!ttl) ttl = 60;` prove that there is a ttl up to the end of the block."""
    arm, other = node.child_by_field_name("consequence"), node.child_by_field_name("alternative")
    if arm is None or other is not None:
        return
    left = bool(conditions.leaves(arm))
    filled = () if left else conditions.filled(draft, arm)
    for path in (
        conditions.proven(draft, node.child_by_field_name("condition"), False) if left or filled else ()
    ):
        if left or path in filled:
            draft.narrow(path, node.end_byte, end)


def statement(draft: Draft, node: Node) -> None:
    """One statement."""
    handler = draft.statements.get(node.type)
    if handler is not None:
        handler(draft, node)
    elif node.type in _IGNORED:
        return
    elif node.type.endswith("_expression") or node.type in ("identifier", "object", "array"):
        lower(draft, node, "dropped")
    else:
        for child in node.named_children:
            statement(draft, child)


_IGNORED = {
    "comment",
    "empty_statement",
    "debugger_statement",
    "import_alias",
    "hash_bang_line",
    "string",
    "number",
    "jsx_text",
    "statement_identifier",
}
