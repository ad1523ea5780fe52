"""Classes: fields, methods, getters, and constructor parameters that are fields at the same time."""

from __future__ import annotations

from audits.js.syntax import functions, type_forms, walk
from audits.js.syntax.draft import Draft
from audits.js.syntax.facts import Define, Expr
from audits.js.syntax.grammar import Node

_FIELDS = ("public_field_definition", "field_definition")


def lower(draft: Draft, node: Node) -> int:
    """A class with everything inside it: its number."""
    own, body = node.child_by_field_name("name"), node.child_by_field_name("body")
    number = draft.klass(draft.slice(own) if own is not None else "", node)
    for child in node.named_children:
        if child.type == "class_heritage":
            _heritage(draft, child, number)
    before_class, draft.cls = draft.cls, number
    before_fn, draft.fn = draft.fn, _initialiser(draft, node)
    before = draft.enter("fn", node)
    draft.facts.functions[draft.fn].scope = draft.scope
    for child in body.named_children if body is not None else ():
        if child.type == "comment":
            draft.doc = draft.slice(child) if draft.documented else ""
            continue
        if child.type == "method_definition":
            _method(draft, child, number)
        elif child.type in _FIELDS:
            _field(draft, child, number)
        elif child.type == "class_static_block":
            for inner in child.named_children:
                walk.statement(draft, inner)
        draft.doc = ""
    draft.scope, draft.cls, draft.fn = before, before_class, before_fn
    return number


def _initialiser(draft: Draft, node: Node) -> int:
    """Fields are initialised as if in a method of the class."""
    return draft.function("", node, "method")


def _heritage(draft: Draft, node: Node, number: int) -> None:
    made = draft.facts.classes[number]
    for child in node.named_children:
        if child.type == "implements_clause":
            types = (type_forms.form(draft, part) for part in child.named_children)
            made.implements = tuple(part for part in types if part is not None)
        elif child.type == "extends_clause":
            made.extends = walk.lower(draft, child.child_by_field_name("value"))
            made.extends_types = type_forms.arguments(draft, child.child_by_field_name("type_arguments"))
        else:
            made.extends = walk.lower(draft, child)


def _method(draft: Draft, node: Node, number: int) -> None:
    made = draft.facts.classes[number]
    function, role, name = functions.method(draft, node)
    if name == "constructor":
        made.constructor = function
        _parameter_fields(draft, node, function, number)
    elif role == "get":
        made.getters[name] = function
    elif draft.facts.functions[function].static:
        define = Define("fn", node.start_byte, draft.scope, extra=function)
        made.statics.setdefault(name, []).append(define)
    elif role != "set":
        made.methods[name] = function


def _parameter_fields(draft: Draft, node: Node, function: int, number: int) -> None:
    """`constructor(private readonly kv: KVNamespace)`: each such parameter is a field."""
    holder = node.child_by_field_name("parameters")
    made = draft.facts.functions[function]
    for child in holder.named_children if holder is not None else ():
        modified = any(part.type in ("accessibility_modifier", "readonly") for part in child.children)
        pattern = child.child_by_field_name("pattern")
        if not modified or pattern is None or pattern.type != "identifier":
            continue
        name = draft.slice(pattern)
        value = ("id", pattern.start_byte, pattern.end_byte, name)
        declared = next((p.type for p in made.params if p.key == name), None)
        define = Define("set", pattern.start_byte, made.scope, value, declared)
        draft.facts.classes[number].fields.setdefault(name, []).append(define)


def _field(draft: Draft, node: Node, number: int) -> None:
    key = node.child_by_field_name("name") or node.child_by_field_name("property")
    if key is None:
        return
    name, value = draft.slice(key).strip("\"'"), node.child_by_field_name("value")
    declared = type_forms.form(draft, node.child_by_field_name("type"))
    if declared is None and draft.doc:
        declared = next((t for tag, t, _ in type_forms.tags(draft, draft.doc) if tag == "type"), None)
    if value is not None and value.type in functions.FORMS:
        function = functions.lower(draft, value, name)
        lowered: Expr | None = ("fn", value.start_byte, value.end_byte, function)
    else:
        lowered = walk.lower(draft, value) if value is not None else None
    kind = "var" if lowered is not None else "declare"
    define = Define(kind, node.start_byte, draft.scope, lowered, declared)
    define.optional = any(part.type == "?" for part in node.children)
    static = any(part.type == "static" for part in node.children)
    made = draft.facts.classes[number]
    (made.statics if static else made.fields).setdefault(name, []).append(define)
