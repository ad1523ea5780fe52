"""How far something is at one moment: the numbers, as a line for people and as an object for programs.

One JSON object a line (`kvferry/progress`, schemas/progress.v1.json): what `--progress json` writes.
Neither form holds a key or a value.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from migrate.core.document import Document
from migrate.formats.figures import clean, count, duration, plural, rate


@dataclass(frozen=True, slots=True)
class Standing:
    """`done` of `total` (None: unknown) of a task; `before` of them by an earlier process.

    `seconds`: since this process began it. `waiting`: why nothing moves, "" when it does.
    """

    task: str
    unit: str
    done: int
    total: int | None
    before: int
    seconds: float
    waiting: str

    @property
    def rate(self) -> float:
        """How many a second this process has done."""
        return (self.done - self.before) / self.seconds if self.seconds > 0 else 0.0

    @property
    def left(self) -> float | None:
        """Seconds until the end, if it goes on like this; None: nobody knows."""
        if self.total is None or self.rate <= 0 or self.total <= self.done:
            return None
        return (self.total - self.done) / self.rate

    def line(self) -> str:
        """For people."""
        of = f" of {count(self.total)} ({100 * self.done // self.total} %)" if self.total else ""
        parts = [f"{self.task}: {plural(self.done, self.unit)}{of}", rate(self.rate)]
        if self.left is not None:
            parts.append(f"{duration(self.left)} left")
        if self.waiting:
            parts.append(f"waiting: {self.waiting}")
        return ", ".join(parts)

    def event(self, what: str, at: float) -> str:
        """For programs; `what`: start, progress or end. `at`: Unix seconds."""
        numbers = {
            "task": self.task,
            "unit": self.unit,
            "done": self.done,
            "total": self.total,
            "resumed_from": self.before,
            "seconds": round(self.seconds, 3),
            "rate": round(self.rate, 3),
            "left": None if self.left is None else round(self.left, 3),
            "waiting": self.waiting or None,
        }
        return _object(what, at, numbers)


def note(text: str, at: float) -> str:
    """A line that is not about numbers, for programs."""
    return _object("note", at, {"text": clean(text)})


def failure(message: str, hint: str, code: int, at: float) -> str:
    """How a command failed, for programs."""
    return _object("error", at, {"text": clean(message), "hint": clean(hint) or None, "exit": code})


def _object(event: str, at: float, more: Document) -> str:
    head = {"schema": "kvferry/progress", "version": 1, "event": event, "at": round(at, 3)}
    return json.dumps(head | more, ensure_ascii=False, allow_nan=False)
