"""Clients of an application under load: log in, read, slide the expiration, write, log out, from 200 devices.

Several devices share a login, and each request goes to any isolate of any live stage. All that they do and
are told is recorded.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from tests.live.asking import Line, NoAnswer
from tests.live.history import KV, NEVER, STAGES, History, Operation, Verb
from tests.live.runtime import Racing

LATEST = 400
"""Milliseconds by which a half may land after its write has failed."""

SILENT = "no answer"

_SLACK = 3.0
"""Seconds that it may take then, on a machine that is busy."""

_LONG = 7.0
"""Seconds: of an operation that took longer nobody knows when its halves land."""


@dataclass(slots=True)
class Login:
    """Who is logged in under which id, as all devices know it. `life`: seconds that a request adds."""

    number: int
    life: int
    metadata: Any
    name: str
    count: int = 0
    id: str = ""

    def next(self) -> str:
        """A new id, never used before."""
        self.count += 1
        return f"{self.name}{self.number:03}-{self.count}"


@dataclass(slots=True)
class Load:
    """What the clients do.

    Shares of requests: `touches`, `puts`, `updates`, `logouts`; `failing`: of halves of writes. `pause`:
    seconds between two requests of a client, at most. `lives`: seconds that a request adds to a session.
    """

    clients: int = 200
    logins: int = 60
    touches: float = 1.0
    puts: float = 0.15
    updates: float = 0.1
    logouts: float = 0.03
    failing: float = 0.04
    pause: float = 1.2
    lives: tuple[int, ...] = (62, 600, 3600)


class Crowd:
    """All clients, in a thread of their own: `with` runs them."""

    def __init__(self, edge: Racing, load: Load, seed: int, stages: tuple[int, ...] = (KV,)) -> None:
        self.history = History(edge.stale)
        self.live = stages
        self.errors: Counter[str] = Counter()
        self.failures: list[BaseException] = []
        self._edge, self._load, self._seed = edge, load, seed
        self._dice = random.Random(seed)
        self._logins = [self._login(number) for number in range(load.logins)]
        self._value = 0
        self._underway: Counter[int] = Counter()
        self._working = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Crowd:
        self._working.set()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _login(self, number: int) -> Login:
        """Where metadata leave no room for it, KV cannot be told of an end that is near."""
        name, life = f"r{self._seed}-", self._dice.choice(self._load.lives)
        metadata = {1: None, 2: "no object", 3: {"full": "x" * 1000}}.get(number % 8, {"of": "a login"})
        return Login(number, max(life, 600) if number % 8 in (2, 3) else life, metadata, name)

    # ------------------------------------------------------------ what the operator does

    def roll_out(self, *stages: int) -> None:
        """From now on only these stages are live; returns when nothing of another one is under way."""
        self.live = stages
        self._wait(*stages)

    def rest(self) -> None:
        """Let everybody pause; returns when nothing is under way."""
        self._working.clear()
        self._wait()

    def go_on(self) -> None:
        """After a rest."""
        self._working.set()

    def _wait(self, *but: int) -> None:
        """Until nothing is under way, but for what these stages do."""
        deadline = time.monotonic() + 60
        names = [STAGES[one] for one in but]
        while any(
            count for stage, count in self._underway.items() if stage not in but
        ) or self._edge.underway(*names):
            assert time.monotonic() < deadline, "something goes on for ever"
            time.sleep(0.03)

    # ------------------------------------------------------------ the clients

    def _run(self) -> None:
        asyncio.run(self._all())

    async def _all(self) -> None:
        clients = [
            asyncio.create_task(self._client(random.Random(f"{self._seed} {number}"), number))
            for number in range(self._load.clients)
        ]
        done = await asyncio.gather(*clients, return_exceptions=True)
        self.failures = [one for one in done if isinstance(one, BaseException)]

    async def _client(self, dice: random.Random, number: int) -> None:
        login = self._logins[number % len(self._logins)]
        line = Line()
        while not self._ended.is_set():
            await asyncio.sleep(dice.uniform(0, self._load.pause))
            if self._working.is_set():
                await self._request(line, dice, login)
        line.close()

    async def _request(self, line: Line, dice: random.Random, login: Login) -> None:
        """One request of the application: everything of it is at one stage, in one isolate."""
        stage = dice.choice(self.live)
        act = _Request(self, line, dice, login, stage, self._edge.app(stage, login.number, dice))
        self._underway[act.stage] += 1
        try:
            await act.run()
        except NoAnswer:
            await asyncio.sleep(0.1)  # it is down
        finally:
            self._underway[act.stage] -= 1

    def number(self) -> int:
        """A value that nobody has written before."""
        self._value += 1
        return self._value

    def now(self) -> float:
        """Unix seconds."""
        return self._edge.now()

    def updates(self, login: Login) -> float:
        """The share of updates among the requests of a login."""
        return self._load.updates

    @property
    def path(self) -> str:
        """Where the application is asked."""
        return self._edge.path

    @property
    def load(self) -> Load:
        """What the clients do."""
        return self._load


@dataclass(slots=True)
class _Request:
    crowd: Crowd
    line: Line
    dice: random.Random
    login: Login
    stage: int
    url: str
    session: str = field(default="")

    async def run(self) -> None:
        """Is somebody logged in? Then slide the expiration, and perhaps write; else log in."""
        load = self.crowd.load
        self.session = self.login.id
        found = await self._do("get") if self.session else None
        if self.session and found is None:
            return  # it failed
        if found is None or found["value"] is None:
            if self.login.id == self.session:
                self.session = self.login.id = self.login.next()
                await self._do("create", write=True)
            return
        if self.dice.random() < load.touches:
            await self._do("touch")
        chosen, updates = self.dice.random(), self.crowd.updates(self.login)
        if chosen < load.puts:
            await self._do("put", write=True)
        elif chosen < load.puts + updates:
            await self._do("update", write=True)
        elif chosen < load.puts + updates + load.logouts:
            await self._do("delete")

    async def _do(self, verb: str, *, write: bool = False) -> dict[str, Any] | None:
        """One verb, recorded; None: nobody knows what became of it."""
        order: dict[str, Any] = {"stage": STAGES[self.stage], "verb": verb, "id": self.session}
        late = 0.0
        if verb != "get":
            order["faults"], late = self._faults()
            order["deaf"] = self.dice.random() < self.crowd.load.failing / 4
        if write:
            order |= {"value": self.crowd.number(), "metadata": self.login.metadata}
        if write or verb == "touch":
            order["expiration"] = int(self.crowd.now()) + self.login.life + self.dice.randrange(5)
        answer = None
        start = self.crowd.now()
        try:
            answer = dict(await self.line.ask(self.url, self.crowd.path, order))
            return answer if answer["done"] else None
        finally:
            self._record(verb, order, answer or {"done": False, "error": SILENT}, start, late)

    def _faults(self) -> tuple[dict[str, list[Any]], float]:
        """How the halves end, and by how many seconds one may land after that."""
        faults: dict[str, list[Any]] = {}
        late = 0.0
        for half in ("object", "kv"):
            if self.dice.random() < self.crowd.load.failing:
                later = self.dice.randrange(50, LATEST)
                kinds = ["fails", "fails after", later] * 3 + ["429"] * (half == "kv")
                fault = self.dice.choice(kinds)
                faults[half] = [fault]
                late = LATEST / 1000 + _SLACK if isinstance(fault, int) else late
        return faults, late

    def _record(
        self, verb: str, order: dict[str, Any], answer: dict[str, Any], start: float, late: float
    ) -> None:
        end = self.crowd.now()
        if not answer["done"]:
            self.crowd.errors[f"{STAGES[self.stage]} {verb}: {answer['error']}"] += 1
        asked, told = order.get("expiration"), answer.get("expiration")
        kind: Verb = "put" if verb == "create" else verb  # type: ignore[assignment]
        self.crowd.history.operations.append(
            Operation(
                self.session,
                kind,
                self.stage,
                start,
                end,
                done=answer["done"],
                value=answer.get("value") if verb == "get" else order.get("value"),
                expiration=NEVER if told == "never" else told if verb == "get" else asked,
                carried=answer.get("carried"),
                silent=answer["error"] == SILENT if not answer["done"] else False,
                over=NEVER if end - start > _LONG else end + late,
            )
        )
