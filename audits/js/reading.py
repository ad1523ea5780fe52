"""A parsed file in, its facts out."""

from __future__ import annotations

from audits.js import calls, expressions, modules_said, statements, texts, walk
from audits.js.draft import Draft
from audits.js.facts import Facts
from audits.js.grammar import Node

_EXPRESSIONS = {
    **expressions.HANDLERS,
    "string": texts.string,
    "template_string": texts.template,
    "call_expression": calls.call,
    "new_expression": calls.new,
}
_MODULES = {
    "import_statement": modules_said.imported,
    "export_statement": modules_said.exported,
    "ambient_declaration": modules_said.ambient,
    "internal_module": modules_said.namespace,
    "module": modules_said.namespace,
}


def collect(source: bytes, root: Node) -> Facts:
    """The facts of a parsed file."""
    draft = Draft(source, _EXPRESSIONS, statements.HANDLERS | _MODULES)
    draft.facts.broken = root.has_error
    walk.block(draft, root)
    return draft.finish()
