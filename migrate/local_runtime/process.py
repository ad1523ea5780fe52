"""A program in a process group of its own that ends, with everything it started, when we do.

Standard input of the group's first process is a pipe whose other end only we hold. When it closes, for
whatever reason, kill -9 of this process included, the whole group is killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_LEASH = 'exec 3<&0; (cat <&3 >/dev/null; kill -KILL 0) & exec "$@" </dev/null 3<&-'
_GRACE = 5.0


class Leashed:
    """A running program; `log` gets both of its outputs, and is readable to its owner only."""

    def __init__(self, words: Sequence[str], *, folder: Path, environ: Mapping[str, str], log: Path) -> None:
        written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - whoever calls says what
                ["/bin/sh", "-c", _LEASH, "sh", *words],
                cwd=folder,
                env=dict(environ),
                stdin=subprocess.PIPE,
                stdout=written,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C of the terminal's is ours alone
            )
        finally:
            os.close(written)
        self._log = log
        self._ended = False

    @property
    def group(self) -> int:
        """The process group that it and all its children are in."""
        return self._process.pid

    def running(self) -> bool:
        """Has its first process not ended?"""
        return self._process.poll() is None

    def said(self, lines: int) -> str:
        """The last lines that it wrote."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    def end(self, grace: float = _GRACE) -> None:
        """Ask it to end, wait for `grace` seconds, then kill what is left of the group. Idempotent."""
        if not self._ended:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(grace)
        self.kill()

    def kill(self) -> None:
        """Kill the whole group at once. Idempotent: a group of that number may be another's by then."""
        if self._ended:
            return
        self._ended = True
        with suppress(ProcessLookupError):
            os.killpg(self.group, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
