"""Assignments: what they give, and which variable, field or export they change."""

from __future__ import annotations

from audits.js.syntax import functions, modules_said, patterns, walk
from audits.js.syntax.draft import Draft
from audits.js.syntax.facts import Expr
from audits.js.syntax.grammar import Node


def lower(draft: Draft, node: Node) -> Expr:
    """`a = x`, `a.b = x`, `({a} = x)`, `a ??= x`, `a += x`: the value, and what it changes is noted."""
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if right is not None and right.type in functions.FORMS and left is not None:
        value: Expr = (
            "fn",
            right.start_byte,
            right.end_byte,
            functions.lower(draft, right, _last(draft, left)),
        )
    else:
        value = walk.lower(draft, right, "stored")
    if left is None:
        return value
    operator = node.child_by_field_name("operator")
    sign = operator.type if operator is not None else "="
    if sign in ("??=", "||=") and left.type == "identifier":
        value = ("log", node.start_byte, node.end_byte, sign[:2], walk.lower(draft, left), value)
    elif sign not in ("=", "??=", "||=", "&&="):
        value = ("bin", node.start_byte, node.end_byte, sign[:-1], walk.lower(draft, left), value)
    path = _chain(draft, left)
    if len(path) > 1 and path[0] != "super":
        modules_said.assigned(draft, path, value)
        draft.members.append((path[0], path[1:], value, draft.scope, node.start_byte))
    elif left.type in ("member_expression", "subscript_expression"):
        draft.facts.writes.append((walk.lower(draft, left), value, draft.scope))
    else:
        for name, steps, start in patterns.bound(draft, _bare(left)):
            draft.assign(name, value, steps, start, node.end_byte)
    return value


def _bare(node: Node) -> Node:
    while node.type in ("parenthesized_expression", "non_null_expression", "as_expression"):
        node = node.named_children[0]
    return node


def _last(draft: Draft, node: Node) -> str:
    path = _chain(draft, node)
    return path[-1] if path else ""


def _chain(draft: Draft, node: Node) -> tuple[str, ...]:
    """`("a", "b", "c")` for `a.b["c"]`, empty when it is not such a chain."""
    names: list[str] = []
    node = _bare(node)
    while node.type in ("member_expression", "subscript_expression"):
        name = node.child_by_field_name("property" if node.type == "member_expression" else "index")
        obj = node.child_by_field_name("object")
        if name is None or obj is None or (node.type == "subscript_expression" and name.type != "string"):
            return ()
        names.append(draft.slice(name).strip("\"'"))
        node = _bare(obj)
    if node.type not in ("identifier", "this"):
        return ()
    return (draft.slice(node), *reversed(names))
