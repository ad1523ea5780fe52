"""Which grammar reads a file, and the parse itself: the only file that imports the parser.

`.vue`, `.svelte` and `.astro` files are blanked outside their scripts, so that offsets stay true.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import tree_sitter

Node = tree_sitter.Node

_KINDS = {
    ".ts": "ts",
    ".mts": "ts",
    ".cts": "ts",
    ".tsx": "tsx",
    ".js": "js",
    ".mjs": "js",
    ".cjs": "js",
    ".jsx": "js",
    ".astro": "ts",
    ".vue": "ts",
    ".svelte": "ts",
}
SUFFIXES = tuple(_KINDS)
"""The file names' endings that are read."""

_SCRIPT = re.compile(rb"<script\b", re.IGNORECASE)
_END = re.compile(rb"</script\s*>", re.IGNORECASE)
_FRONT = re.compile(rb"\A\s*---\r?\n(?P<body>.*?)^---", re.DOTALL | re.MULTILINE)
_NOT_BREAK = re.compile(rb"[^\r\n]")


@cache
def _parser(kind: str) -> tree_sitter.Parser:
    if kind == "js":
        import tree_sitter_javascript

        return tree_sitter.Parser(tree_sitter.Language(tree_sitter_javascript.language()))
    import tree_sitter_typescript

    language = (
        tree_sitter_typescript.language_tsx()
        if kind == "tsx"
        else tree_sitter_typescript.language_typescript()
    )
    return tree_sitter.Parser(tree_sitter.Language(language))


def suffix(name: str) -> str:
    """The ending of a file's name that decides on its grammar, "" when it has none of them."""
    end = name[name.rfind(".") :].lower() if "." in name else ""
    return end if end in _KINDS else ""


def script(source: bytes, ending: str) -> bytes:
    """The same number of bytes with everything that is no script turned into blanks."""
    if ending not in (".astro", ".vue", ".svelte"):
        return source
    spans = list(_scripts(source))
    if ending == ".astro" and (front := _FRONT.match(source)):
        spans = [front.span("body"), *(span for span in spans if span[0] >= front.end("body"))]
    parts: list[bytes] = []
    at = 0
    for start, end in spans:
        parts += [_NOT_BREAK.sub(b" ", source[at:start]), source[start:end]]
        at = end
    return b"".join([*parts, _NOT_BREAK.sub(b" ", source[at:])])


def _scripts(source: bytes) -> Iterator[tuple[int, int]]:
    """Where the contents of script elements begin and end. Each part of the source is read once, also
    when no element is ever closed."""
    at = 0
    while (opened := _SCRIPT.search(source, at)) is not None:
        start = source.find(b">", opened.end()) + 1
        closed = _END.search(source, start) if start else None
        if closed is None:
            return
        yield start, closed.start()
        at = closed.end()


def parse(source: bytes, ending: str) -> Node:
    """The root of the syntax tree. `source` is what `script` returned."""
    return _parser(_KINDS[ending]).parse(source).root_node


def parse_type(text: str) -> Node:
    """The root for `type _ = TEXT`: how types in comments are read."""
    return _parser("ts").parse(b"type _ = " + text.encode()).root_node
