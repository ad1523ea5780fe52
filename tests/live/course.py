"""The course of a whole race: all stages forwards and back, while export and verify run, and kills.

Nothing of it is scripted but the roll-outs.
"""

from __future__ import annotations

import time
from pathlib import Path

from tests.live.crowd import Crowd, Load
from tests.live.history import DUAL, FIRST, KV, ONLY, SHADOW
from tests.live.migrating import Migration
from tests.live.runtime import Racing


def race(edge: Racing, folder: Path, seed: int, load: Load, pace: float) -> Crowd:
    """The whole way; `pace`: seconds in which a stage is used."""
    migration = Migration(edge, folder)
    with Crowd(edge, load, seed, (KV,)) as crowd:
        time.sleep(pace)
        migration.killed()
        crowd.roll_out(KV, DUAL)
        time.sleep(pace)
        crowd.roll_out(DUAL)
        export, verify = migration.begin("export"), migration.begin("verify")
        time.sleep(pace)
        crowd.roll_out(DUAL, SHADOW)
        time.sleep(pace)
        edge.kill()
        edge.start()
        assert migration.end(export, 0, 1, 3).get("balanced", True)
        migration.end(verify, 0, 1, 3)
        crowd.roll_out(SHADOW)
        open_the_gate(crowd, migration)
        export = migration.begin("export")
        forwards_and_back(crowd, edge, pace)
        migration.end(export, 0, 1, 3)
        crowd.rest()
    return crowd


def open_the_gate(crowd: Crowd, migration: Migration) -> None:
    """Sweep until the stores agree, raise the fence, verify."""
    crowd.rest()
    time.sleep(migration.horizon)
    assert clean(migration) == (not migration.disagreeing())
    migration.run("export", codes=(0, 1))
    migration.bury()
    migration.fence()
    assert clean(migration)
    assert migration.disagreeing() == set()
    crowd.history.opened = time.time()
    crowd.go_on()


def clean(migration: Migration) -> bool:
    """A verify's verdict; again when a session ended in the middle of it."""
    for _ in range(5):
        code = migration.run("verify", "--fresh", codes=(0, 1, 3))["exit"]
        if code != 3:
            return bool(code == 0)
    raise AssertionError("no verify comes to a verdict")


def forwards_and_back(crowd: Crowd, edge: Racing, pace: float) -> None:
    """On to object-only, back to shadow-read, and on again; the runtime is killed where both are live."""
    alone = 0.0
    for stages in (
        (SHADOW, FIRST),
        (FIRST,),
        (FIRST, ONLY),
        (ONLY,),
        (ONLY, FIRST),
        (FIRST,),
        (FIRST, SHADOW),
        (SHADOW,),
        (SHADOW, FIRST),
        (FIRST,),
        (FIRST, ONLY),
    ):
        if alone and SHADOW in stages:
            crowd.history.alone.append((alone, time.time()))
            alone = 0.0
        crowd.roll_out(*stages)
        if not alone and SHADOW not in stages:
            alone = time.time()
        time.sleep(pace / 2)
        if stages == (FIRST, SHADOW):
            edge.kill()
            edge.start()
            time.sleep(pace / 2)
    crowd.history.alone.append((alone, time.time()))
