"""Claims: a figure of ours, held against one of theirs or against a limit alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

HEADER = ("claim", "ours", "theirs", "ratio", "limit", "verdict")
_WIDTHS = (68, 16, 16, 7, 8, 8)


@dataclass(frozen=True, slots=True)
class Claim:
    """One line of the table.

    `ours` and `theirs` are in `unit`. What is judged is their ratio, or `ours` alone where there
    is no `theirs`; it must be at least `least` and at most `most`. With neither it is only reported.
    """

    name: str
    unit: str
    ours: float
    theirs: float | None = None
    least: float | None = None
    most: float | None = None

    @property
    def ratio(self) -> float | None:
        """Ours by theirs."""
        return None if self.theirs is None else self.ours / self.theirs

    @property
    def holds(self) -> bool:
        """Is the figure within its limits?"""
        figure = self.ours if self.theirs is None else self.ours / self.theirs
        high_enough = self.least is None or figure >= self.least
        return high_enough and (self.most is None or figure <= self.most)

    def line(self) -> str:
        """The claim as one line: claim | ours | theirs | ratio | limit | ok or FAILS."""
        limit = "" if self.most is None else f"≤ {self.most:g}"
        limit = limit if self.least is None else f"≥ {self.least:g}"
        verdict = "ok" if self.holds else "FAILS"
        ratio = "" if self.ratio is None else f"{self.ratio:.3f}"
        theirs = "" if self.theirs is None else f"{self.theirs:,.2f} {self.unit}"
        shown = (self.name, f"{self.ours:,.2f} {self.unit}", theirs, ratio, limit, verdict if limit else "-")
        return row(shown)


def row(cells: Iterable[str]) -> str:
    """Cells under each other."""
    return " | ".join(cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True)).rstrip()
