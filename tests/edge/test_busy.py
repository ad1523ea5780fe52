"""The application goes on while a copy runs: at every point between the two, and with many at once.

The copy is the command's own flow; only its source is a Workers KV in memory, so that the application
can act exactly between two of the flow's calls. Two classes that each break a law must be seen.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate import runner
from migrate.bridge_keys import VARIABLE
from migrate.clock import SystemClock
from migrate.core.record import Key, Record
from migrate.opening import Opener, Settings
from migrate.stores.memory import MemoryKv, When, with_faults
from tests.edge.application import Side
from tests.edge.edge import MUTANTS, PREFIX, Edge
from tests.edge.listing import ACCOUNT, TOKEN, ObjectList, served
from tests.stores.durable_side import keys

PLACEMENTS = ["shards", "per-session"]
MOMENTS = 60
"""More than there are; what nobody acts on is copied."""

ENVIRONMENT = {"CLOUDFLARE_ACCOUNT_ID": ACCOUNT, "CLOUDFLARE_API_TOKEN": TOKEN}
LATER = int(time.time()) + 90_000
Act = Callable[[MemoryKv, Side, Key], None]


def old(key: Key) -> Record:
    return Record(key, b"as KV has had it for long", None, LATER)


def new(key: Key) -> Record:
    return Record(key, b"written while the copy runs", None, LATER + 500)


def renewed(key: Key) -> Record:
    return old(key)._replace(expiration=LATER + 9_000)


def put_dual(kv: MemoryKv, app: Side, key: Key) -> None:
    app.put(new(key), "dual")
    kv.put(new(key))


def put_app(kv: MemoryKv, app: Side, key: Key) -> None:
    app.put(new(key), "app")


def logout(kv: MemoryKv, app: Side, key: Key) -> None:
    app.delete(key, "dual")
    kv.remove(key)


def logout_that_kv_never_heard_of(kv: MemoryKv, app: Side, key: Key) -> None:
    app.delete(key, "app")


def login_and_logout(kv: MemoryKv, app: Side, key: Key) -> None:
    put_dual(kv, app, key)
    logout(kv, app, key)


def renew(kv: MemoryKv, app: Side, key: Key) -> None:
    app.touch(key, LATER + 9_000, "dual")
    kv.put(renewed(key))


EXPECTED: dict[Act, Callable[[Key], Record] | None] = {
    put_dual: new,
    put_app: new,
    logout: None,
    logout_that_kv_never_heard_of: None,
    login_and_logout: None,
    renew: renewed,
}
WRITES = {put_dual.__name__, put_app.__name__}
DELETES = {act.__name__ for act, expected in EXPECTED.items() if expected is None}


class Play:
    """Sweeps in the command's own flow; in the first of them every act is done at every moment."""

    def __init__(self, side: Side, api: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.side = side
        self.kv = MemoryKv(clock=SystemClock(), horizon=0.0, width=1000)
        self.moments: list[tuple[str, When]] = []
        self._lock = threading.Lock()
        self._acting = True
        self._settings = Settings(
            clock=SystemClock(),
            ledger=folder / "ledger.db",
            environ={**ENVIRONMENT, VARIABLE: keys(), "CLOUDFLARE_API_BASE_URL": api},
            cwd=folder,
        )
        for number in range(MOMENTS):
            for act in EXPECTED:
                self.kv.put(old(self.key(number, act)))
        target = Opener.target
        monkeypatch.setattr(Opener, "source", lambda *given, **more: with_faults(self.kv, self._hook))
        monkeypatch.setattr(
            Opener, "target", lambda *given, **more: with_faults(target(*given, **more), self._hook)
        )

    def key(self, moment: int, act: Act) -> Key:
        return Key(f"{PREFIX}{self.side.world}{moment:02}-{act.__name__}")

    def _hook(self, name: str, call: int, when: When) -> None:
        with self._lock:
            if not self._acting:
                return
            number = len(self.moments)
            self.moments.append((name, when))
            for act in EXPECTED:
                act(self.kv, self.side, self.key(number, act))

    def sweep(self) -> dict[str, Any]:
        ended = runner.export("kv:", self.side.address, settings=self._settings, prefixes=(PREFIX,))
        self._acting = False
        assert ended.error is None
        assert ended.document["balanced"]
        return dict(ended.document)

    def acted_on(self) -> dict[Key, Act]:
        """Every session that the application did something with."""
        return {self.key(number, act): act for number in range(len(self.moments)) for act in EXPECTED}

    def wrong(self) -> set[str]:
        """The acts after which some session was not what the application was told."""
        acts = self.acted_on()
        seen = dict(zip(acts, self.side.get(list(acts)), strict=True))
        told = {key: expected(key) if (expected := EXPECTED[act]) else None for key, act in acts.items()}
        return {
            acts[key].__name__
            for key in acts
            if seen[key] != (one.value.decode() if (one := told[key]) else None)
        }


@pytest.fixture
def playing(edge: Edge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Play]]:
    sides: list[Side] = []

    def begin(binding: str, placement: str) -> Play:
        side = Side.of(edge, binding, placement, f"{tmp_path.name}/{len(sides)}:")
        side.bridge.set_world(side.world)
        sides.append(side)
        return Play(side, api, tmp_path, monkeypatch)

    with served(ObjectList(edge, "Apart")) as api:
        yield begin
    for side in sides:
        side.bridge.set_world("")


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_whenever_the_application_acts_its_word_is_the_last(
    placement: str, playing: Callable[..., Play]
) -> None:
    play = playing("USER_SESSIONS", placement)
    play.sweep()
    assert {(name, when) for name in ("scan", "read", "apply") for when in ("before", "after")} <= {
        *play.moments
    }
    assert len(play.moments) < MOMENTS
    assert play.wrong() == set()
    play.sweep()
    assert play.wrong() == set()
    acts = play.acted_on()
    for (key, act), row in zip(acts.items(), play.side.rows(list(acts)), strict=True):
        expected = EXPECTED[act]
        assert row is not None
        assert (row["tombstone"] is not None) == (expected is None)
        if expected is not None:  # a renewal that met no row is brought by the next sweep
            assert row["expiration"] == expected(key).expiration
    untouched = [play.key(number, put_app) for number in range(len(play.moments), MOMENTS)]
    assert play.side.get(untouched) == [old(key).value.decode() for key in untouched]


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize(("mutant", "seen"), [("OVERWRITING", WRITES), ("FORGETTING", DELETES)])
def test_a_class_that_breaks_a_law_loses_a_write_or_resurrects_a_session(
    mutant: str, seen: set[str], placement: str, playing: Callable[..., Play]
) -> None:
    assert mutant in MUTANTS
    play = playing(mutant, placement)
    play.sweep()
    wrong = play.wrong()
    assert wrong
    assert wrong & seen
