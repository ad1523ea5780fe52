"""The command line by the rehearsal's clock: `python -m tests.rehearsal.kvferry FILE PORT COMMAND …`.

It is kvferry's own, all of it, but for the clock: that is ahead of the machine's by what FILE says, and
whoever waits asks the rehearsal, at PORT, to let the time pass for everybody.
"""

from __future__ import annotations

import http.client
import sys
import time
from pathlib import Path

import migrate.clock
from migrate.errors import StoreUnavailable
from tests.rehearsal.ahead import Ahead

_BLINK = 0.5
"""Seconds that are waited for as ever."""


class Rehearsed(migrate.clock.SystemClock):
    """The machine's time, and then some."""

    ahead: Ahead
    port: int

    def now(self) -> float:
        return time.time() + self.ahead.seconds

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead.seconds

    def sleep(self, seconds: float) -> None:
        until = self.monotonic() + seconds
        while (left := until - self.monotonic()) > 0:
            if self._stopped.is_set() or left <= _BLINK:
                super().sleep(left)
                continue
            self._pass(left)
        if self._stopped.is_set():
            raise StoreUnavailable("stopped while waiting", "run the same command again: it resumes")

    def _pass(self, seconds: float) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=900)
        try:
            connection.request("POST", f"/{seconds}")
            connection.getresponse().read()
        finally:
            connection.close()


def main() -> None:
    """Take the clock's two words off the command line, and go on as kvferry does."""
    _, file, port, *words = sys.argv
    Rehearsed.ahead, Rehearsed.port = Ahead(Path(file)), int(port)
    migrate.clock.SystemClock = Rehearsed
    sys.argv = ["kvferry", *words]
    from migrate.main import main as kvferry

    kvferry()


if __name__ == "__main__":
    main()
