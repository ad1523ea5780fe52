"""A batch cut into imports that the bridge takes: no more records, and no more bytes, than it says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, repeat

import orjson

from migrate.stores.durable.wire import Document

_ENVELOPE = 16 * 1024
"""Bytes that an import needs besides its records and notes."""


@dataclass(slots=True)
class Piece:
    """Records and replacements of one import, as JSON already."""

    records: list[orjson.Fragment] = field(default_factory=list)
    replacements: list[orjson.Fragment] = field(default_factory=list)
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
        text = orjson.dumps(document)
        if piece.count and (piece.count >= most or piece.size + len(text) > body):
            yield piece
            piece = Piece()
        (piece.replacements if replaces else piece.records).append(orjson.Fragment(text))
        piece.size += len(text) + 1
    if piece.count and piece.size + book > body:
        yield piece
        piece = Piece()
    yield piece
