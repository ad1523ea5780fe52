"""One file with its syntax tree: text of nodes, where they stand, comments, and the style it has."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from functools import cached_property

from audits.js.syntax import grammar, soundness
from audits.js.syntax.grammar import Node
from audits.operation import Place


class Source:
    """A parsed file. `raw`: its bytes; offsets are offsets in them."""

    def __init__(self, path: str, raw: bytes) -> None:
        self.path = path
        self.raw = raw
        self.ending = grammar.suffix(path)
        self.root = grammar.parse(grammar.script(raw, self.ending), self.ending)

    @property
    def typed(self) -> bool:
        """Is it TypeScript?"""
        return self.ending in (".ts", ".tsx", ".mts", ".cts")

    @property
    def broken(self) -> int:
        """In how many places it cannot be parsed."""
        return soundness.broken(self.raw, self.path)

    def text(self, node: Node) -> str:
        """The source of a node."""
        return self.cut(node.start_byte, node.end_byte)

    def cut(self, start: int, end: int) -> str:
        """The source between two offsets."""
        return self.raw[start:end].decode("utf-8", "replace")

    def line(self, node: Node) -> str:
        """The source of a node on one line, cut short."""
        text = " ".join(self.text(node).split())
        return text if len(text) <= 100 else text[:99] + "…"

    def at(self, start: int, end: int) -> Node | None:
        """The innermost named node that spans these bytes."""
        return self.root.named_descendant_for_byte_range(start, end)

    def place(self, node: Node) -> Place:
        """Where a node stands."""
        first, last = self._position(node.start_byte), self._position(node.end_byte)
        return Place(self.path, *first, *last, node.start_byte, node.end_byte)

    @cached_property
    def comments(self) -> list[Node]:
        """Every comment, in order."""
        return [node for node in walk(self.root) if node.type == "comment"]

    def comment_in(self, start: int, end: int) -> bool:
        """Does a comment stand between two offsets, or reach into it?"""
        return any(node.start_byte < end and start < node.end_byte for node in self.comments)

    @cached_property
    def quote(self) -> str:
        """The quote that most strings of the file have."""
        strings = [self.raw[n.start_byte : n.start_byte + 1] for n in walk(self.root) if n.type == "string"]
        return "'" if strings.count(b"'") > strings.count(b'"') else '"'

    @cached_property
    def semicolons(self) -> bool:
        """Do most statements end with one?"""
        ends = [
            self.raw[node.end_byte - 1 : node.end_byte] == b";"
            for node in walk(self.root)
            if node.type in _STATEMENTS
        ]
        return 2 * sum(ends) >= len(ends)

    def _position(self, offset: int) -> tuple[int, int]:
        line = bisect.bisect_right(self._lines, offset)
        before = self.cut(self._lines[line - 1], offset)
        return line, len(before.removeprefix("\ufeff") if line == 1 else before) + 1

    @cached_property
    def _lines(self) -> list[int]:
        return [0, *(at + 1 for at, byte in enumerate(self.raw) if byte == 10)]


_STATEMENTS = {
    "import_statement",
    "lexical_declaration",
    "expression_statement",
    "return_statement",
    "throw_statement",
}


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, in the order of the file."""
    pending = [node]
    while pending:
        here = pending.pop()
        yield here
        pending.extend(reversed(here.children))


def bare(node: Node) -> Node:
    """What stands inside of parentheses, casts and `!`."""
    while node.type in WRAPPERS and (inner := inside(node)) is not None:
        node = inner
    return node


def inside(node: Node) -> Node | None:
    """The expression that a parenthesis, cast or `!` is around."""
    kept = [child for child in node.named_children if child.type != "comment"]
    if node.type == "type_assertion":
        return kept[-1] if kept else None
    return kept[0] if kept else None


def outermost(node: Node, kinds: frozenset[str]) -> Node:
    """The node with the wrappers of these kinds that are around it."""
    while node.parent is not None and node.parent.type in kinds and inside(node.parent) == node:
        node = node.parent
    return node


WRAPPERS = frozenset(
    (
        "parenthesized_expression",
        "non_null_expression",
        "as_expression",
        "satisfies_expression",
        "type_assertion",
    )
)
