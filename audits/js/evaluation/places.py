"""Offsets in a file as lines and columns."""

from __future__ import annotations

from audits.js.evaluation.project import File
from audits.operation import Place


def place(file: File, start: int, end: int) -> Place:
    """A stretch of a file as lines and columns."""
    line, column = file.position(start)
    end_line, end_column = file.position(end)
    return Place(file.path, line, column, end_line, end_column, start, end)
