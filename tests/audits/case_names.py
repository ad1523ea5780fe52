"""Other names for what a case's files keep to themselves, and for its bindings.

A name keeps its words (`_name`, `APP_NAME`), because the words are evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from audits.js.evaluation.values import ENV_NAMES
from audits.js.syntax import grammar
from audits.js.syntax.grammar import Node
from tests.audits.case_trees import Files, leaves, names_of, tree, walk

_KEPT = {name.encode() for name in (*ENV_NAMES, "fetch", "caches", "crypto", "self", "globalThis", "process")}
_BINDING = re.compile(r"""["']?\bbinding["']?\s*[:=]\s*["'](\w+)["']""")


def rebound(files: Files) -> dict[str, str]:
    """Every binding of the configuration under another name."""
    names = {
        name
        for path, text in files.items()
        if path.endswith((".toml", ".json", ".jsonc"))
        for name in _BINDING.findall(text)
    }
    if not names:
        return dict(files)
    pattern = re.compile(rf"\b({'|'.join(sorted(names))})\b")
    return {path: pattern.sub(r"APP_\1", text) for path, text in files.items()}


def renamed(files: Files) -> dict[str, str]:
    """Every variable, parameter and function that its file keeps to itself under another name."""
    return {
        path: _renamed(path, text) if grammar.suffix(path) and not path.endswith(".d.ts") else text
        for path, text in files.items()
    }


def _renamed(path: str, text: str) -> str:
    root = tree(path, text)
    shared = {leaf.text for node in _public(root) for leaf in leaves(node)}
    told = {
        name.encode() for line in re.findall(r"@(?:param|type).*", text) for name in re.findall(r"\w+", line)
    }
    own = {name for name in _declared(root) if name is not None} - shared - told - _KEPT
    source, parts, last = text.encode(), [], 0
    for leaf in leaves(root):
        if leaf.text not in own or leaf.type == "property_identifier":
            continue
        if leaf.type in ("shorthand_property_identifier", "shorthand_property_identifier_pattern"):
            parts += [source[last : leaf.start_byte], leaf.text, b": _", leaf.text]
        elif leaf.type == "identifier":
            parts += [source[last : leaf.start_byte], b"_", leaf.text]
        else:
            continue
        last = leaf.end_byte
    return b"".join([*parts, source[last:]]).decode()


def _public(root: Node) -> Iterator[Node]:
    """What other files see of names: imports, export lists, and the names of what is exported."""
    for node in walk(root):
        if node.type in ("import_clause", "export_clause", "ambient_declaration", "enum_declaration"):
            yield node
        elif node.type == "export_statement":
            made = node.child_by_field_name("declaration")
            yield from names_of(made) if made is not None else ()
        elif node.type in ("required_parameter", "optional_parameter"):  # `private kv` is a field as well
            modified = any(
                c.type in ("accessibility_modifier", "readonly", "override_modifier") for c in node.children
            )
            if modified:
                yield node
        elif node.type.startswith("jsx_"):
            yield from (child for child in node.children if child.type == "identifier")


def _declared(root: Node) -> Iterator[bytes | None]:
    """The names that variables, parameters and functions declare."""
    for node in walk(root):
        if node.type == "variable_declarator" or node.type.endswith("function_declaration"):
            yield from _bound(node.child_by_field_name("name"))
        elif node.type in ("required_parameter", "optional_parameter"):
            yield from _bound(node.child_by_field_name("pattern"))
        elif node.type == "formal_parameters":
            for child in node.named_children:
                yield from _bound(child)
        elif node.type == "arrow_function":
            yield from _bound(node.child_by_field_name("parameter"))


def _bound(pattern: Node | None) -> Iterator[bytes | None]:
    if pattern is None or pattern.type in ("required_parameter", "optional_parameter"):
        return
    if pattern.type in ("identifier", "shorthand_property_identifier_pattern"):
        yield pattern.text
    elif pattern.type in ("object_pattern", "array_pattern", "rest_pattern"):
        for child in pattern.named_children:
            yield from _bound(child)
    elif pattern.type == "pair_pattern":
        yield from _bound(pattern.child_by_field_name("value"))
    elif pattern.type in ("assignment_pattern", "object_assignment_pattern"):
        yield from _bound(pattern.child_by_field_name("left"))
