"""What a condition proves: the names that are neither null nor undefined where it holds or fails."""

from __future__ import annotations

from audits.js.syntax.draft import Draft
from audits.js.syntax.grammar import Node

_NULLISH = ("undefined", "null")
_LEAVES = {
    "return_statement": "return",
    "throw_statement": "throw",
    "continue_statement": "continue",
    "break_statement": "break",
}


def proven(draft: Draft, node: Node | None, holds: bool) -> list[str]:
    """Paths such as `ttl` and `options.ttl` that have a value when the condition is `holds`."""
    if node is None:
        return []
    kind = node.type
    if kind == "parenthesized_expression":
        return proven(draft, node.named_children[0], holds) if node.named_children else []
    if kind == "unary_expression":
        operator, argument = node.child_by_field_name("operator"), node.child_by_field_name("argument")
        if operator is not None and operator.type == "!":
            return proven(draft, argument, not holds)
        return []
    if kind == "binary_expression":
        return _binary(draft, node, holds)
    if not holds:
        return []
    if kind in ("identifier", "member_expression", "non_null_expression"):
        return [path_of(draft, node)]
    if kind == "call_expression":
        return _call(draft, node)
    return []


def path_of(draft: Draft, node: Node) -> str:
    """The text of a member chain without `?.` and `!`."""
    return normal(draft.slice(node))


def normal(text: str) -> str:
    """A member chain's text in the one form that is looked up."""
    return text.replace("?.", ".").replace("!", "").replace(" ", "")


def _call(draft: Draft, node: Node) -> list[str]:
    """`Number.isFinite(ttl)`, `isNumber(ttl)`, `Boolean(ttl)`."""
    callee, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
    if callee is None or arguments is None or len(arguments.named_children) != 1:
        return []
    name = draft.slice(callee).rpartition(".")[2]
    argument = arguments.named_children[0]
    if argument.type in ("identifier", "member_expression") and (name.startswith("is") or name == "Boolean"):
        return [path_of(draft, argument)]
    return []


def _binary(draft: Draft, node: Node, holds: bool) -> list[str]:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    operator = node.child_by_field_name("operator")
    if left is None or right is None or operator is None:
        return []
    sign = operator.type
    if sign == ("&&" if holds else "||"):
        return proven(draft, left, holds) + proven(draft, right, holds)
    if sign in ("!==", "!=", "===", "=="):
        return _comparison(draft, left, right, holds == (sign[0] == "="))
    if sign in (">", ">=", "<", "<=") and holds:
        return [path_of(draft, n) for n in (left, right) if n.type in ("identifier", "member_expression")]
    return []


def _comparison(draft: Draft, left: Node, right: Node, equal: bool) -> list[str]:
    if left.type == "unary_expression" and right.type == "string":  # typeof x === "number"
        argument = left.child_by_field_name("argument")
        means_value = ("undefined" in draft.slice(right)) != equal
        return [path_of(draft, argument)] if argument is not None and means_value else []
    if draft.slice(right) in _NULLISH:
        return [path_of(draft, left)] if not equal else []
    if equal and right.type in ("string", "number", "true"):
        return [path_of(draft, left)]
    return []


_THERE = {"number", "string", "template_string", "object", "array", "identifier", "call_expression"}
_THERE |= {"binary_expression", "new_expression", "as_expression", "satisfies_expression"}


def filled(draft: Draft, node: Node) -> list[str]:
    """What this arm of a condition always gives a value that is there."""
    if node.type == "statement_block":
        return [path for child in node.named_children for path in filled(draft, child)]
    made = node.named_children[0] if node.type == "expression_statement" and node.named_children else None
    if made is None or made.type != "assignment_expression":
        return []
    left, right = made.child_by_field_name("left"), made.child_by_field_name("right")
    if left is None or right is None or right.type not in _THERE or draft.slice(right) in _NULLISH:
        return []
    return [path_of(draft, left)]


def leaves(node: Node | None) -> str:
    """How this statement always leaves the block that it stands in, "" when it does not."""
    if node is None:
        return ""
    if node.type in _LEAVES:
        return _LEAVES[node.type]
    if node.type not in ("statement_block", "else_clause"):
        return ""
    inside = [child for child in node.named_children if child.type != "comment"]
    return leaves(inside[-1]) if inside else ""
