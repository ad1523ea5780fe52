"""Does a changed file still parse? The last question before anything is written."""

from __future__ import annotations

from audits.js.syntax import grammar


def broken(source: bytes, path: str) -> int:
    """How many places of a file the parser could not read, or had to imagine something for."""
    ending = grammar.suffix(path)
    root = grammar.parse(grammar.script(source, ending), ending)
    if not root.has_error:
        return 0
    found, pending = 0, [root]
    while pending:
        node = pending.pop()
        found += node.is_error or node.is_missing
        pending += [child for child in node.children if child.has_error or child.is_missing]
    return found
