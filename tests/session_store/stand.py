"""What the tests of the session store stand on: a clock that stands still, a KV that fails as it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from migrate.core.protocol.stages import Ramp, Stage
from migrate.core.record import Key, Record, Row
from migrate.errors import StoreUnavailable
from migrate.session_store import MemoryNamespace, SessionStore, Settings, Unanswered
from migrate.stores.memory import MemoryKv
from migrate.stores.sqlite import SqliteSessions

NOW = 1_900_000_000
PREFIX = "s:"


@dataclass
class ManualClock:
    time: float = NOW
    slept: float = 0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.slept += seconds


@dataclass
class ScriptedKv:
    """A KV whose next calls end as the script says: an error in place of the call, or, after "done, then",
    behind it. `asked`: the calls, in their order."""

    kv: MemoryNamespace
    script: dict[str, list[Exception]] = field(default_factory=dict)
    effect: bool = False
    asked: list[str] = field(default_factory=list)

    def _call(self, name: str, do: Callable[[], Record | None]) -> Record | None:
        self.asked.append(name)
        errors = self.script.get(name, [])
        if not errors:
            return do()
        if self.effect:
            do()
        raise errors.pop(0)

    def get(self, key: Key) -> Record | None:
        return self._call("get", lambda: self.kv.get(key))

    def put(self, record: Record, ttl: int | None) -> None:
        self._call("put", lambda: self.kv.put(record, ttl))

    def delete(self, key: Key) -> None:
        self._call("delete", lambda: self.kv.delete(key))


class FailingSessions:
    """The file as the object, of which the next calls fail as `script` says, in place of being done."""

    prefix = PREFIX

    def __init__(self, sessions: SqliteSessions) -> None:
        self.real = sessions.halves
        self.script: list[Exception] = []
        self.asked: list[str] = []
        self.halves = self

    @property
    def name(self) -> str:
        return self.real.name

    def _call(self, name, ask):
        self.asked.append(name)
        if self.script:
            raise self.script.pop(0)
        return getattr(self.real, name)(ask)

    def look(self, key):
        return self._call("look", key)

    def half(self, ask):
        return self._call("half", ask)

    def adopt(self, ask):
        return self._call("adopt", ask)


class Stand:
    """Both stores of some sessions, and a session store over them for each stage."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.memory = MemoryKv(clock=self.clock)
        self.kv = ScriptedKv(MemoryNamespace(self.memory, self.clock))
        self.sessions = SqliteSessions(folder / "sessions.db", prefix=PREFIX, clock=self.clock)
        self.object = FailingSessions(self.sessions)

    def at(self, stage: str, percent: float = 100, **settings: float) -> SessionStore:
        named = Settings(Ramp(Stage(stage), percent), **{"touch_every": 0, **settings})
        return SessionStore(self.object, self.kv, named, clock=self.clock)

    def row(self, session_id: str) -> Row | None:
        return self.sessions.halves.look(Key(PREFIX + session_id)).row

    def in_kv(self, session_id: str) -> Record | None:
        return self.memory.entry(Key(PREFIX + session_id))

    def plant(
        self, session_id: str, value: bytes = b"1", metadata: str | None = None, until=NOW + 3600
    ) -> None:
        self.memory.put(Record(Key(PREFIX + session_id), value, metadata, until))


FAILED = StoreUnavailable("it does not answer")
SILENT = Unanswered("there was no answer in time")
