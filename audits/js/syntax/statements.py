"""Statements and declarations: what they bind, export, assign, and under which condition they run."""

from __future__ import annotations

from collections.abc import Callable

from audits.js.syntax import classes, conditions, functions, patterns, type_forms, walk
from audits.js.syntax.draft import Draft
from audits.js.syntax.facts import Define, Expr, Path
from audits.js.syntax.grammar import Node


def _expression(draft: Draft, node: Node) -> None:
    for child in node.named_children:
        if child.type != "comment":
            lowered = walk.lower(draft, child, "dropped")
            if lowered[0] in ("log", "if"):
                draft.facts.loose.append((lowered, draft.scope))


def declaration(draft: Draft, node: Node) -> None:
    """`const`, `let`, `var`; also without a value, as in `declare const KV: KVNamespace`."""
    hoist = node.type == "variable_declaration"
    for child in node.named_children:
        if child.type == "variable_declarator":
            _declarator(draft, child, hoist)


def _declarator(draft: Draft, node: Node, hoist: bool) -> None:
    name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
    declared = type_forms.form(draft, node.child_by_field_name("type"))
    if declared is None and draft.doc:
        declared = next((t for tag, t, _ in type_forms.tags(draft, draft.doc) if tag == "type"), None)
    if value is not None and value.type in functions.FORMS and name is not None:
        number = functions.lower(draft, value, draft.slice(name))
        lowered: Expr | None = ("fn", value.start_byte, value.end_byte, number)
    else:
        lowered = walk.lower(draft, value, "stored") if value is not None else None
    for found, path, start in patterns.bound(draft, name):
        kind = "var" if lowered is not None or declared is None else "declare"
        define = Define(kind, start, draft.scope, lowered, declared, path, end=node.end_byte)
        draft.define(found, define, hoist)


def _named_function(draft: Draft, node: Node) -> None:
    own = node.child_by_field_name("name")
    name = draft.slice(own) if own is not None else "default"
    number = functions.lower(draft, node, name)
    draft.define(name, Define("fn", node.start_byte, draft.scope, extra=number), hoist=False)


def _class(draft: Draft, node: Node) -> None:
    own = node.child_by_field_name("name")
    number = classes.lower(draft, node)
    name = draft.slice(own) if own is not None else "default"
    draft.define(name, Define("cls", node.start_byte, draft.scope, extra=number))


def _if(draft: Draft, node: Node) -> None:
    condition = node.child_by_field_name("condition")
    test = walk.lower(draft, condition)
    arms = (node.child_by_field_name("consequence"), node.child_by_field_name("alternative"))
    for branch, arm in enumerate(arms):
        if arm is None:
            continue
        for path in conditions.proven(draft, condition, branch == 0):
            draft.narrow(path, arm.start_byte, arm.end_byte)
        before = draft.enter("if", arm, condition, branch, node.start_byte)
        draft.facts.scopes[draft.scope].test = test
        draft.facts.scopes[draft.scope].arms = 2 if arms[1] is not None else 0
        draft.facts.scopes[draft.scope].leaves = conditions.leaves(arm)
        if arm.type in ("statement_block", "else_clause"):
            walk.block(draft, arm)
        else:
            walk.statement(draft, arm)
        draft.scope = before


def _scoped(kind: str) -> Callable[[Draft, Node], None]:
    def lower(draft: Draft, node: Node) -> None:
        before = draft.enter(kind, node)
        walk.block(draft, node)
        draft.scope = before

    return lower


def _for(draft: Draft, node: Node) -> None:
    before = draft.enter("loop", node, node.child_by_field_name("condition"))
    for child in node.named_children:
        walk.statement(draft, child)
    draft.scope = before


def _for_in(draft: Draft, node: Node) -> None:
    right, left = node.child_by_field_name("right"), node.child_by_field_name("left")
    items = walk.lower(draft, right, "stored")
    before = draft.enter("loop", node, right)
    step: Path = (("each", None),)
    for name, path, start in patterns.bound(draft, left, step):
        draft.define(name, Define("for", start, draft.scope, items, path=path))
    body = node.child_by_field_name("body")
    if body is not None:
        walk.statement(draft, body)
    draft.scope = before


def _while(draft: Draft, node: Node) -> None:
    condition, body = node.child_by_field_name("condition"), node.child_by_field_name("body")
    before = draft.enter("loop", node, condition)
    walk.lower(draft, condition)
    if body is not None:
        for path in conditions.proven(draft, condition, True):
            draft.narrow(path, body.start_byte, body.end_byte)
        walk.statement(draft, body)
    draft.scope = before


def _switch(draft: Draft, node: Node) -> None:
    walk.lower(draft, node.child_by_field_name("value"))
    body = node.child_by_field_name("body")
    cases = [child for child in body.named_children if child.type in _CASES] if body is not None else []
    filled = [case for case in cases if _statements(case)]
    exhaustive = len(filled) if any(case.type == "switch_default" for case in cases) else 0
    for case in cases:
        value = case.child_by_field_name("value")
        if value is not None:
            walk.lower(draft, value)
        before = draft.enter(
            "case", case, value, filled.index(case) if case in filled else -1, node.start_byte
        )
        draft.facts.scopes[draft.scope].arms = exhaustive
        for child in _statements(case):
            walk.statement(draft, child)
        draft.scope = before


_CASES = ("switch_case", "switch_default")


def _statements(case: Node) -> list[Node]:
    value = case.child_by_field_name("value")
    return [child for child in case.named_children if child != value and child.type != "comment"]


def _catch(draft: Draft, node: Node) -> None:
    tried = node.parent.child_by_field_name("body") if node.parent is not None else None
    before = draft.enter("catch", node, tried)
    for name, _, start in patterns.bound(draft, node.child_by_field_name("parameter")):
        draft.define(name, Define("declare", start, draft.scope))
    body = node.child_by_field_name("body")
    if body is not None:
        draft.facts.scopes[draft.scope].leaves = conditions.leaves(body)
        walk.block(draft, body)
    draft.scope = before


def _return(draft: Draft, node: Node) -> None:
    values = [child for child in node.named_children if child.type != "comment"]
    lowered = walk.lower(draft, values[0], "returned") if values else ("nul", 0, 0, "undefined")
    draft.exit("return", node)
    if draft.fn >= 0:
        draft.facts.functions[draft.fn].returns.append((lowered, draft.scope))


def _leave(kind: str) -> Callable[[Draft, Node], None]:
    def lower(draft: Draft, node: Node) -> None:
        for child in node.named_children:
            if child.type not in ("comment", "statement_identifier"):
                walk.lower(draft, child)
        draft.exit(kind, node)

    return lower


def _enum(draft: Draft, node: Node) -> None:
    name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
    if name is None or body is None:
        return
    entries: list[tuple[object, ...]] = []
    for index, child in enumerate(child for child in body.named_children if child.type != "comment"):
        if child.type == "enum_assignment":
            key, value = child.child_by_field_name("name"), child.child_by_field_name("value")
            if key is not None:
                entries.append(("p", draft.slice(key).strip("\"'"), walk.lower(draft, value)))
        else:
            number = ("num", child.start_byte, child.end_byte, float(index))
            entries.append(("p", draft.slice(child).strip("\"'"), number))
    value_of = ("obj", node.start_byte, node.end_byte, tuple(entries))
    draft.define(draft.slice(name), Define("var", node.start_byte, draft.scope, value_of))


def _type(draft: Draft, node: Node) -> None:
    type_forms.declare(draft, node, "", False)


HANDLERS: dict[str, Callable[[Draft, Node], None]] = {
    "expression_statement": _expression,
    "lexical_declaration": declaration,
    "variable_declaration": declaration,
    "function_declaration": _named_function,
    "generator_function_declaration": _named_function,
    "class_declaration": _class,
    "abstract_class_declaration": _class,
    "if_statement": _if,
    "statement_block": _scoped("block"),
    "for_statement": _for,
    "for_in_statement": _for_in,
    "while_statement": _while,
    "do_statement": _while,
    "switch_statement": _switch,
    "catch_clause": _catch,
    "return_statement": _return,
    "throw_statement": _leave("throw"),
    "break_statement": _leave("break"),
    "continue_statement": _leave("continue"),
    "enum_declaration": _enum,
    "interface_declaration": _type,
    "type_alias_declaration": _type,
}
