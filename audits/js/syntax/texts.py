"""String literals and template strings."""

from __future__ import annotations

import re

from audits.js.syntax import walk
from audits.js.syntax.draft import Draft
from audits.js.syntax.facts import Expr
from audits.js.syntax.grammar import Node

_ESCAPE = re.compile(r"\\(u\{[0-9a-fA-F]+\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|\r?\n|.)", re.DOTALL)
_CONTROL = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}


def string(draft: Draft, node: Node, sink: str) -> Expr:
    """A string literal."""
    return ("str", node.start_byte, node.end_byte, unescaped(draft.slice(node)[1:-1]))


def unescaped(text: str) -> str:
    """What a string literal's text stands for."""
    return _ESCAPE.sub(_escape, text) if "\\" in text else text


def _escape(match: re.Match[str]) -> str:
    found = match[1]
    if found[0] in "ux" and len(found) > 1:
        code = int(found[1:].strip("{}"), 16)
        return chr(code) if code < 0x110000 else ""
    return "" if found in ("\n", "\r\n") else _CONTROL.get(found, found)


def template(draft: Draft, node: Node, sink: str) -> Expr:
    """A template string; one without holes is a string."""
    parts: list[str | Expr] = []
    at = node.start_byte + 1
    for child in node.named_children:
        if child.type != "template_substitution":
            continue
        if child.start_byte > at:
            parts.append(unescaped(draft.cut(at, child.start_byte)))
        inner = [part for part in child.named_children if part.type != "comment"]
        parts.append(walk.lower(draft, inner[0] if inner else None))
        at = child.end_byte
    if node.end_byte - 1 > at:
        parts.append(unescaped(draft.cut(at, node.end_byte - 1)))
    if len(parts) == 1 and isinstance(parts[0], str):
        return ("str", node.start_byte, node.end_byte, parts[0])
    return ("tpl", node.start_byte, node.end_byte, tuple(parts))
