"""Imports and exports as a file states them, CommonJS and ambient declarations included."""

from __future__ import annotations

from audits.js.syntax import type_forms, walk
from audits.js.syntax.draft import Draft
from audits.js.syntax.facts import Define, Export, Expr
from audits.js.syntax.grammar import Node


def imported(draft: Draft, node: Node) -> None:
    """`import …`: every local name with the module and the name there (`*`: all of it)."""
    draft.facts.module = True
    source = node.child_by_field_name("source")
    for child in node.named_children:
        if child.type == "import_require_clause":
            _required(draft, child)
    if source is None:
        return
    spec = draft.slice(source)[1:-1]
    draft.facts.specs[spec] = None
    for child in node.named_children:
        if child.type != "import_clause":
            continue
        for part in child.named_children:
            if part.type == "identifier":
                _bind(draft, part, spec, "default")
            elif part.type == "namespace_import":
                _bind(draft, part.named_children[0], spec, "*")
            elif part.type == "named_imports":
                _named(draft, part, spec)


def _required(draft: Draft, node: Node) -> None:
    """`import x = require("y")`."""
    name, source = node.named_children[0], node.child_by_field_name("source")
    if source is not None:
        spec = draft.slice(source)[1:-1]
        draft.facts.specs[spec] = None
        _bind(draft, name, spec, "*")


def _named(draft: Draft, node: Node, spec: str) -> None:
    for item in node.named_children:
        if item.type != "import_specifier":
            continue
        name, alias = item.child_by_field_name("name"), item.child_by_field_name("alias")
        if name is not None:
            _bind(draft, alias or name, spec, draft.slice(name).strip("\"'"))


def _bind(draft: Draft, node: Node, spec: str, name: str) -> None:
    define = Define("imp", node.start_byte, draft.scope, extra=(spec, name))
    draft.define(draft.slice(node), define)


def exported(draft: Draft, node: Node) -> None:
    """`export …` in all its forms."""
    draft.facts.module = True
    source = node.child_by_field_name("source")
    spec = draft.slice(source)[1:-1] if source is not None else ""
    if spec:
        draft.facts.specs[spec] = None
    declaration, value = node.child_by_field_name("declaration"), node.child_by_field_name("value")
    default = any(child.type == "default" for child in node.children)
    if declaration is not None:
        _declared(draft, declaration, default)
    elif value is not None:
        lowered = walk.lower(draft, value)
        _export(draft, "default", Export(value=lowered, scope=draft.scope))
    for child in node.named_children:
        if child.type == "export_clause":
            _clause(draft, child, spec)
        elif child.type == "namespace_export":
            _export(draft, draft.slice(child.named_children[0]), Export(local="*", spec=spec))
    if spec and any(child.type == "*" for child in node.children):
        draft.facts.stars.append(spec)


def _declared(draft: Draft, node: Node, default: bool) -> None:
    outer, draft.defined = draft.defined, []
    walk.statement(draft, node)
    here = draft.facts.scopes[draft.scope].names
    for name in dict.fromkeys(name for scope, name in draft.defined if scope == draft.scope):
        _export(draft, "default" if default else name, Export(local=name))
        for define in here[name]:
            if define.kind == "fn":
                draft.facts.functions[define.extra].exported = True
    draft.defined = outer


def _clause(draft: Draft, node: Node, spec: str) -> None:
    for item in node.named_children:
        if item.type != "export_specifier":
            continue
        name, alias = item.child_by_field_name("name"), item.child_by_field_name("alias")
        if name is not None:
            public = draft.slice(alias or name).strip("\"'")
            _export(draft, public, Export(local=draft.slice(name).strip("\"'"), spec=spec))


def _export(draft: Draft, name: str, export: Export) -> None:
    draft.facts.exports.setdefault(name, []).append(export)


def assigned(draft: Draft, path: tuple[str, ...], value: Expr) -> None:
    """`module.exports = x`, `module.exports.a = x`, `exports.a = x`."""
    if path[:2] == ("module", "exports"):
        path = path[1:]
    elif path[0] != "exports":
        return
    if len(path) > 2:
        return
    name = path[1] if len(path) == 2 else "*"
    _export(draft, name, Export(value=value, scope=draft.scope))


def ambient(draft: Draft, node: Node) -> None:
    """`declare …`; `declare global { … }` declares for every file."""
    everywhere = any(child.type == "global" for child in node.children)
    for child in node.named_children:
        if child.type == "statement_block" and everywhere:
            _globals(draft, child)
        else:
            walk.statement(draft, child)


def _globals(draft: Draft, node: Node) -> None:
    for child in node.named_children:
        if child.type in ("interface_declaration", "type_alias_declaration"):
            type_forms.declare(draft, child, "", True)
        elif child.type in ("internal_module", "module"):
            namespace(draft, child, True)
        elif child.type in ("lexical_declaration", "variable_declaration"):
            for part in child.named_children:
                name = part.child_by_field_name("name")
                declared = type_forms.form(draft, part.child_by_field_name("type"))
                if name is not None and declared is not None:
                    define = Define("declare", part.start_byte, 0, None, declared)
                    draft.facts.globals.setdefault(draft.slice(name), []).append(define)
        elif child.type in ("ambient_declaration", "export_statement"):
            _globals(draft, child)


def namespace(draft: Draft, node: Node, everywhere: bool = False) -> None:
    """`declare namespace Cloudflare { interface Env { … } }`: types get the name with a dot.

    `declare module "x" { … }` adds to a library's types: what it declares counts everywhere.
    """
    name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
    if name is None or body is None:
        return
    text = draft.slice(name)
    library = text[:1] in "\"'"
    where = "" if library else text + "."
    for child in body.named_children:
        found = child.child_by_field_name("declaration") if child.type == "export_statement" else child
        if found is not None and found.type in ("interface_declaration", "type_alias_declaration"):
            type_forms.declare(draft, found, where, everywhere or library)
        elif found is not None and found.type in ("internal_module", "module"):
            namespace(draft, found, everywhere)
        elif found is not None:
            walk.statement(draft, child)
