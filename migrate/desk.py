"""What a running command has on its desk: ledger, stores, progress, and how it ended."""

from __future__ import annotations

import contextlib
import getpass
import io
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from migrate.core.document import Document
from migrate.core.ports import (
    Claim,
    Quarantined,
)
from migrate.core.record import Key
from migrate.errors import Exit, MigrateError
from migrate.formats.progress import Progress
from migrate.ledger.ledger import Ledger
from migrate.opening import Opener, Settings
from migrate.pausing import Pausing

SAMPLES = 20
"""How many keys of a kind a report names."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its report, its exit code, and the error that stopped it, if one did."""

    document: Document
    exit: Exit
    error: MigrateError | None = None


@dataclass(slots=True)
class Waits:
    """How long requests waited, and why; overlapping waits of several threads count once.

    `pausing`: the operator's files, which make the work itself wait.
    """

    settings: Settings
    progress: Progress
    pausing: Pausing
    seconds: float = 0.0
    _until: float = 0.0

    def heard(self, cause: str, seconds: float) -> None:
        """A request begins to wait."""
        now = self.settings.clock.monotonic()
        until = now + seconds
        self.seconds += max(0.0, until - max(now, self._until))
        self._until = max(self._until, until)
        if seconds >= 1.0:
            self.progress.throttled(cause)

    def over(self) -> None:
        """Something was done and is committed: take the cause from the progress line, if the wait is
        over, and stand still while the operator wants it. Raises Stopped.

        Every loop passes here, in the thread that has begun it, with nothing in hand that must be saved.
        """
        if self.settings.clock.monotonic() >= self._until:
            self.progress.throttled(None)
        self.pausing.pass_by()


@dataclass(slots=True)
class Desk:
    """What both commands have open while they work."""

    settings: Settings
    progress: Progress
    ledger: Ledger
    waits: Waits
    opener: Opener
    started: float
    failed: list[Quarantined] = field(default_factory=list)

    def note_failed(self, key: Key, reason: str) -> None:
        """Keep the first few keys that failed, for the report."""
        if len(self.failed) < SAMPLES:
            self.failed.append(Quarantined(key, reason))

    @contextlib.contextmanager
    def apart(self) -> Iterator[Desk]:
        """The same desk with stores of its own, which are closed behind it: for what is asked again and again
        while a command works for hours."""
        with contextlib.closing(Opener(self.settings, self.ledger, self.waits.heard)) as opener:
            yield replace(self, opener=opener)


@contextlib.contextmanager
def desk_of(settings: Settings, progress: Progress | None) -> Iterator[Desk]:
    """Open the ledger, and close it and every store at the end.

    The files beside the ledger are heeded (`migrate.pausing`). Raises ConfigError when one says stop.
    """
    shown = progress or Progress(io.StringIO(), settings.clock, quiet=True)
    pausing = Pausing(settings.ledger.parent, settings.clock, shown.say, shown.throttled)
    with contextlib.ExitStack() as stack:
        stack.enter_context(pausing.watched())
        pausing.pass_by()
        ledger = stack.enter_context(Ledger.open(settings.ledger, clock=settings.clock))
        waits = Waits(settings, shown, pausing)
        opener = Opener(settings, ledger, waits.heard, shown.say)
        stack.callback(opener.close)
        stack.enter_context(shown)
        yield Desk(settings, shown, ledger, waits, opener, settings.clock.now())


def claim(ledger: Ledger) -> Claim:
    """Who asks for the lease: this operator's ledger, on this machine, in this process."""
    host = socket.gethostname()
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"user {os.getuid()}"
    return Claim(ledger.token, f"{user}@{host}", host, os.getpid())
