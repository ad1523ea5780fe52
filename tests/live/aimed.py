"""Races that are aimed at one rule: few logins, or more of what the rule is about.

Without the rule they find a breach within seconds; with it they find none.

Each is named as the sources without its rule are (MUTANTS of tests/edge/edge.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tests.live.contract import Found, breaches
from tests.live.crowd import Crowd, Load
from tests.live.history import DUAL, FIRST, KV, SHADOW
from tests.live.migrating import Migration
from tests.live.runtime import Racing

Aim = Callable[[Racing, Path, int, float], list[Found]]
"""Runtime, folder, seed and the most seconds; ends with the first breach."""


def _until_broken(crowd: Crowd, seconds: float, busy: Callable[[], object] = lambda: None) -> None:
    """What is under way is on no record yet, so a breach counts only when nothing is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        busy()
        time.sleep(0.3)
        if breaches(crowd.history):
            crowd.rest()
            if breaches(crowd.history):
                return
            crowd.go_on()


def strict_shadow_writes(edge: Racing, folder: Path, seed: int, seconds: float) -> list[Found]:
    """Halves of writes fail often, and few touches put back what they have read."""
    load = Load(
        clients=60, logins=20, touches=0.05, puts=0.3, updates=0.0, logouts=0.0, failing=0.3, pause=0.2
    )
    with Crowd(edge, load, seed, (DUAL, SHADOW)) as crowd:
        _until_broken(crowd, seconds)
    return breaches(crowd.history)


def tombstones(edge: Racing, folder: Path, seed: int, seconds: float) -> list[Found]:
    """Everybody logs out soon."""
    load = Load(clients=60, logins=20, puts=0.2, updates=0.1, logouts=0.2, failing=0.0, pause=0.3)
    with Crowd(edge, load, seed, (DUAL, SHADOW)) as crowd:
        _until_broken(crowd, seconds)
    return breaches(crowd.history)


def compare_and_set(edge: Racing, folder: Path, seed: int, seconds: float) -> list[Found]:
    """Many devices of few logins write at shadow-read and at object-first."""
    load = Load(clients=40, logins=8, touches=0, puts=0, updates=0, logouts=0, failing=0, pause=0.2)
    with Crowd(edge, load, seed, (SHADOW,)) as crowd:
        time.sleep(0.7)
        crowd.rest()
        assert Migration(edge, folder).disagreeing() == set(), "the gate would be shut"
        load.touches, load.puts = 1.0, 0.3
        time.sleep(2 * edge.stale)
        crowd.history.opened = time.time()
        crowd.go_on()
        crowd.roll_out(SHADOW, FIRST)
        _until_broken(crowd, seconds)
    return breaches(crowd.history)


def insert_if_absent(edge: Racing, folder: Path, seed: int, seconds: float) -> list[Found]:
    """Everything is in KV only when object-first begins, and is copied while it is read and written."""
    migration = Migration(edge, folder)
    load = Load(clients=60, logins=30, puts=0.4, updates=0.1, logouts=0.05, failing=0.0, pause=0.3)
    with Crowd(edge, load, seed, (KV,)) as crowd:
        time.sleep(1.5)
        crowd.rest()
        time.sleep(2 * edge.stale)
        crowd.history.opened = time.time()
        crowd.roll_out(FIRST)
        crowd.go_on()
        _until_broken(crowd, seconds, lambda: migration.run("export", "--fresh", codes=(0, 1, 3)))
        crowd.rest()
    return breaches(crowd.history)


def expirations(edge: Racing, folder: Path, seed: int, seconds: float) -> list[Found]:
    """Sessions end within seconds, many of them before the next request, and KV keeps them for a minute."""
    load = Load(clients=60, logins=40, puts=0.1, updates=0.1, failing=0.0, pause=6.0, lives=(1, 2))
    with Crowd(edge, load, seed, (DUAL, SHADOW)) as crowd:
        _until_broken(crowd, seconds)
    return breaches(crowd.history)


AIMED: dict[str, Aim] = {
    "LAX": strict_shadow_writes,
    "FORGETTING": tombstones,
    "UNCOMPARED": compare_and_set,
    "OVERWRITING": insert_if_absent,
    "UNENDING": expirations,
}
