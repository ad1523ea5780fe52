"""Cloudflare's local runtime with an application in several isolates, its objects, and the bridge to them.

It can be killed and started again: what is on disk stays, and so do its ports.
"""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

from tests.edge.edge import EDGE, PREFIX, SECRET, Edge, mutated
from tests.runtime.ports import lasting_port

WORKERS = Path(__file__).parent / "worker"
SHARDS = 4
_SCRIPT = "sessions"


class Racing(Edge):
    """`build`: "EDGE", or a name of MUTANTS, whose sources all of it is made of.

    `stale`: how old an answer of KV may be, seconds. `far`: how far away KV is, milliseconds at most.
    """

    def __init__(
        self, folder: Path, *, build: str = "EDGE", isolates: int = 2, stale: float = 0.5, far: int = 40
    ) -> None:
        super().__init__(folder)
        self._far = far
        self.stale = stale
        self._build = build
        self._apps = [f"app-{number}" for number in range(isolates)]
        self._ports = {name: lasting_port() for name in (*self._apps, "bridge-races", _SCRIPT)}

    @property
    def apps(self) -> list[str]:
        """The URL of each isolate."""
        return [self._urls[name] for name in self._apps]

    @property
    def path(self) -> str:
        """Where an isolate is asked to do something."""
        return "do"

    def app(self, stage: int, login: int, dice: random.Random) -> str:
        """The URL of an isolate that serves this stage, for the devices of a login."""
        return dice.choice(self.apps)

    def now(self) -> float:
        """What time it is there, Unix seconds."""
        return time.time()

    def underway(self, *but: str) -> int:
        """How many halves of writes are under way, but for those at these stages."""
        found = [dict(self.http.get(url + "idle").json()) for url in self.apps]
        return sum(count for one in found for stage, count in one.items() if stage not in but)

    def kept(self) -> dict[str, dict[str, Any]]:
        """What KV has, by key, as it is: value, metadata, expiration."""
        found = self.http.get(self.apps[0] + "all").raise_for_status().json()
        return {one["name"]: one for one in found if one["name"].startswith(PREFIX)}

    def rows(self) -> dict[str, dict[str, Any]]:
        """The heads of all rows, by key."""
        bridge, found = self.bridge("races"), {}
        for shard in range(SHARDS):
            after, more = None, True
            while more:
                order = {"shard": shard, "prefix": "", "after": after, "upto": None, "limit": 1000}
                answer = bridge.ask("scan", order | {"live": False, "values": False})
                found.update({row["key"]: row for row in answer["rows"]})
                after, more = answer["rows"][-1]["key"] if answer["rows"] else None, answer["more"]
        return found

    def _plan(self, modules: Path) -> dict[str, Any]:
        sources = EDGE / "src" if self._build == "EDGE" else mutated(self.folder, self._build)
        placement = {"KVFERRY_PLACEMENT": f"shards:{SHARDS}", "KVFERRY_PREFIX": PREFIX}
        owned = {
            binding: {"className": name, "useSQLite": True}
            for binding, name in (("USER_SESSIONS", "UserSessions"), ("MIGRATION_STATS", "MigrationStats"))
        }
        reached = {binding: {**one, "scriptName": _SCRIPT} for binding, one in owned.items()}
        store = {**placement, "SESSION_TOUCH_EVERY": "0", "STALE": self.stale, "FAR": self._far}
        bridge = {**placement, "KVFERRY_BRIDGE_SECRET": SECRET}
        workers = [
            (_SCRIPT, WORKERS / "sessions.ts", owned, {}),
            *((app, WORKERS / "racing.ts", reached, store) for app in self._apps),
            ("bridge-races", sources / "bridge-worker.ts", reached, bridge),
        ]
        return {
            "modules": str(modules),
            "folder": str(self.state),
            "aliases": {"EDGE": str(sources)},
            "workers": [
                {
                    "name": name,
                    "entry": str(entry),
                    "durableObjects": objects,
                    "kvNamespaces": {"SESSIONS": "races"} if entry.name == "racing.ts" else {},
                    "bindings": bindings,
                    "port": self._ports[name],
                    "compatibilityFlags": ["nodejs_als"],
                }
                for name, entry, objects, bindings in workers
            ],
        }
