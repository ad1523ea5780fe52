"""Plots as geometry: bars, lanes over time, and a line. Pure; a template draws them as SVG.

What a mark means is never told by its colour alone: each kind has a shape or a hatching of its own, the
figures stand beside the bars, and each plot stands beside a table of the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from migrate.core.document import iso

GOOD, BAD, OPEN, NEUTRAL = "good", "bad", "open", "neutral"
"""What a mark says: for, against, nothing yet, or neither."""

_DAY = 86_400
_UNITS = (3600, 6 * 3600, _DAY, 2 * _DAY, 7 * _DAY, 28 * _DAY)
"""Seconds between two ticks."""

_NARROW = 6.0
"""Units under which a span is drawn as a moment."""

_END = 140.0
"""Room that the words at the ends of a scale take."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar, in units of the plot."""

    x: float
    width: float
    means: str


@dataclass(frozen=True, slots=True)
class Bar:
    """`y`: of its top. `figure`: its value as text."""

    label: str
    figure: str
    y: float
    end: float
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """Horizontal bars on one scale, each under its label."""

    title: str
    described: str
    bars: tuple[Bar, ...]
    width: float
    height: float

    @classmethod
    def of(
        cls,
        title: str,
        described: str,
        rows: Sequence[tuple[str, str, Sequence[tuple[float, str]]]],
        width: float = 360.0,
    ) -> Bars:
        """`rows`: label, figure, and what the bar is made of: values with what they mean."""
        room, step = width - 92.0, 36.0
        most = max((sum(value for value, _ in parts) for _, _, parts in rows), default=0.0) or 1.0
        bars = []
        for at, (label, figure, parts) in enumerate(rows):
            segments, x = [], 0.0
            for value, means in parts:
                if value > 0:
                    segments.append(Segment(round(x, 2), round(max(1.5, value / most * room), 2), means))
                    x += segments[-1].width
            bars.append(Bar(label, figure, 18.0 + at * step, round(x, 2), tuple(segments)))
        return cls(title, described, tuple(bars), width, len(rows) * step + 2)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something on a lane: a span when it is wide enough to be seen as one, else a moment, of width 0."""

    x: float
    width: float
    means: str
    said: str

    @property
    def moment(self) -> bool:
        """Is it drawn as a sign rather than as a bar?"""
        return self.width == 0


@dataclass(frozen=True, slots=True)
class Lane:
    """`y`: of its middle."""

    label: str
    y: float
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on the scale."""

    x: float
    label: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Span:
    """From one time to another, Unix seconds; None: it is a moment. `said`: what a reader is told."""

    started: float
    finished: float | None
    means: str
    said: str


@dataclass(frozen=True, slots=True)
class Lanes:
    """What happened, on lanes over one scale of time."""

    title: str
    described: str
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    width: float
    height: float

    @classmethod
    def of(
        cls,
        title: str,
        described: str,
        rows: Sequence[tuple[str, Sequence[Span]]],
        until: float,
        width: float = 360.0,
    ) -> Lanes:
        """`rows`: label and spans. `until`: where the scale ends, Unix seconds."""
        starts = [span.started for _, spans in rows for span in spans]
        first, last = min(starts, default=until - 1), max([until, *starts])
        scale = _Scale(first, last, 8.0, width - 16.0)
        lanes = tuple(
            Lane(label, 30.0 + at * 34, tuple(_mark(span, scale) for span in spans))
            for at, (label, spans) in enumerate(rows)
        )
        return cls(title, described, lanes, scale.ticks(), width, len(rows) * 34 + 34)


def _mark(span: Span, scale: _Scale) -> Mark:
    x = scale.at(span.started)
    wide = 0.0 if span.finished is None else round(scale.at(span.finished) - x, 2)
    if wide < _NARROW:  # as a bar nobody would see what it means
        return Mark(round(x + wide / 2, 2), 0.0, span.means, span.said)
    return Mark(x, wide, span.means, span.said)


@dataclass(frozen=True, slots=True)
class Line:
    """Values over time, none below 0; the scale of values has its top at `top`."""

    title: str
    described: str
    points: tuple[tuple[float, float], ...]
    ticks: tuple[Tick, ...]
    top: str
    width: float
    height: float

    @classmethod
    def of(
        cls,
        title: str,
        described: str,
        values: Sequence[tuple[float, float]],
        top: str,
        width: float = 360.0,
    ) -> Line:
        """`values`: time in Unix seconds, and value. `top`: the largest value as text."""
        first, last = min(at for at, _ in values), max(at for at, _ in values)
        scale, most = _Scale(first, last, 8.0, width - 16.0), max(value for _, value in values) or 1.0
        points = tuple((scale.at(at), round(98 - value / most * 74, 2)) for at, value in values)
        return cls(title, described, points, scale.ticks(), top, width, 130.0)


@dataclass(frozen=True, slots=True)
class _Scale:
    """Time on an axis that begins at `left` and is `room` wide."""

    first: float
    last: float
    left: float
    room: float

    def at(self, when: float) -> float:
        long = self.last - self.first
        share = 0.5 if long <= 0 else (when - self.first) / long
        return round(self.left + min(1.0, max(0.0, share)) * self.room, 2)

    def ticks(self) -> tuple[Tick, ...]:
        """The two ends, and days or weeks between, as far as they have room."""
        words = (iso(self.first)[:16].replace("T", " "), iso(self.last)[:16].replace("T", " "))
        ends = (Tick(self.left, words[0], "start"), Tick(self.left + self.room, words[1], "end"))
        return (ends[0], *self._between(), ends[1]) if self.last > self.first else ends[:1]

    def _between(self) -> Iterator[Tick]:
        unit = next((one for one in _UNITS if (self.last - self.first) / one <= self.room / 60), None)
        if unit is None:
            return
        at = (self.first // unit + 1) * unit
        while at < self.last:
            x = self.at(at)
            if self.left + _END < x < self.left + self.room - _END:
                yield Tick(x, iso(at)[5:10] if unit >= _DAY else iso(at)[11:16])
            at += unit


def legend(means: Iterable[str]) -> list[str]:
    """What a plot needs to explain, in one order."""
    there = set(means)
    return [one for one in (GOOD, BAD, OPEN, NEUTRAL) if one in there]
