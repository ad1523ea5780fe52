"""Rehearsals of whole migrations with everybody busy, and what they find where a rule is missing.

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
from tests.live.contract import breaches
from tests.rehearsal.runtime import Runtime
from tests.rehearsal.walks import WALKS, Course, Pace, hasty, logging_out, walking

CLIENTS = 200
_BROKEN: dict[str, tuple[str, Course]] = {
    # what is missing -> the sources, and the walk that must go wrong without it
    "tombstones": ("FORGETTING", logging_out),
    "obeying tombstones": ("DISOBEYING", logging_out),
    "the gate": ("EDGE", hasty),
}


def claims(folder: Path, *, quick: bool) -> Iterator[Claim]:
    """Nothing is wrong in whole walks; without a rule something is."""
    seed = int(time.time())
    for name, course in WALKS.items():
        began = time.monotonic()
        # A request a second from each of them, as long as the first gate's verify settles.
        found, errors = _walked(folder, seed, course, Pace(CLIENTS, 10 if quick else CLIENTS))
        yield Claim(f"breaches in the walk {name}, seed {seed}", "reads", found, most=0)
        yield Claim("  errors", "answers", errors, most=0)
        yield Claim("  it took", "s", time.monotonic() - began)
    for rule, (build, course) in _BROKEN.items():
        found, _ = _walked(folder, seed, course, Pace(), build)
        yield Claim(f"breaches without {rule}, seed {seed}", "reads", found, least=1)


def _walked(folder: Path, seed: int, course: Course, pace: Pace, build: str = "EDGE") -> tuple[int, int]:
    """How many reads were wrong, and how many answers an error."""
    with (
        tempfile.TemporaryDirectory(dir=folder) as place,
        tempfile.TemporaryDirectory() as checkout,
        Runtime(Path(place), build=build) as edge,
        walking(edge, Path(checkout), seed, pace) as walk,
    ):
        course(walk)
    users = walk.users
    if users.failures:
        raise Failed(f"a client failed: {users.failures[0]!r}")
    found = breaches(users.history)
    if found and build == "EDGE" and course in WALKS.values():
        print(f"{found[0].breach.value}: {found[0].read}", file=sys.stderr)
    return len(found), users.errors.total()
