"""Races for longer than the tests have time: whole ones, and those that are aimed at one rule.

Every line names its seed, which says what clients do; how they meet is chance.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.claims import Claim
from tests.bench.timing import Failed
from tests.live.aimed import AIMED
from tests.live.contract import breaches
from tests.live.course import race
from tests.live.crowd import Load
from tests.live.runtime import Racing

PACE = 3.0
SECONDS = 20.0


def claims(folder: Path, *, quick: bool, rounds: int) -> Iterator[Claim]:
    """No breach in whole races and in aimed ones; without the rule that it is aimed at, at least one."""
    first = int(time.time())
    for seed in range(first, first + rounds):
        yield from _whole(folder, seed, pace=PACE / 5 if quick else PACE)
    for number, (build, aimed) in enumerate(AIMED.items()):
        seed, rule = first + number, aimed.__name__.replace("_", " ")
        for made_of, least, most in ((build, 1, None), ("EDGE", None, 0)):
            seconds = SECONDS if least or not quick else SECONDS / 4
            with (
                tempfile.TemporaryDirectory(dir=folder) as place,
                tempfile.TemporaryDirectory() as ledger,
                Racing(Path(place), build=made_of) as edge,
            ):
                found = aimed(edge, Path(ledger), seed, seconds)
            name = f"breaches {'without' if least else 'with'} {rule}, seed {seed}"
            yield Claim(name, "reads", len(found), least=least, most=most)


def _whole(folder: Path, seed: int, pace: float) -> Iterator[Claim]:
    with (
        tempfile.TemporaryDirectory(dir=folder) as place,
        tempfile.TemporaryDirectory() as ledger,
        Racing(Path(place), isolates=3) as edge,
    ):
        crowd = race(edge, Path(ledger), seed, Load(logins=90), pace)
    if crowd.failures:
        raise Failed(f"a client failed: {crowd.failures[0]!r}")
    found = breaches(crowd.history)
    if found:
        file = Path(tempfile.gettempdir()) / f"kvferry-race-{seed}.ndjson"
        crowd.history.save(file, {one.read.session for one in found})
        print(f"{found[0].breach.value}: {found[0].read}; all of these sessions: {file}", file=sys.stderr)
    yield Claim(f"breaches in a whole race, seed {seed}", "reads", len(found), most=0)
    yield Claim("  operations", "ops", len(crowd.history.operations), least=1000)
