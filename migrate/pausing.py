"""What an operator says by touching files beside the ledger: `pause`, and `stop`.

    touch .kvferry/pause     work stands still behind what is committed, until the file is gone
    touch .kvferry/stop      work ends as an interrupt would end it, and none begins while it is there

Both are states and no messages: nothing here removes them, so every process that works beside this
ledger heeds them, and whoever touched one takes it away. A process that stands still is what it
would be if the machine had slept: leases are renewed by their own threads, and what had been read
too long ago is refused by its not-after time and read again.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from migrate.core.document import iso
from migrate.core.ports import Clock
from migrate.errors import ConfigError, Stopped
from migrate.formats.figures import duration

PAUSE, STOP = "pause", "stop"

PERIOD = 0.5
"""Seconds between two looks at the files."""

GRACE = 5.0
"""Seconds that work has to reach a safe point before `stop` interrupts it, in a long wait say."""


@dataclass(slots=True)
class Pausing:
    """The two files of one folder. `say` shows a line, `waiting` why nothing moves (None: it does)."""

    folder: Path
    clock: Clock
    say: Callable[[str], None]
    waiting: Callable[[str | None], None]
    _ended: threading.Event = field(default_factory=threading.Event)

    @property
    def _stop(self) -> Path:
        return self.folder / STOP

    def pass_by(self) -> None:
        """A safe point: what was done is committed. Stands still while there is a `pause`.

        Raises Stopped when there is a `stop`.
        """
        self._heed_stop()
        pause = self.folder / PAUSE
        if not pause.exists():
            return
        began = self.clock.monotonic()
        self.say(f"paused: {pause} is there; remove it to go on")
        self.waiting("paused")
        while pause.exists():
            self.clock.sleep(PERIOD)
            self._heed_stop()
        self.waiting(None)
        self.say(f"{pause} is gone: going on after {duration(self.clock.monotonic() - began)}")

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """While something is at work: an interrupt that `stop` brought is raised as Stopped.

        Raises ConfigError when a `stop` is there already: whoever left it is asked first.
        """
        with contextlib.suppress(FileNotFoundError):
            since = iso(self._stop.stat().st_mtime)
            raise ConfigError(
                f"{self._stop} is there, since {since}: nothing was begun",
                "remove it, then run the same command again",
            )
        if threading.current_thread() is threading.main_thread():
            threading.Thread(target=self._watch, name="stop", daemon=True).start()
        try:
            yield
        except Stopped:
            raise
        except KeyboardInterrupt:
            self._heed_stop()
            raise
        finally:
            self._ended.set()

    def _heed_stop(self) -> None:
        if self._stop.exists():
            raise Stopped(str(self._stop))

    def _watch(self) -> None:
        """Interrupt the main thread when it has not come to a safe point: it may wait for minutes."""
        while not self._ended.wait(PERIOD):
            if self._stop.exists() and not self._ended.wait(GRACE) and self._stop.exists():
                main = threading.main_thread().ident
                assert main is not None
                signal.pthread_kill(main, signal.SIGINT)
                return
