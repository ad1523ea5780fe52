"""Keeps the rehearsal's time: lets minutes pass as seconds, for everybody alike.

The clock moves on in steps. Before each of them everybody pauses until nothing is under way, so that no
request, and no half of a write, ever sees it jump; between two steps all go on in real time, and those who
are busy make a request at least.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from tests.rehearsal.ahead import Ahead

_SHORT, _LONG = 5.0, 150.0
"""Seconds of a step: of a wait for H, and of a longer one."""
_WAIT = 300.0
"""Seconds of the longest wait for H."""


class Pausing(Protocol):
    """Whoever uses the application."""

    def rest(self) -> None:
        """Pause; returns when nothing is under way."""

    def go_on(self) -> None:
        """After a rest."""

    def wait_for_the_busy(self) -> None:
        """Returns when everybody who is busy has used it since then."""


class Nobody:
    """Nobody uses it yet."""

    def rest(self) -> None:
        """Nothing is under way."""

    def go_on(self) -> None:
        """Nothing was."""

    def wait_for_the_busy(self) -> None:
        """Nobody is."""


class Keeper:
    """`tell` is given how far ahead the clock is, whenever it has moved on. `between`: real seconds between
    two steps. Used as a context; `port` is where commands ask."""

    def __init__(self, file: Path, tell: Callable[[float], None], between: float) -> None:
        self.file = file
        self.users: Pausing = Nobody()
        self.step: float | None = None
        """Seconds, where all steps are to have the same length."""
        self.steps = 0
        """Made so far."""
        self._ahead, self._tell, self._between = Ahead(file), tell, between
        self._lock = threading.Lock()
        keeper = self

        class Asked(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                keeper.let_pass(float(self.path[1:]))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Asked)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.port: int = self._server.server_address[1]

    def now(self) -> float:
        """Unix seconds."""
        return time.time() + self._ahead.seconds

    @property
    def ahead(self) -> float:
        """Seconds."""
        return self._ahead.seconds

    def let_pass(self, seconds: float) -> None:
        """Return when it is so much later, for everybody."""
        until = self.now() + seconds
        longest = self.step or (_SHORT if seconds <= _WAIT else _LONG)
        while (left := until - self.now()) > 0:
            with self._lock:
                self.users.rest()
                try:
                    self._ahead.seconds += min(left, longest)
                    self._tell(self._ahead.seconds)
                    self.steps += 1
                finally:
                    self.users.go_on()
                time.sleep(min(self._between, longest / 50))
                self.users.wait_for_the_busy()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
