"""Several applications write at once, through the class's own methods, while copy after copy runs.

The source is a Workers KV whose readers see the past. Two of the applications write KV too, for the
third the objects are the truth. In the end every session must be what its owner was last told.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate import runner
from migrate.bridge_keys import VARIABLE
from migrate.clock import SystemClock
from migrate.core.record import Key, Record
from migrate.opening import Opener, Settings
from tests.edge.application import Side
from tests.edge.edge import PREFIX, Edge
from tests.edge.listing import ACCOUNT, TOKEN, ObjectList, served
from tests.flows.crowd import STALE, UNTIL, WRITERS, PastKv
from tests.stores.durable_side import keys

EACH = 40
H = 0.7
PLACEMENTS = ["shards", "per-session"]


class Application(threading.Thread):
    """Writes, renews and deletes its own sessions until it is stopped; then says what they must be."""

    def __init__(self, name: str, side: Side, kv: PastKv) -> None:
        super().__init__(name=name)
        self.sessions = [Key(f"{PREFIX}{side.world}{name}{number:03}") for number in range(EACH)]
        self.believed: dict[Key, Record | None] = {}
        self.doubtful: set[Key] = set()
        self.written = 0
        self.failure: BaseException | None = None
        self.stopped = threading.Event()
        self._side, self._kv = side, kv
        self._origin = WRITERS[name]
        self._dice = random.Random(name)
        for one in self.sessions:
            self.believed[one] = Record(one, b"at the beginning", None, UNTIL)
            kv.write(one, self.believed[one], time.time())

    def run(self) -> None:
        try:
            while not self.stopped.is_set():
                self._act(self._dice.choice(self.sessions))
        except BaseException as error:
            self.failure = error

    def has_done_enough(self) -> bool:
        """Written, and deleted, so that there is something to be lost or to come back."""
        return self.written >= 20 and None in list(self.believed.values())

    def _act(self, one: Key) -> None:
        known, began = self.believed[one], time.time()
        if known is None:
            assert self._side.get([one]) == [None], "a deleted session is back"
            assert self._side.put(Record(one, b"back", None, UNTIL), self._origin) == "gone"
            return
        assert isinstance(known.expiration, int)
        self.written += 1
        verb = self._dice.choices(["put", "touch", "delete"], [70, 20, 10])[0]
        new: Record | None = known._replace(expiration=known.expiration + 1000)
        if verb == "delete":
            self._side.delete(one, self._origin)
            new = None
        elif verb == "put":
            new = Record(one, b"%s %d" % (self.name.encode(), self.written), None, known.expiration + 1)
            assert self._side.put(new, self._origin) == "stored"
        elif (
            self._side.touch(one, known.expiration + 1000, self._origin) != "stored" and self._origin == "app"
        ):
            return  # not copied yet: it is not there to be renewed
        self.believed[one] = new
        if self._origin == "dual" and not self._kv.write(one, new, began):
            self.doubtful.add(one)


@pytest.fixture(params=PLACEMENTS)
def side(edge: Edge, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Side]:
    side = Side.of(edge, "USER_SESSIONS", request.param, f"{tmp_path.name}:")
    side.bridge.set_world(side.world)
    yield side
    side.bridge.set_world("")


@pytest.fixture
def account(edge: Edge) -> Iterator[dict[str, str]]:
    """What lists the objects of sessions that have one each."""
    with served(ObjectList(edge, "Apart")) as api:
        yield {
            "CLOUDFLARE_API_BASE_URL": api,
            "CLOUDFLARE_ACCOUNT_ID": ACCOUNT,
            "CLOUDFLARE_API_TOKEN": TOKEN,
        }


def test_nothing_is_lost_or_resurrected_with_a_crowd_of_writers(
    side: Side, account: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kv = PastKv(tmp_path / "kv.db", 1)
    kv.horizon = H
    monkeypatch.setattr(Opener, "source", lambda *given, **more: kv)
    environ = {**account, VARIABLE: keys()}
    settings = Settings(clock=SystemClock(), ledger=tmp_path / "ledger.db", environ=environ)

    def copy() -> None:
        ended = runner.export("kv:", side.address, settings=settings, prefixes=(PREFIX,), rounds=2)
        assert ended.error is None
        assert ended.document["balanced"]

    crowd = [Application(name, side, kv) for name in WRITERS]
    time.sleep(STALE)
    for one in crowd:
        one.start()
    copy()
    deadline = time.monotonic() + 60
    while not all(map(Application.has_done_enough, crowd)) and time.monotonic() < deadline:
        time.sleep(0.02)
    for one in crowd:
        one.stopped.set()
        one.join()
    time.sleep(H)
    copy()
    assert [one.failure for one in crowd] == [None] * len(crowd)
    wrong = []
    for one in crowd:
        told = list(one.believed.items())
        for (key, expected), row in zip(told, side.rows([key for key, _ in told]), strict=True):
            assert row is not None
            if expected is None:
                wrong += [key] if row["tombstone"] is None else []
            elif key not in one.doubtful:  # where KV was not told, a copy may bring back what KV says
                value = side.get([key]) == [expected.value.decode()]
                wrong += [] if value and row["expiration"] == expected.expiration else [key]
    assert wrong == []
    assert all(map(Application.has_done_enough, crowd))
