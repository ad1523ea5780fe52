"""Functions, methods and their parameters."""

from __future__ import annotations

from audits.js.syntax import patterns, type_forms, walk
from audits.js.syntax.draft import Draft
from audits.js.syntax.facts import Define, Type
from audits.js.syntax.grammar import Node

FORMS = ("arrow_function", "function_expression", "generator_function")
"""Expressions that are functions."""


def lower(draft: Draft, node: Node, name: str, kind: str = "") -> int:
    """A function of any form with everything inside it: its number."""
    own = node.child_by_field_name("name")
    if not name and own is not None and node.type != "method_definition":
        name = draft.slice(own)
    arrow = node.type == "arrow_function"
    number = draft.function(name, node, kind or ("arrow" if arrow else "function"))
    made = draft.facts.functions[number]
    made.generator = node.type.startswith("generator")
    made.type = type_forms.form(draft, node.child_by_field_name("return_type"))
    doc, draft.doc = draft.doc, ""
    before_fn, draft.fn = draft.fn, number
    before = draft.enter("fn", node)
    made.scope = draft.scope
    if own is not None and node.type == "function_expression":
        draft.define(draft.slice(own), Define("fn", own.start_byte, draft.scope, extra=number))
    _parameters(draft, node, number, doc)
    body = node.child_by_field_name("body")
    if body is not None and body.type == "statement_block":
        walk.block(draft, body)
        last = [child for child in body.named_children if child.type != "comment"]
        made.falls = not last or last[-1].type not in ("return_statement", "throw_statement")
    elif body is not None:
        made.returns.append((walk.lower(draft, body, "returned"), draft.scope))
        made.falls = False
    draft.scope, draft.fn = before, before_fn
    return number


def _parameters(draft: Draft, node: Node, number: int, doc: str) -> None:
    made = draft.facts.functions[number]
    types: dict[str, Type] = {}
    for tag, parsed, name in type_forms.tags(draft, doc) if doc else ():
        if tag.startswith("ret"):
            made.type = made.type or parsed
        elif tag in ("param", "arg", "argument"):
            types[name] = parsed
    single = node.child_by_field_name("parameter")
    holder = node.child_by_field_name("parameters")
    nodes = [single] if single is not None else holder.named_children if holder is not None else []
    for child in nodes:
        if child.type in ("comment", "decorator") or _is_this(child):
            continue
        pattern = child.child_by_field_name("pattern") if child.type in _TYPED else child
        value = child.child_by_field_name("value") if child.type in _TYPED else None
        if pattern is not None and pattern.type == "assignment_pattern":
            value = pattern.child_by_field_name("right")
            pattern = pattern.child_by_field_name("left")
        default = walk.lower(draft, value) if value is not None else None
        declared = type_forms.form(draft, child.child_by_field_name("type")) if child.type in _TYPED else None
        index = len(made.params)
        rest = pattern is not None and pattern.type == "rest_pattern"
        optional = child.type == "optional_parameter"
        whole = Define("param", child.start_byte, draft.scope, default, declared, (), (number, index, rest))
        whole.optional = optional
        made.params.append(whole)
        for name, path, start in patterns.bound(draft, pattern):
            whole.type = whole.type or (types.get(name) if not path else None)
            here = Define("param", start, draft.scope, default, whole.type, path, whole.extra)
            here.optional = optional
            if not path:
                whole.key = here.key = name
            draft.define(name, here)


_TYPED = ("required_parameter", "optional_parameter")


def _is_this(node: Node) -> bool:
    pattern = node.child_by_field_name("pattern")
    return pattern is not None and pattern.type == "this"


def method(draft: Draft, node: Node) -> tuple[int, str, str]:
    """A method of a class or object: number, role (get, set, static or ""), name."""
    own = node.child_by_field_name("name")
    name = draft.slice(own).strip("\"'") if own is not None else ""
    words = {child.type for child in node.children if not child.is_named}
    role = "get" if "get" in words else "set" if "set" in words else "static" if "static" in words else ""
    kind = {"get": "getter", "set": "setter", "static": "static"}.get(role, "method")
    number = lower(draft, node, name, "constructor" if name == "constructor" else kind)
    draft.facts.functions[number].static = "static" in words
    draft.facts.functions[number].generator = "*" in words
    return number, role, name
