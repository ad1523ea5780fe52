"""Calls as tuples, with what becomes of their results.

The parser reads `await kv.get<T>(k)` as a call of `await kv.get`, and the same with `void`, `!` and
`+`, without any sign of trouble: `call` puts such an operator back outside of the call.
"""

from __future__ import annotations

from audits.js.syntax import type_forms, walk
from audits.js.syntax.draft import Draft
from audits.js.syntax.facts import Call, Expr
from audits.js.syntax.grammar import Node

CHAINS = ("then", "catch", "finally")
GATHERING = ("all", "allSettled", "race", "any")
_TRANSPARENT = ("non_null_expression", "parenthesized_expression", "instantiation_expression")


def call(draft: Draft, node: Node, sink: str) -> Expr:
    """A call, with an operator that the parser put into its callee put back."""
    callee = node.child_by_field_name("function")
    while callee is not None and callee.type in _TRANSPARENT:
        inner = [child for child in callee.named_children if child.type not in ("comment", "type_arguments")]
        if not inner or (callee.type == "parenthesized_expression" and inner[0].type == "await_expression"):
            break
        callee = inner[0]
    if callee is None:
        return ("?", node.start_byte, node.end_byte)
    if callee.type == "await_expression" and callee.named_children:
        made = _made(draft, node, callee.named_children[0], "awaited")
        return ("await", node.start_byte, node.end_byte, made)
    if callee.type == "unary_expression":
        operator = callee.child_by_field_name("operator")
        sign = operator.type if operator is not None else ""
        made = _made(
            draft, node, callee.child_by_field_name("argument"), "dropped" if sign == "void" else "stored"
        )
        return ("un", node.start_byte, node.end_byte, sign, made)
    if callee.type == "binary_expression":
        left = walk.lower(draft, callee.child_by_field_name("left"))
        operator = callee.child_by_field_name("operator")
        calls = len(draft.facts.calls)
        made = _made(draft, node, callee.child_by_field_name("right"), "stored")
        sign = operator.type if operator is not None else ""
        kind = "log" if sign in ("&&", "||", "??") else "bin"
        if kind == "log":
            draft.arm(calls, callee.child_by_field_name("right"), left, sign == "&&")
        return (kind, node.start_byte, node.end_byte, sign, left, made)
    return _made(draft, node, callee, sink)


def _made(draft: Draft, node: Node, callee: Node | None, sink: str) -> Expr:
    """The call itself, once its callee is known."""
    start = callee.start_byte if callee is not None else node.start_byte
    arguments = node.child_by_field_name("arguments")
    if callee is not None and callee.type in ("import", "identifier") and arguments is not None:
        name = draft.slice(callee)
        given = [child for child in arguments.named_children if child.type != "comment"]
        if name in ("import", "require") and given and given[0].type == "string":
            spec = draft.slice(given[0])[1:-1]
            draft.facts.specs[spec] = None
            return ("imp", node.start_byte, node.end_byte, spec)
    number = len(draft.facts.calls)
    draft.facts.calls.append(_PENDING)
    name, given_sink = "", "stored"
    lowered: Expr
    if callee is not None and callee.type == "member_expression":
        prop = callee.child_by_field_name("property")
        name = draft.slice(prop) if prop is not None else ""
        held = (sink if sink != "dropped" else "chained") if name in CHAINS else "stored"
        obj = callee.child_by_field_name("object")
        at = prop.start_byte if prop is not None else start
        lowered = ("mem", start, callee.end_byte, walk.lower(draft, obj, held), name, at)
        if name in GATHERING and obj is not None and draft.slice(obj) == "Promise":
            given_sink = sink
        elif name == "waitUntil":
            given_sink = "waitUntil"
    else:
        lowered = walk.lower(draft, callee)
        name = lowered[3] if lowered[0] == "id" else lowered[4] if lowered[0] == "mem" else ""
        given_sink = "waitUntil" if name == "waitUntil" else "stored"
    types = type_forms.arguments(draft, node.child_by_field_name("type_arguments"))
    given_arguments = _arguments(draft, arguments, given_sink, lowered, number)
    made = ("call", start, node.end_byte, lowered, given_arguments, number, types)
    draft.call(made, sink, name, _spans(arguments) if name in _WRITTEN else ())
    return made


def _spans(arguments: Node | None) -> tuple[tuple[int, int], ...]:
    """Where the arguments stand, with the parentheses and casts that their expressions leave out."""
    if arguments is None or arguments.type != "arguments":
        return ()
    given = (child for child in arguments.named_children if child.type != "comment")
    return tuple((child.start_byte, child.end_byte) for child in given)


_WRITTEN = frozenset(("get", "getWithMetadata", "put", "delete", "list"))
"""Methods whose calls may be rewritten, and so must know where their arguments stand."""

_PENDING = Call(("?", 0, 0), 0, "stored", "")
"""What stands for a call while its arguments are being read."""


def _arguments(draft: Draft, node: Node | None, sink: str, callee: Expr, number: int) -> tuple[Expr, ...]:
    if node is None or node.type != "arguments":
        return ()
    found: list[Expr] = []
    for child in node.named_children:
        if child.type == "comment":
            continue
        lowered = walk.lower(draft, child, sink)
        if lowered[0] == "fn":
            function = draft.facts.functions[lowered[3]]
            function.passed = (callee[1], callee[2])
            function.argument, function.call = len(found), number
        found.append(lowered)
    return tuple(found)


def new(draft: Draft, node: Node, sink: str) -> Expr:
    """`new X(…)`."""
    number = len(draft.facts.calls)
    draft.facts.calls.append(_PENDING)
    callee = walk.lower(draft, node.child_by_field_name("constructor"))
    types = type_forms.arguments(draft, node.child_by_field_name("type_arguments"))
    name = callee[3] if callee[0] == "id" else callee[4] if callee[0] == "mem" else ""
    given = _arguments(draft, node.child_by_field_name("arguments"), "stored", callee, number)
    made = ("new", node.start_byte, node.end_byte, callee, given, number, types)
    draft.call(made, "stored", name)
    return made
