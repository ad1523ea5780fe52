"""Cloudflare's local runtime with everything that a migration has, all by one clock that can be set forwards:
five versions of the application, the Worker that owns the objects, their bridge, KV, and Cloudflare's API.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.edge.edge import EDGE, PREFIX, SECRET, mutated, valid_key
from tests.fake_api import ACCOUNT, NAMESPACE, FakeApi, FakeServer
from tests.live.history import STAGES
from tests.live.runtime import SHARDS, Racing
from tests.rehearsal.keeper import Keeper
from tests.runtime.ports import lasting_port

WORKERS = Path(__file__).parent / "worker"
SCRIPT = "sessions"
COMMIT_DIGITS = 12


def version(stage: int) -> str:
    """The id of the application's version at a stage."""
    return f"version-{STAGES[stage]}"


def travels(login: int) -> bool:
    """Are the devices of this login now here, now there?"""
    return login % 4 == 3


class Runtime(Racing):
    """`build`: "EDGE", or a name of MUTANTS. `stale`: how old an answer of KV may be, seconds by its clock.
    `between`: real seconds between two steps of that clock.
    """

    def __init__(
        self,
        folder: Path,
        *,
        build: str = "EDGE",
        locations: int = 2,
        stale: float = 15.0,
        between: float = 0.1,
    ) -> None:
        super().__init__(folder, build=build, stale=stale, far=10)
        self._locations = range(locations)
        self._used: set[int] = set()
        self._timed = ["bridge-races", SCRIPT, "cloudflare", *(f"location-{one}" for one in self._locations)]
        """The Workers that are told the time; the application's are told with every request."""
        self._apps = [_app(stage, one) for stage in range(len(STAGES)) for one in self._locations]
        self._ports = {name: lasting_port() for name in (*self._apps, *self._timed)}
        self.keeper = Keeper(folder / "ahead", self._set_forwards, between)
        self.fake = FakeServer(FakeApi(clock=self.keeper.now))

    # ------------------------------------------------------------ time

    @property
    def path(self) -> str:
        """Where an isolate is asked; it is told the time with every request."""
        return f"do?ahead={self.keeper.ahead}"

    def now(self) -> float:
        """Unix seconds."""
        return self.keeper.now()

    def _set_forwards(self, ahead: float) -> None:
        for name in self._timed:
            self.http.post(self._urls[name] + "shift", content=str(ahead)).raise_for_status()

    # ------------------------------------------------------------ who is asked

    def app(self, stage: int, login: int, dice: random.Random) -> str:
        """The URL of the version at this stage, where a device of this login is."""
        self._used.add(stage)
        place = dice.choice(self._locations) if travels(login) else login % len(self._locations)
        return self._urls[_app(stage, place)]

    def underway(self, *but: str) -> int:
        """How much is under way, but for versions at these stages. Nothing is where nobody asked since."""
        asked = [stage for stage in sorted(self._used) if STAGES[stage] not in but]
        urls = [self._urls[_app(stage, one)] for stage in asked for one in self._locations]
        found = sum(sum(self.http.get(url + "idle").json().values()) for url in urls)
        if not found:
            self._used.difference_update(asked)
        return int(found)

    @property
    def api(self) -> str:
        """The base URL of Cloudflare's API."""
        return self._urls["cloudflare"] + "client/v4"

    def serve(self, commit: str, **shares: float) -> None:
        """Cloudflare has deployed these versions, of that commit, from now on."""
        script = self.fake.api.workers.scripts[SCRIPT]
        for name in shares:
            script.tags[name] = commit[:COMMIT_DIGITS]
        script.serve(datetime.fromtimestamp(self.now(), UTC).isoformat(), **shares)

    def do(self, stage: int, verb: str, session: str, value: int = 0) -> None:
        """A request of nobody in the crowd."""
        order = {"stage": STAGES[stage], "verb": verb, "id": session, "value": value}
        order["expiration"] = int(self.now()) + 7000
        answer = self.http.post(self._urls[_app(stage, 0)] + self.path, json=order)
        assert answer.json()["done"], answer.text

    def put(self, key: str, value: str, lives: int) -> None:
        """Somebody writes KV with Cloudflare's API, past the session store."""
        item = {"key": key, "value": value, "expiration": int(self.now()) + lives}
        self.http.put(f"{self._namespace}/bulk", json=[item]).raise_for_status()

    def row(self, session: str) -> dict[str, Any]:
        """What the object has of it."""
        key = {"Authorization": f"Bearer {valid_key('verify', self.now())}"}
        url = self._urls["bridge-races"] + "kvferry/v1/heads"
        answer = self.http.post(url, json={"protocol": 1, "keys": [PREFIX + session]}, headers=key)
        return dict(answer.raise_for_status().json()["rows"][0])

    def plant(self) -> int:
        """The application has rows of all that KV has, which it wrote by itself; how many."""
        names, rows = self.listed(), []
        for first in range(0, len(names), 100):
            asked = {"keys": names[first : first + 100]}
            answer = self.http.post(f"{self._namespace}/bulk/get", json=asked).raise_for_status().json()
            found = {name: one for name, one in answer["result"]["values"].items() if one is not None}
            rows += [
                {"id": name.removeprefix(PREFIX), "value": one["value"], "expiration": one["expiration"]}
                for name, one in found.items()
            ]
        self.http.post(self._urls[SCRIPT] + "plant", json=rows).raise_for_status()
        return len(rows)

    def listed(self) -> list[str]:
        """The sessions that KV lists."""
        page = self.http.get(f"{self._namespace}/keys", params={"prefix": PREFIX}).raise_for_status().json()
        return [one["name"] for one in page["result"]]

    @property
    def _namespace(self) -> str:
        return f"{self.api}/accounts/{ACCOUNT}/storage/kv/namespaces/{NAMESPACE}"

    # ------------------------------------------------------------ running

    def __enter__(self) -> Self:
        self.keeper.__enter__()
        self.fake.__enter__()
        self.fake.api.workers.deploy(SCRIPT)
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self.fake.__exit__(kind, error, trace)
        self.keeper.__exit__(kind, error, trace)

    def _plan(self, modules: Path) -> dict[str, Any]:
        sources = EDGE / "src" if self._build == "EDGE" else mutated(self.folder, self._build)
        placement = {"KVFERRY_PLACEMENT": f"shards:{SHARDS}", "KVFERRY_PREFIX": PREFIX}
        owned = {
            binding: {"className": name, "useSQLite": True}
            for binding, name in (("USER_SESSIONS", "UserSessions"), ("MIGRATION_STATS", "MigrationStats"))
        }
        reached = {binding: {**one, "scriptName": SCRIPT} for binding, one in owned.items()}
        stale = {"STALE": self.stale}
        bridge = {
            "KVFERRY_SCRIPT": SCRIPT,
            "KVFERRY_CLASS": "UserSessions",
            "KVFERRY_BRIDGE_SECRET": SECRET,
            "KVFERRY_KV_NAMESPACE": NAMESPACE,
        }
        workers = [
            (SCRIPT, "sessions.ts", owned, placement),
            ("bridge-races", "bridge.ts", reached, placement | bridge),
            ("cloudflare", "cloudflare.ts", {}, placement | stale | {"ACCOUNT_API": self.fake.url}),
        ]
        workers += [(f"location-{one}", "location.ts", {}, stale) for one in self._locations]
        far = {"STALE": 0, "FAR": self._far}
        for stage, name in enumerate(STAGES):
            told = {"SESSION_STAGE": name, "CF_VERSION_METADATA": {"id": version(stage)}}
            for one in self._locations:
                # Some isolates have it written whenever a session is touched.
                every = {"SESSION_TOUCH_EVERY": "0" if one else "300"}
                workers.append((_app(stage, one), "application.ts", reached, placement | far | told | every))
        return {
            "modules": str(modules),
            "folder": str(self.state),
            "aliases": {"EDGE": str(sources)},
            "workers": [
                {
                    "name": name,
                    "entry": str(WORKERS / entry),
                    "durableObjects": objects,
                    "kvNamespaces": _namespaces(entry, bindings),
                    "serviceBindings": {"SESSIONS": _kv(name)} if name in self._apps else {},
                    "bindings": bindings,
                    "port": self._ports[name],
                    "compatibilityFlags": ["nodejs_als"],
                }
                for name, entry, objects, bindings in workers
            ],
        }


def _namespaces(entry: str, bindings: Mapping[str, Any]) -> dict[str, str]:
    """Who has the namespace itself."""
    if entry == "bridge.ts":
        return {"SESSIONS_KV": "rehearsed"}
    return {"SESSIONS": "rehearsed"} if bindings.get("STALE") else {}


def _kv(app: str) -> dict[str, str]:
    """The KV of its location."""
    return {"name": f"location-{app.rpartition('-')[2]}", "entrypoint": "Location"}


def _app(stage: int, isolate: int) -> str:
    return f"app-{STAGES[stage]}-{isolate}"
