"""A batch cut into imports that the bridge takes: no more records, and no more bytes, than it says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, repeat

from migrate.stores.durable.wire import Document

_ENVELOPE = 16 * 1024
"""Bytes that an import needs besides its records and notes."""

_AROUND = 256
"""Bytes of a record's or replacement's JSON besides its texts, at most: names of members, and numbers."""

_ESCAPED = 6
"""Bytes of JSON that a character takes, at most: \\u001f."""


@dataclass(slots=True)
class Piece:
    """Records and replacements of one import. `size`: bytes of JSON, at most."""

    records: list[Document] = field(default_factory=list)
    replacements: list[Document] = field(default_factory=list)
    size: int = _ENVELOPE

    @property
    def count(self) -> int:
        """How many of both there are."""
        return len(self.records) + len(self.replacements)


def pieces(
    records: Iterable[Document], replacements: Iterable[Document], book: int, most: int, body: int
) -> Iterator[Piece]:
    """Cut them into at least one piece, in their order; the last has room for `book` bytes of notes.

    `most` records of both kinds, `body` bytes. One record alone always fits a body.
    """
    piece = Piece()
    for replaces, document in chain(zip(repeat(False), records), zip(repeat(True), replacements)):
        size = longest(document)
        if piece.count and (piece.count >= most or piece.size + size > body):
            yield piece
            piece = Piece()
        (piece.replacements if replaces else piece.records).append(document)
        piece.size += size
    if piece.count and piece.size + book > body:
        yield piece
        piece = Piece()
    yield piece


def longest(document: Document) -> int:
    """How many bytes of JSON a record or a replacement takes, at most; to write it only once."""
    texts = document["key"], document["metadata"] or "", document.get("releases", "")
    return _AROUND + len(document["value"]) + _ESCAPED * sum(map(len, texts))
