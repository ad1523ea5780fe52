"""What the demonstration shows: lines, and on a terminal below them one table that is drawn in place.

Where standard output is no terminal, or a small or a dumb one, or NO_COLOR is set, there are only the
lines, one for each step, and the table once at the end.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import IO

_UP_AND_CLEAR = "\x1b[{}A\x1b[J"
_LEAST_WIDTH = 80


class Screen:
    """Lines, and from the first `refresh` on a table. `table`: gives its lines, at every drawing.

    Any thread may call.
    """

    def __init__(
        self,
        stream: IO[str],
        table: Callable[[], Sequence[str]],
        environ: Mapping[str, str] = os.environ,
        size: Callable[[], os.terminal_size] = shutil.get_terminal_size,
    ) -> None:
        self._stream = stream
        self._table = table
        self._size = size
        self._lock = threading.Lock()
        self._drawn = 0  # lines
        self._begun = self._ended = False
        plain = environ.get("TERM", "dumb") == "dumb" or bool(environ.get("NO_COLOR"))
        self._in_place = stream.isatty() and not plain

    def say(self, *lines: str) -> None:
        """Lines that stay, above the table."""
        with self._lock:
            self._erase()
            self._stream.writelines(f"{line}\n" for line in lines)
            self._draw()

    def refresh(self) -> None:
        """Draw the table as it is now."""
        with self._lock:
            self._begun = True
            self._erase()
            self._draw()

    def close(self) -> None:
        """The table for the last time; it stays. Lines may follow. May be called twice."""
        with self._lock:
            if not self._ended:
                self._ended = True
                self._erase()
                self._stream.write("\n".join(["", *self._table(), ""]) + "\n")
                self._stream.flush()

    def _erase(self) -> None:
        if self._drawn:
            self._stream.write(_UP_AND_CLEAR.format(self._drawn))
            self._drawn = 0

    def _draw(self) -> None:
        if self._in_place and self._begun and not self._ended:
            lines = self._table()
            width, height = self._size()
            if width >= _LEAST_WIDTH and height > len(lines):
                self._stream.write("\n".join(lines) + "\n")
                self._drawn = len(lines)
        self._stream.flush()
