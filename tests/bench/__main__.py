"""Runs the benchmarks and prints one line per claim; exit 1 when one of them fails.

make bench
python -m tests.bench --quick --only rest --folder /mnt/disk --tmpfs /dev/shm
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench import accuracy, bulk, rest, searching, startup
from tests.bench.claims import HEADER, Claim, row
from tests.bench.timing import Failed

TMPFS = Path("/dev/shm")
_GROUPS = (
    *("startup", "accuracy", "audit", "bulk", "rest", "edge", "live"),
    *("races", "rehearsal", "walks", "walks-sqlite"),
)


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small, once; ratios are only reported")
    parser.add_argument("--only", choices=_GROUPS, action="append", help="repeatable")
    parser.add_argument("--rounds", type=int, default=None, help="of which the median counts (default 3)")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="on disk")
    parser.add_argument("--tmpfs", type=Path, default=TMPFS, help="in memory; skipped when it is not there")
    return parser.parse_args(arguments)


def measure(options: argparse.Namespace, disk: Path, memory: Path | None) -> Iterator[Claim]:
    """All claims that were asked for, as they become known."""
    rounds = options.rounds or (1 if options.quick else 3)
    wanted = options.only or _GROUPS
    if "startup" in wanted:
        yield from startup.claims(disk, rounds=5 * rounds)
    if "audit" in wanted:
        yield from searching.claims(disk, quick=options.quick, rounds=rounds)
    if "accuracy" in wanted:
        yield from accuracy.claims(disk)
    if "bulk" in wanted:
        yield from bulk.claims(disk, memory, quick=options.quick, rounds=rounds)
    if "rest" in wanted:
        yield from rest.claims(disk, quick=options.quick, rounds=rounds)
    if "edge" in wanted:
        from tests.bench import edge  # what it imports would count as memory of the others' children

        yield from edge.claims(disk, memory, quick=options.quick, rounds=rounds)
    if "live" in wanted:
        from tests.bench import live

        yield from live.claims(memory or disk, quick=options.quick, rounds=rounds)
    yield from chance(options, memory or disk, rounds)


def chance(options: argparse.Namespace, folder: Path, rounds: int) -> Iterator[Claim]:
    """What chance leads to, for longer than the tests have time."""
    wanted = options.only or _GROUPS
    if "walks" in wanted:
        from tests.bench import batches

        yield from batches.claims(folder, quick=options.quick)
    if "races" in wanted:
        from tests.bench import races

        yield from races.claims(folder, quick=options.quick, rounds=rounds)
    if "rehearsal" in wanted:
        from tests.bench import rehearsing

        yield from rehearsing.claims(folder, quick=options.quick)
    if "walks-sqlite" in wanted:
        from tests.bench import walking

        yield from walking.claims(folder, quick=options.quick)


def main() -> int:
    """Measure in folders that are removed afterwards."""
    options = parse(sys.argv[1:])
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(row(HEADER), flush=True)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="kvferry-bench-", dir=options.folder) as disk:
        memory = options.tmpfs if options.tmpfs.is_dir() else None
        with tempfile.TemporaryDirectory(prefix="kvferry-bench-", dir=memory or disk) as shared:
            for claim in measure(options, Path(disk), Path(shared) if memory else None):
                failed += not claim.holds
                print(claim.line(), flush=True)
    print(f"claims that fail: {failed}" if failed else "every claim holds")
    return 1 if failed else 0


try:
    sys.exit(main())
except Failed as error:
    sys.exit(f"not measured: {error}")
