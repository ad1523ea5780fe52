"""How right the audit is on the hand-written cases: precision and recall per style, in all, and as the mean.

The cases are in `tests/audits/cases`; the audit was mended with them at hand, so the figures tell what
it can do and not what it will do on other code. Cases that are still open count as errors.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from tests.audits.cases_reader import Case, Spot, found, read, run
from tests.bench.claims import Claim

WANTED = {"KV001": (95.0, 85.0), "KV002": (97.0, 98.0)}
"""The least precision and recall of a rule, in per cent."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Findings of one rule: `right` ones, `false` alarms, and what was `missed`."""

    right: int = 0
    false: int = 0
    missed: int = 0

    def __add__(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(self.right + other.right, self.false + other.false, self.missed + other.missed)

    @property
    def precision(self) -> float | None:
        """Per cent of the findings that are right, None when there are none."""
        return 100 * self.right / (self.right + self.false) if self.right + self.false else None

    @property
    def recall(self) -> float | None:
        """Per cent of what is there that was found, None when there is nothing."""
        return 100 * self.right / (self.right + self.missed) if self.right + self.missed else None


def tally(expected: Iterable[Spot], seen: Iterable[Spot], code: str) -> Tally:
    """One case and rule. A finding of another severity is still the finding."""
    wanted = {spot.place for spot in expected if spot.code == code}
    got = {spot.place for spot in seen if spot.code == code}
    return Tally(len(wanted & got), len(got - wanted), len(wanted - got))


def tallies(cases: Iterable[Case], folder: Path) -> dict[tuple[str, str], Tally]:
    """By style and rule, of the rules that the cases judge."""
    total: dict[tuple[str, str], Tally] = {}
    for case in cases:
        with tempfile.TemporaryDirectory(dir=folder) as root:
            seen = found(case, run(case, Path(root)))
        for code in case.rules:
            key = case.style, code
            total[key] = total.get(key, Tally()) + tally(case.expected, seen, code)
    return total


def means(by_style: Iterable[Tally]) -> tuple[float, float]:
    """Precision and recall as the mean over the styles that have any."""
    counts = list(by_style)
    precise = [count.precision for count in counts if count.precision is not None]
    recalled = [count.recall for count in counts if count.recall is not None]
    return mean(precise or [100.0]), mean(recalled or [100.0])


def claims(folder: Path) -> Iterator[Claim]:
    """A table by style, then a claim for each rule's precision and recall, in all and as the mean."""
    cases = read()
    counted = tallies(cases, folder)
    kinds = [sum(case.kind == kind for case in cases) for kind in ("err", "ok")]
    print(f"{len(cases)} cases: {kinds[0]} err, {kinds[1]} ok, {sum(bool(case.open) for case in cases)} open")
    for (style, code), count in sorted(counted.items()):
        print(_line(style, code, count))
    for code in sorted({code for _, code in counted}):
        of_styles = [count for (_, other), count in counted.items() if other == code]
        whole = sum(of_styles, Tally())
        least = WANTED.get(code, (None, None))
        figures = zip(
            (whole.precision, whole.recall), means(of_styles), ("precision", "recall"), least, strict=True
        )
        for figure, middle, name, bound in figures:
            if figure is not None:
                yield Claim(f"{code} {name} on the cases", "%", figure, least=bound)
            if figure is not None and len(of_styles) > 1:
                yield Claim(f"{code} {name} on the cases, mean over styles", "%", middle, least=bound)


def _line(style: str, code: str, count: Tally) -> str:
    shown = ["  -  " if value is None else f"{value:5.1f}" for value in (count.precision, count.recall)]
    counts = f"{count.right} right, {count.false} false, {count.missed} missed"
    return f"  {style:<20} {code}  precision {shown[0]}  recall {shown[1]}  ({counts})"
