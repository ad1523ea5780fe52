"""The walks of the rehearsal: whole migrations by the runbooks, one command after the other.

The application is used all the time. A walk fails where a command ends otherwise than it should, or a door
does not open; what clients saw is judged afterwards, by `tests.live.contract`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from migrate.core.document import Document
from tests.edge.edge import PREFIX
from tests.live.history import DUAL, FIRST, KV, ONLY, SHADOW
from tests.rehearsal.operator import MINUTE, Operator, unmet
from tests.rehearsal.runtime import Runtime
from tests.rehearsal.users import Use, Users

H = 2 * MINUTE
STEADY = 16 * MINUTE
"""A quarter of an hour, and until the last heartbeat of the stage before is that old."""
LEASE = 5 * MINUTE + 30
LONGEST = 7100
"""Seconds that a session lives after it was touched."""


@dataclass(slots=True)
class Pace:
    """`busy`: how many clients make a request every second while the first gate's verify settles."""

    clients: int = 200
    busy: int = 10


@dataclass(slots=True)
class Walk:
    """What a walk needs, and what it leaves: `doors` by name, the words that they were answered with."""

    edge: Runtime
    users: Users
    operator: Operator
    pace: Pace
    doors: dict[str, list[str]]

    def asked(self, door: str) -> Document:
        """A verdict, which is noted."""
        verdict = self.operator.gate(door)
        self.doors.setdefault(door, []).append(verdict["verdict"])
        return verdict

    def opens(self, door: str) -> None:
        """A verdict that must be open."""
        assert unmet(self.asked(door)) == {}

    @contextmanager
    def hurry(self) -> Iterator[None]:
        """Some make a request every second, by the rehearsal's clock."""
        keeper, load = self.edge.keeper, self.users.load
        load.busy, keeper.step = self.pace.busy, 1.0
        yield
        load.busy, keeper.step = 0, None


Course = Callable[[Walk], None]
"""Walks the whole way."""


@contextmanager
def walking(edge: Runtime, folder: Path, seed: int, pace: Pace) -> Iterator[Walk]:
    """The application in use, at the stage `kv`, and an operator beside it."""
    use = Use(
        clients=pace.clients,
        logins=max(pace.clients * 3 // 4, pace.busy),  # where all are busy, each has a session
        puts=0.1,
        updates=0.08,
        logouts=0.02,
        failing=0.0,
        pause=6.0,
        lives=(4000, LONGEST),
        marked=max(100, pace.busy),
    )
    with Users(edge, use, seed) as users:
        users.history.coalesced = 300.0
        edge.keeper.users = users
        walk = Walk(edge, users, Operator(edge, users, folder), pace, {})
        walk.operator.wait(H)
        yield walk
        time.sleep(0.5)


def whole(walk: Walk) -> None:
    """From `kv` to the end."""
    foreign = PREFIX + "foreign"
    walk.edge.put(foreign, "of the application before the session store", LONGEST)
    to_shadow_read(walk)
    first_door(walk, foreign)
    open_the_first_door(walk)
    assert walk.doors["object-first"] == ["unproven", "shut", "open"]
    to_object_only(walk)
    the_end(walk)


def to_shadow_read(walk: Walk) -> None:
    """Dual-write everywhere, an export, shadow-read everywhere."""
    operator, edge = walk.operator, walk.edge

    def logout() -> None:
        """By the version at `kv`, so that KV alone hears of it: nobody in the crowd is there any more."""
        edge.do(DUAL, "create", "logged-out")
        edge.do(KV, "delete", "logged-out")

    operator.deploy(DUAL, logout)
    operator.wait(H)
    operator.export()
    operator.deploy(SHADOW)
    operator.wait(STEADY)


def first_door(walk: Walk, foreign: str) -> None:
    """Unproven; then shut by what KV alone was told: a logout, and a write past the session store."""
    operator = walk.operator
    assert walk.asked("object-first")["verdict"] == "unproven"
    walk.edge.put(foreign, "of a job that nobody knew of", LONGEST)
    operator.wait(MINUTE)  # a verify may be shown what KV had before
    classes = operator.verify(SHADOW, "--fence", codes=(1,))["classes"]
    assert (classes["value"]["settled"], classes["extra"]["settled"] > 0) == (1, True)
    shut = {name for name, standing in unmet(walk.asked("object-first")).items() if standing == "failed"}
    assert shut == {"stores-agree", "no-foreign-writer", "nothing-that-kv-lacks"}
    operator.export("--lift-fence")
    operator.twice("repair", "--tombstone-deleted")


def open_the_first_door(walk: Walk) -> None:
    """By a verify during which some make a request every second."""
    operator = walk.operator
    operator.wait(LEASE)
    began, before = walk.edge.now(), walk.edge.keeper.steps
    with walk.hurry():
        # Again where a session without the store's mark was written all the time; at most twice.
        for codes in ((0, 3), (0, 3), (0,)):
            if operator.verify(SHADOW, "--fence", codes=codes)["exit"] == 0:
                break
        assert walk.edge.now() - began >= H
    steps = walk.edge.keeper.steps - before
    for client in range(walk.pace.busy):
        assert walk.users.touches(client, since=began) >= steps * 0.8, "somebody was not busy"
    walk.opens("object-first")
    walk.users.history.opened = walk.edge.now()


def to_object_only(walk: Walk) -> None:
    """Object-first for as long as the longest session lives, then object-only."""
    operator = walk.operator
    operator.deploy(FIRST)
    began = walk.edge.now()
    operator.wait(STEADY)
    assert "stage-everywhere" in unmet(walk.asked("object-only")), "it was not for the whole window"
    operator.wait(LONGEST)
    operator.verify(FIRST)
    walk.opens("object-only")
    operator.deploy(ONLY)
    walk.users.history.alone.append((began, float("inf")))


def the_end(walk: Walk) -> None:
    """KV is quiet, the migration is finished, and nothing is copied any more."""
    operator = walk.operator
    operator.wait(STEADY)
    assert unmet(walk.asked("cleanup")) == {"kv-quiet": "unproven"}
    operator.wait(H)
    walk.opens("cleanup")
    operator.kvferry("gate", "--for", "cleanup", "--evidence", str(operator.evidence()), "--quiet")
    dry, done = operator.twice("finish")
    assert "with --execute" in dry
    assert "finished" in done
    assert "finished" in operator.refused("export")
    operator.twice("cleanup")
    assert walk.edge.listed() == []
    assert operator.report()
    operator.wait(MINUTE)


def from_the_middle(walk: Walk) -> None:
    """An application that has written both stores by itself, and renewals to KV only: KV is right."""
    operator, edge = walk.operator, walk.edge
    for session in ("renewed", "logged-out"):
        edge.do(KV, "create", session)
    operator.wait(H)
    assert edge.plant() > walk.pace.clients / 4
    edge.do(KV, "put", "renewed", 1)  # nobody in the crowd has these: what comes of them is known
    edge.do(KV, "delete", "logged-out")
    operator.wait(H)
    operator.deploy(DUAL)
    operator.wait(H)
    operator.export()
    unsaid = operator.export()  # the second one has met the rows before
    assert unsaid["tally"]["legacy"] > 0
    assert "--authority kv or --authority target" in unsaid["note"]
    operator.configure('authority = "kv"')
    operator.export("--sweeps", "2")
    operator.deploy(SHADOW)
    operator.wait(STEADY)
    assert walk.asked("object-first")["verdict"] == "unproven"
    forwards(walk)
    assert edge.row("renewed")["origin"] == "copy"
    assert edge.row("logged-out")["tombstone"] is not None
    to_object_only(walk)
    the_end(walk)


def back_and_forth(walk: Walk) -> None:
    """Back from object-first to dual-write, and forwards again to the end."""
    operator, history = walk.operator, walk.users.history
    to_shadow_read(walk)
    assert walk.asked("object-first")["verdict"] == "unproven"
    forwards(walk)
    operator.deploy(FIRST)
    operator.wait(STEADY)
    operator.deploy(SHADOW)
    operator.wait(STEADY)
    history.reverted, history.opened = walk.edge.now(), float("inf")
    walk.edge.keeper.step = MINUTE  # so that most users do nothing for as long as H, as most do
    operator.roll_back()
    walk.edge.keeper.step = None
    assert walk.asked("object-first")["verdict"] != "open"
    operator.deploy(DUAL)
    operator.wait(STEADY)
    operator.deploy(SHADOW)
    operator.wait(STEADY)
    forwards(walk)
    to_object_only(walk)
    the_end(walk)


def forwards(walk: Walk) -> None:
    """Through the first door, from shadow-read everywhere."""
    operator = walk.operator
    operator.export()
    operator.verify(SHADOW, codes=(0, 1))
    operator.twice("repair", "--tombstone-deleted")
    open_the_first_door(walk)


WALKS: dict[str, Course] = {
    "to the end": whole,
    "back and forth": back_and_forth,
    "from the middle": from_the_middle,
}
"""Those in which nothing may go wrong."""


# ---------------------------------------------------------------- what must go wrong


def logging_out(walk: Walk) -> None:
    """Up to shadow-read, and then everybody logs out soon."""
    to_shadow_read(walk)
    load = walk.users.load
    load.logouts, load.touches, load.pause, walk.edge.keeper.step = 0.4, 0.2, 1.0, 2.0
    walk.operator.wait(2 * H)


def hasty(walk: Walk) -> None:
    """Object-first at once: nothing was copied or swept since `kv` wrote alone, and the gate was not open."""
    load = walk.users.load
    load.touches, load.puts, load.pause = 0.0, 0.6, 0.7
    walk.operator.deploy(DUAL)
    load.puts, load.pause = 0.0, 9.0  # what was written then is read now
    walk.operator.deploy(SHADOW)
    assert walk.asked("object-first")["verdict"] != "open"
    walk.operator.deploy(FIRST)
    walk.operator.wait(H)
