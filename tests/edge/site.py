"""A migration as its users run it: a folder with a dump, the commands, and objects behind a bridge."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from migrate.bridge_keys import VARIABLE
from tests.edge.edge import PREFIX, Edge, object_hash
from tests.flows.shell import kvferry, variables
from tests.stores.durable_side import SHARDS, keys

SESSIONS = 4300
"""More than a page of the dump."""


class Site:
    """A folder with a dump in it, and fresh objects behind a bridge.

    "keeping" has three shards, "apart" and "explored" an object for each session.
    """

    def __init__(self, edge: Edge, folder: Path, bridge: str = "keeping", sessions: int = SESSIONS) -> None:
        self.edge, self.folder = edge, folder
        self.bridge = edge.bridge(bridge)
        self._binding = {"apart": "APART", "explored": "EXPLORED"}.get(bridge, "COPIED_INTO")
        self.world = f"{folder.name}:"
        self.bridge.set_world(self.world)
        self.address = "do+" + self.bridge.url.rstrip("/")
        self.env = variables(**{VARIABLE: keys()})
        later = int(time.time()) + 90_000
        self.items = [
            {"key": f"{PREFIX}{number:05}", "value": json.dumps({"userId": f"u{number}"})}
            | ({"expiration": later + number} if number % 3 else {})
            | ({"metadata": {"n": number}} if number % 5 == 0 else {})
            for number in range(sessions)
        ]
        (folder / "sessions.ndjson").write_text("".join(json.dumps(item) + "\n" for item in self.items))

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        done = kvferry(*words, cwd=self.folder, env=self.env)
        for secret in (*self.env[VARIABLE].split(), f"{PREFIX}00001", '"u1"'):
            assert secret not in done.stdout + done.stderr
        return done

    def report(self, command: str, source: str, target: str, *more: str) -> dict[str, Any]:
        words = (command, "--source", source, "--target", target, "--settle", "0", "--json", *more)
        done = self.run(*words)
        assert done.stdout, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        assert done.returncode == document["exit"], done.stderr
        return document

    def call(self, session: str, method: str, *arguments: Any) -> Any:
        shard = f"kvferry:shard:{object_hash(session) % SHARDS}/{SHARDS}"
        name = shard if self._binding == "COPIED_INTO" else session
        return self.edge.call(self._binding, self.world + name, method, session, *arguments)

    def fenced(self) -> float | None:
        """Since when the book says that no row is replaced, Unix seconds of the bridge."""
        (note,) = self.bridge.ask("checkpoint", {"names": ["fence/gate-verify"]})["notes"]
        body = {} if note is None else json.loads(note["body"])
        since: float | None = body.get("since")
        return since

    def back(self) -> list[dict[str, Any]]:
        """What a copy back out of the objects gives."""
        assert self.report("export", self.address, "dump:back.ndjson", "--fresh")["exit"] == 0
        lines = (self.folder / "back.ndjson").read_text().splitlines()
        return [json.loads(line) for line in lines]


def counts(document: dict[str, Any]) -> dict[str, int]:
    """The classes that anything was counted in."""
    return {name: count for name, count in document["tally"].items() if count}
