"""Those who use the application meanwhile: a crowd of which some touch their sessions all the time."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

from tests.live.asking import Line
from tests.live.crowd import Crowd, Load, Login
from tests.live.history import KV
from tests.live.runtime import Racing
from tests.rehearsal.runtime import travels


@dataclass(slots=True)
class Use(Load):
    """What they do. `busy`: how many clients make a request whenever the clock has moved on. `marked`: how
    many logins have metadata that leave room for the session store's mark, at least.
    """

    busy: int = 0
    marked: int = 100


class Users(Crowd):
    """They pause together, so that nothing is under way, and then go on where they were."""

    def __init__(self, edge: Racing, use: Use, seed: int, stages: tuple[int, ...] = (KV,)) -> None:
        super().__init__(edge, use, seed, stages)
        self._asked: set[int] = set()

    @property
    def load(self) -> Use:
        """What they do."""
        assert isinstance(self._load, Use)
        return self._load

    def __enter__(self) -> Users:
        self._ready = threading.Event()
        super().__enter__()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._at_once(self._all_over)
        super().__exit__(kind, error, trace)

    def rest(self) -> None:
        """Returns when nothing is under way, and nothing begins before `go_on`."""
        self._at_once(self._going.clear)
        self._wait()

    def go_on(self) -> None:
        """After a rest."""
        self._at_once(self._went_on)

    def wait_for_the_busy(self) -> None:
        """Returns when each of the busy has made a request since all went on."""
        deadline = time.monotonic() + 30
        while not self._asked >= set(range(self.load.busy)):
            assert time.monotonic() < deadline, "somebody makes no request"
            time.sleep(0.003)

    def touches(self, client: int, since: float) -> int:
        """How often a client, or another device of its user, has touched the session."""
        login = self._logins[client % len(self._logins)]
        ids = {f"{login.name}{login.number:03}-{count}" for count in range(login.count + 1)}
        mine = (one for one in self.history.operations if one.session in ids)
        return sum(one.verb == "touch" and one.start >= since for one in mine)

    def _all_over(self) -> None:
        self._over.set()
        self._went_on()

    def _went_on(self) -> None:
        self._asked = set()
        self._next.set()
        self._next = asyncio.Event()
        self._going.set()

    def _at_once(self, act: Callable[[], None]) -> None:
        """Do it where the clients are; returns when it is done."""
        done = threading.Event()

        def acted() -> None:
            act()
            done.set()

        self._loop.call_soon_threadsafe(acted)
        done.wait(30)

    def _login(self, number: int) -> Login:
        """Metadata that leave no room for the session store's mark are for those who are never busy: without
        it nobody can tell that a session is in motion."""
        name, unmarked = f"r{self._seed}-", number >= self.load.marked and number % 8 == 2
        metadata = "no object" if unmarked else None if number % 8 == 1 else {"of": "a login"}
        return Login(number, self._dice.choice(self._load.lives), metadata, name)

    def updates(self, login: Login) -> float:
        """Travellers only put: what KV does not show them yet is nothing that they could build upon."""
        return 0.0 if travels(login.number) else super().updates(login)

    async def _all(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._going, self._over, self._next = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._going.set()
        self._ready.set()
        await super()._all()

    async def _client(self, dice: random.Random, number: int) -> None:
        login = self._logins[number % len(self._logins)]
        line = Line()
        while not self._ended.is_set():
            hurried = number < self.load.busy
            await self._pause(self._next if hurried else self._over, dice.uniform(0, self.load.pause))
            await self._going.wait()
            if not self._ended.is_set():
                await self._request(line, dice, login)
                self._asked.add(number)
            if not hurried:
                line.close()  # nobody keeps it open for so long
        line.close()

    async def _pause(self, until: asyncio.Event, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(until.wait(), seconds)
