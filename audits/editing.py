"""Edits of one file's bytes: which of them go together, what comes out, and the difference as a text.

groups of edits, each all or none ─▶ those that do not get into each other's way ─▶ bytes ─▶ diff
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from audits.finding import Edit

_NO_BREAK = b"\n\\ No newline at end of file\n"


@dataclass(frozen=True, slots=True)
class Changed:
    """A file before and after; `path` is relative to the audited root, with `/`."""

    path: str
    before: bytes
    after: bytes


def compatible(groups: Iterable[Sequence[Edit]]) -> list[bool]:
    """For each group whether it is taken: the first come, first served, and no two taken edits change
    the same bytes or insert at the same place. Two may ask for the very same edit."""
    taken: dict[str, list[Edit]] = {}
    verdicts: list[bool] = []
    for group in groups:
        fits = not any(_clash(edit, other) for edit in group for other in taken.get(edit.path, ()))
        verdicts.append(fits)
        for edit in group if fits else ():
            taken.setdefault(edit.path, []).append(edit)
    return verdicts


def apply(source: bytes, edits: Iterable[Edit]) -> bytes:
    """The file with the edits made; what is inserted at one place comes in the order given.

    Line breaks in the edits become those of the file. Raises ValueError when two edits overlap, or one
    lies outside of the file.
    """
    windows = source.count(b"\r\n") * 2 > source.count(b"\n")
    parts: list[bytes] = []
    at = 0
    wanted = [(edit.start, edit.end, edit.text) for edit in edits]
    for start, end, text in sorted(wanted, key=lambda one: one[:2]):
        if start < at or end > len(source) or end < start:
            raise ValueError(f"the edit at byte {start} overlaps another one or lies outside")
        plain = text.replace("\r\n", "\n")
        parts += [source[at:start], (plain.replace("\n", "\r\n") if windows else plain).encode()]
        at = end
    return b"".join([*parts, source[at:]])


def unified(changed: Changed, folder: str = "") -> bytes:
    """The difference as `patch` and `git apply` take it; b"" when there is none. `folder` stands before
    the path."""
    name = (folder + changed.path).encode("utf-8", "surrogateescape")
    before, after = list(_lines(changed.before)), list(_lines(changed.after))
    found = difflib.diff_bytes(difflib.unified_diff, before, after, b"a/" + name, b"b/" + name)
    return b"".join(line if line.endswith(b"\n") else line + _NO_BREAK for line in found)


def _lines(source: bytes) -> Iterator[bytes]:
    """A line ends with \\n alone: \\r is a letter like others to `patch`."""
    *whole, rest = source.split(b"\n")
    for line in whole:
        yield line + b"\n"
    if rest:
        yield rest


def _clash(first: Edit, second: Edit) -> bool:
    if (first.start, first.end, first.text) == (second.start, second.end, second.text):
        return False
    if first.start == first.end and second.start == second.end:
        return first.start == second.start
    return first.start < second.end and second.start < first.end
