"""Expressions as tuples; on the way, every call, function and class in them is noted."""

from __future__ import annotations

from collections.abc import Callable

from audits.js.syntax import assignments, classes, conditions, functions, objects, type_forms, walk
from audits.js.syntax.draft import Draft
from audits.js.syntax.facts import Expr
from audits.js.syntax.grammar import Node


def _number(draft: Draft, node: Node, sink: str) -> Expr:
    text = draft.slice(node).replace("_", "").rstrip("n")
    try:
        value = float(int(text, 0)) if text[:2].lower() in ("0x", "0b", "0o") else float(text)
    except ValueError:
        return ("?", node.start_byte, node.end_byte)
    return ("num", node.start_byte, node.end_byte, value)


def _constant(draft: Draft, node: Node, sink: str) -> Expr:
    kind = node.type
    if kind in ("null", "undefined"):
        return ("nul", node.start_byte, node.end_byte, kind)
    return ("bool", node.start_byte, node.end_byte, kind == "true")


def _this(draft: Draft, node: Node, sink: str) -> Expr:
    return (node.type, node.start_byte, node.end_byte)


def _sequence(draft: Draft, node: Node, sink: str) -> Expr:
    children = [child for child in node.named_children if child.type != "comment"]
    for child in children[:-1]:
        walk.lower(draft, child, "dropped")
    return walk.lower(draft, children[-1], sink)


def _parenthesized(draft: Draft, node: Node, sink: str) -> Expr:
    inner = walk.inner(draft, node, sink)
    if draft.documented:
        comments = [child for child in node.named_children if child.type == "comment"]
        comment = draft.slice(comments[0]) if comments else draft.doc
        for tag, parsed, _ in type_forms.tags(draft, comment) if "@type" in comment else ():
            if tag == "type":
                return ("as", node.start_byte, node.end_byte, inner, parsed)
    return inner


def _member(draft: Draft, node: Node, sink: str) -> Expr:
    obj, name = node.child_by_field_name("object"), node.child_by_field_name("property")
    if name is None:
        return ("?", node.start_byte, node.end_byte)
    lowered = walk.lower(draft, obj)
    return ("mem", node.start_byte, node.end_byte, lowered, draft.slice(name), name.start_byte)


def _subscript(draft: Draft, node: Node, sink: str) -> Expr:
    obj = walk.lower(draft, node.child_by_field_name("object"))
    index_node = node.child_by_field_name("index")
    index = walk.lower(draft, index_node)
    if index[0] == "str" and index_node is not None:
        return ("mem", node.start_byte, node.end_byte, obj, index[3], index_node.start_byte)
    return ("idx", node.start_byte, node.end_byte, obj, index)


def _array(draft: Draft, node: Node, sink: str) -> Expr:
    elements = tuple(
        walk.lower(draft, child, sink) for child in node.named_children if child.type != "comment"
    )
    return ("arr", node.start_byte, node.end_byte, elements)


def _spread(draft: Draft, node: Node, sink: str) -> Expr:
    return ("spread", node.start_byte, node.end_byte, walk.inner(draft, node, sink))


def _function(draft: Draft, node: Node, sink: str) -> Expr:
    return ("fn", node.start_byte, node.end_byte, functions.lower(draft, node, ""))


def _class(draft: Draft, node: Node, sink: str) -> Expr:
    return ("cls", node.start_byte, node.end_byte, classes.lower(draft, node))


def _binary(draft: Draft, node: Node, sink: str) -> Expr:
    left_node = node.child_by_field_name("left")
    operator = node.child_by_field_name("operator")
    sign = operator.type if operator is not None else ""
    right_node = node.child_by_field_name("right")
    if sign not in ("&&", "||", "??"):
        left = walk.lower(draft, left_node)
        return ("bin", node.start_byte, node.end_byte, sign, left, walk.lower(draft, right_node))
    left = walk.lower(draft, left_node, sink if sign != "&&" else "stored")
    calls = len(draft.facts.calls)
    right = walk.lower(draft, right_node, sink)
    draft.arm(calls, right_node, left, sign == "&&")
    if sign == "&&" and right_node is not None:
        for path in conditions.proven(draft, left_node, True):
            draft.narrow(path, right_node.start_byte, right_node.end_byte)
    return ("log", node.start_byte, node.end_byte, sign, left, right)


def _unary(draft: Draft, node: Node, sink: str) -> Expr:
    operator = node.child_by_field_name("operator")
    sign = operator.type if operator is not None else ""
    inner = walk.lower(draft, node.child_by_field_name("argument"), "dropped" if sign == "void" else "stored")
    if sign == "delete":
        gone = ("nul", node.start_byte, node.end_byte, "undefined")
        draft.facts.writes.append((inner, gone, draft.scope))
    return ("un", node.start_byte, node.end_byte, sign, inner)


def _ternary(draft: Draft, node: Node, sink: str) -> Expr:
    condition = node.child_by_field_name("condition")
    arms = (node.child_by_field_name("consequence"), node.child_by_field_name("alternative"))
    counts = [len(draft.facts.calls)]
    lowered = []
    for arm in arms:
        lowered.append(walk.lower(draft, arm, sink))
        counts.append(len(draft.facts.calls))
    for arm, holds in zip(arms, (True, False), strict=True):
        for path in conditions.proven(draft, condition, holds):
            if arm is not None:
                draft.narrow(path, arm.start_byte, arm.end_byte)
    test = walk.lower(draft, condition)
    for arm, holds, before, after in zip(arms, (True, False), counts, counts[1:], strict=False):
        draft.arm(before if after > before else len(draft.facts.calls), arm, test, holds)
    return ("if", node.start_byte, node.end_byte, test, *lowered)


def _await(draft: Draft, node: Node, sink: str) -> Expr:
    return ("await", node.start_byte, node.end_byte, walk.inner(draft, node, "awaited"))


def _yield(draft: Draft, node: Node, sink: str) -> Expr:
    walk.inner(draft, node, "returned")
    return ("?", node.start_byte, node.end_byte)


def _cast(draft: Draft, node: Node, sink: str) -> Expr:
    children = [child for child in node.named_children if child.type != "comment"]
    inner = walk.lower(draft, children[0] if children else None, sink)
    declared = type_forms.form(draft, children[1]) if len(children) > 1 else None
    if declared is None or node.type == "satisfies_expression":
        return inner
    return ("as", node.start_byte, node.end_byte, inner, declared)


def _assertion(draft: Draft, node: Node, sink: str) -> Expr:
    """`<T>x`."""
    children = node.named_children
    inner = walk.lower(draft, children[-1] if children else None, sink)
    declared = type_forms.arguments(draft, children[0]) if len(children) > 1 else ()
    return ("as", node.start_byte, node.end_byte, inner, declared[0]) if declared else inner


def _assignment(draft: Draft, node: Node, sink: str) -> Expr:
    value = assignments.lower(draft, node)
    return ("set", node.start_byte, node.end_byte, value)


def _jsx(draft: Draft, node: Node, sink: str) -> Expr:
    """Only what stands between braces is code."""
    pending = [node]
    while pending:
        for child in pending.pop().named_children:
            if child.type in ("jsx_expression", "jsx_spread_attribute"):
                walk.inner(draft, child, "stored")
            elif child.type.startswith("jsx_"):
                pending.append(child)
    return ("?", node.start_byte, node.end_byte)


def _nothing(draft: Draft, node: Node, sink: str) -> Expr:
    return ("?", node.start_byte, node.end_byte)


HANDLERS: dict[str, Callable[[Draft, Node, str], Expr]] = {
    "identifier": objects.identifier,
    "shorthand_property_identifier": objects.identifier,
    "number": _number,
    "true": _constant,
    "false": _constant,
    "null": _constant,
    "undefined": _constant,
    "this": _this,
    "super": _this,
    "parenthesized_expression": _parenthesized,
    "non_null_expression": walk.inner,
    "instantiation_expression": walk.inner,
    "sequence_expression": _sequence,
    "member_expression": _member,
    "subscript_expression": _subscript,
    "object": objects.lower,
    "array": _array,
    "spread_element": _spread,
    "function_expression": _function,
    "generator_function": _function,
    "arrow_function": _function,
    "class": _class,
    "binary_expression": _binary,
    "unary_expression": _unary,
    "ternary_expression": _ternary,
    "await_expression": _await,
    "yield_expression": _yield,
    "as_expression": _cast,
    "satisfies_expression": _cast,
    "type_assertion": _assertion,
    "assignment_expression": _assignment,
    "augmented_assignment_expression": _assignment,
    "jsx_element": _jsx,
    "jsx_self_closing_element": _jsx,
    "jsx_fragment": _jsx,
    "comment": _nothing,
    "regex": _nothing,
    "property_identifier": _nothing,
    "meta_property": _nothing,
    "type_arguments": _nothing,
}
