"""Times whole processes from outside: wall time, CPU time, and peak memory.

The peak of a child counts what it shared with its parent before it became another program, so the
benchmark itself stays small: it streams, and imports little.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]


class Failed(Exception):
    """A measured process did not do what it was measured for."""


@dataclass(frozen=True, slots=True)
class Timed:
    """One process: seconds of wall and CPU time, peak memory in MB (10^6 bytes), what it printed."""

    wall: float
    cpu: float
    peak: float
    output: str


def run(
    command: Sequence[str | Path],
    *,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    code: int = 0,
) -> Timed:
    """Run a command in `folder` (its temporary files go there too) to its end. Raises Failed."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.monotonic()
        process = start(command, folder=folder, environment=environment, out=out.fileno(), err=err.fileno())
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode != code:
            raise Failed(f"{command[0]} {command[1]} ended with {process.returncode}: {_tail(err.read())}")
        return Timed(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6, out.read().decode())


def start(
    command: Sequence[str | Path],
    *,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    out: int = subprocess.DEVNULL,
    err: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a command in `folder`, with its temporary files there too."""
    given = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT), **(environment or {})}
    given.pop("PYTHONDONTWRITEBYTECODE", None)  # whatever is installed has its bytecode beside it
    return subprocess.Popen(command, cwd=folder, env=given, stdin=subprocess.DEVNULL, stdout=out, stderr=err)


def _tail(errors: bytes) -> str:
    return errors.decode(errors="replace").strip()[-600:]
