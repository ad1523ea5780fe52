"""Session stores in the local runtime that tell statistics of their own, which are asked here."""

from __future__ import annotations

import json
from typing import Any

from tests.edge.edge import Edge
from tests.edge.sending import fresh
from tests.edge.stored import Stored


class Watched(Stored):
    """Stores whose every verb tells an object of statistics of its own."""

    def __init__(self, edge: Edge) -> None:
        super().__init__(edge)
        self.name = fresh("stats")

    def order(self, stage: str, verb: str, *args: Any, **more: Any) -> dict[str, Any]:
        """A verb, told to the statistics unless `stats` says otherwise."""
        return super().order(stage, verb, *args, **{"stats": self.name} | more)

    def ask(self, method: str, *args: Any) -> Any:
        """A method of the statistics."""
        order = {"binding": "STATS", "object": self.name, "method": method, "args": list(args)}
        return self.edge.store("call", order)

    def journal(self) -> list[tuple[str, str, str, str, str, int]]:
        """The journal's entries."""
        return [
            (entry["key"], entry["half"], entry["verb"], entry["stage"], entry["end"], entry["times"])
            for entry in self.ask("kvferryJournal", None, 100)
        ]

    def canary(self) -> dict[str, Any]:
        """What the statistics say of the canary."""
        return dict(self.ask("kvferryStats")["canary"])

    def reads(self) -> dict[str, int]:
        """How often the canary was read, by what was read."""
        found = {what: one["times"] for what, one in self.canary()["reads"].items()}
        return {what: times for what, times in found.items() if times}

    def flying(self) -> str | None:
        """The canary that KV has: its value."""
        found = self.edge.store("kv", f"{self.name}/kvferry:canary")
        if found is None:
            return None
        assert set(json.loads(found["value"])) == {"number", "at"}
        return str(found["value"])
