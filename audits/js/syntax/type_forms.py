"""Types as tuples: annotations, interfaces, aliases, and the types that comments declare."""

from __future__ import annotations

import re
from collections.abc import Callable

from audits.js.syntax.draft import Draft
from audits.js.syntax.facts import Declared, Type
from audits.js.syntax.grammar import Node, parse_type

_WRAPPERS = {
    "parenthesized_type",
    "readonly_type",
    "type_annotation",
    "optional_type",
    "rest_type",
    "opting_type_annotation",
    "omitting_type_annotation",
}


def form(draft: Draft, node: Node | None) -> Type | None:
    """The tuple of a type node, None when it says nothing that we follow."""
    if node is None:
        return None
    kind = node.type
    if kind in _WRAPPERS:
        inner = [child for child in node.named_children if child.type != "comment"]
        return form(draft, inner[0]) if inner else None
    handler = _HANDLERS.get(kind)
    return handler(draft, node) if handler is not None else None


def _name(draft: Draft, node: Node) -> Type:
    return ("ref", draft.slice(node), ())


def _imported(draft: Draft, node: Node) -> Type | None:
    """`import("x").Name`."""
    name = node.child_by_field_name("property")
    return ("ref", draft.slice(name), ()) if name is not None else None


def _word(draft: Draft, node: Node) -> Type:
    return ("word", draft.slice(node))


def _several(draft: Draft, node: Node) -> Type:
    parts = tuple(t for child in node.named_children if (t := form(draft, child)) is not None)
    return ("union" if node.type == "union_type" else "all", parts)


def _list(draft: Draft, node: Node) -> Type | None:
    return ("list", form(draft, node.named_children[0])) if node.named_children else None


def _function(draft: Draft, node: Node) -> Type:
    return ("fn", form(draft, node.child_by_field_name("return_type")), draft.slice(node)[:400])


def _query(draft: Draft, node: Node) -> Type | None:
    return ("typeof", draft.slice(node.named_children[0])) if node.named_children else None


def arguments(draft: Draft, node: Node | None) -> tuple[Type, ...]:
    """The types between `<` and `>`; one that we do not follow is `("word", "unknown")`."""
    if node is None:
        return ()
    children = [child for child in node.named_children if child.type != "comment"]
    return tuple(form(draft, child) or ("word", "unknown") for child in children)


def _generic(draft: Draft, node: Node) -> Type:
    name = node.child_by_field_name("name")
    types = node.child_by_field_name("type_arguments")
    return ("ref", draft.slice(name) if name is not None else "", arguments(draft, types))


def _literal(draft: Draft, node: Node) -> Type:
    inner = node.named_children[0] if node.named_children else node
    text = draft.slice(inner)
    if inner.type == "string":
        return ("lit", text[1:-1])
    return ("word", text)


def _lookup(draft: Draft, node: Node) -> Type | None:
    parts = node.named_children
    if len(parts) < 2:
        return None
    base, key = form(draft, parts[0]), form(draft, parts[1])
    if base is None or key is None or key[0] != "lit":
        return None
    return ("at", base, key[1])


def members(draft: Draft, node: Node) -> Type:
    """The properties of an object type: `("obj", ((name, type, optional), …))`."""
    found: list[tuple[str, Type | None, bool]] = []
    for child in node.named_children:
        if child.type not in ("property_signature", "method_signature", "public_field_definition"):
            continue
        name = child.child_by_field_name("name")
        if name is None:
            continue
        text = draft.slice(name).strip("\"'")
        optional = any(part.type == "?" for part in child.children)
        if child.type == "method_signature":
            returned = form(draft, child.child_by_field_name("return_type"))
            found.append((text, ("fn", returned, draft.slice(child)[:400]), optional))
        else:
            found.append((text, form(draft, child.child_by_field_name("type")), optional))
    return ("obj", tuple(found))


_HANDLERS: dict[str, Callable[[Draft, Node], Type | None]] = {
    "type_identifier": _name,
    "identifier": _name,
    "nested_type_identifier": _name,
    "nested_identifier": _name,
    "member_expression": _imported,
    "predefined_type": _word,
    "generic_type": _generic,
    "union_type": _several,
    "intersection_type": _several,
    "literal_type": _literal,
    "object_type": members,
    "interface_body": members,
    "array_type": _list,
    "lookup_type": _lookup,
    "function_type": _function,
    "type_query": _query,
}


def parameters(draft: Draft, node: Node | None) -> tuple[str, ...]:
    """The names of type parameters."""
    if node is None:
        return ()
    names = (child.child_by_field_name("name") for child in node.named_children)
    return tuple(draft.slice(name) for name in names if name is not None)


def declare(draft: Draft, node: Node, where: str, ambient: bool) -> None:
    """Note an interface or alias. `where`: the namespace around it with its dot."""
    name = node.child_by_field_name("name")
    body = node.child_by_field_name("body" if node.type == "interface_declaration" else "value")
    if name is None or body is None:
        return
    heads = [child for child in node.named_children if child.type == "extends_type_clause"]
    extends = tuple(
        t for head in heads for child in head.named_children if (t := form(draft, child)) is not None
    )
    declared = Declared(
        form(draft, body) or ("word", "unknown"),
        parameters(draft, node.child_by_field_name("type_parameters")),
        extends,
    )
    add(draft, where + draft.slice(name), declared, ambient)


def add(draft: Draft, name: str, declared: Declared, ambient: bool) -> None:
    """Note a declared type; declarations of one name are merged, as in the language."""
    table = draft.facts.ambient if ambient else draft.facts.types
    before = table.get(name)
    if before is not None and before.type[0] == "obj" == declared.type[0]:
        merged = ("obj", before.type[1] + declared.type[1])
        declared = Declared(merged, declared.params, before.extends + declared.extends)
    table[name] = declared


# ---------------------------------------------------------------- types in comments

_TAG = re.compile(r"@(param|arg|argument|property|prop|type|returns?|typedef)\b\s*(?=\{)")
_NAME = re.compile(r"\s*\[?([\w$.]+)")


def tags(draft: Draft, comment: str) -> list[tuple[str, Type, str]]:
    """`(tag, type, name)` of a documentation comment, in order."""
    found: list[tuple[str, Type, str]] = []
    for match in _TAG.finditer(comment):
        end = _closing(comment, match.end())
        if end < 0:
            continue
        parsed = of_text(comment[match.end() + 1 : end])
        name = _NAME.match(comment, end + 1)
        if parsed is not None:
            found.append((match[1], parsed, name[1] if name else ""))
    return found


def typedefs(draft: Draft, comment: str) -> None:
    """Note what `@typedef` and its `@property` lines declare."""
    name = ""
    properties: list[tuple[str, Type | None, bool]] = []
    for tag, parsed, what in tags(draft, comment):
        if tag == "typedef":
            name = what
            if parsed[0] != "ref" or parsed[1].lower() != "object":
                add(draft, name, Declared(parsed), False)
                return
        elif tag in ("property", "prop") and name:
            properties.append((what, parsed, False))
    if name:
        add(draft, name, Declared(("obj", tuple(properties))), False)


def of_text(text: str) -> Type | None:
    """The type that a comment writes between braces."""
    text = (
        re.sub(r"\bimport\([^)]*\)\s*\.", "", text.replace("\n", " ").replace("*", " ")).strip().rstrip("=")
    )
    text = text.lstrip("!?")
    node = parse_type(text)
    alias = node.named_children[0] if node.named_children else None
    value = alias.child_by_field_name("value") if alias is not None else None
    if value is None:
        return None
    return form(Draft(b"type _ = " + text.encode(), {}, {}), value)


def _closing(text: str, start: int) -> int:
    depth = 0
    for at in range(start, len(text)):
        if text[at] == "{":
            depth += 1
        elif text[at] == "}":
            depth -= 1
            if depth == 0:
                return at
    return -1
