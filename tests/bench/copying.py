"""Copies a dump in a process that has copied another one before, and says how long each step took.

python -m tests.bench.copying FEW DUMP TARGET LEDGER [verify]

What is timed is the call, from the opening of both stores to the report; its modules are imported by then,
its Worker has run, and the disk has taken what came before. Prints one JSON object: seconds and sessions.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from migrate import runner
from migrate.clock import SystemClock
from migrate.errors import Exit
from migrate.opening import Settings


def main(few: str, dump: str, target: str, ledger: str, *more: str) -> None:
    """Export the few, export the dump, and verify it if `more` says so."""
    settings = Settings(clock=SystemClock(), ledger=Path(ledger))
    began = time.monotonic()
    runner.export(f"dump:{few}", target, settings=settings)
    warm = time.monotonic() - began
    os.sync()
    used, began = time.process_time(), time.monotonic()
    ended = runner.export(f"dump:{dump}", target, settings=settings)
    seconds = time.monotonic() - began
    said = {"warm": warm, "export": seconds, "cpu": time.process_time() - used}
    said["copied"] = ended.document["tally"]["copied"] if ended.exit is Exit.CLEAN else 0
    if more:
        began = time.monotonic()
        ended = runner.verify(f"dump:{dump}", target, settings=settings)
        said["verify"] = time.monotonic() - began
        said["equal"] = ended.document["classes"]["equal"]["keys"]
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
