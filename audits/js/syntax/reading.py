"""A parsed file in, its facts out."""

from __future__ import annotations

from collections.abc import Iterator

from audits.js.syntax import calls, expressions, modules_said, statements, texts, walk
from audits.js.syntax.draft import Draft
from audits.js.syntax.facts import Facts
from audits.js.syntax.grammar import Node

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
    if root.has_error:
        draft.facts.errors = list(_errors(root))
    return draft.finish()


def _errors(root: Node) -> Iterator[tuple[int, int]]:
    """Stretches without sense, and places where something is missing, in their order."""
    pending = [root]
    while pending:
        node = pending.pop()
        if node.is_error or node.is_missing:
            yield node.start_byte, node.end_byte
        pending += [child for child in reversed(node.children) if child.has_error or child.is_missing]
