"""Reads of the session store where the object is authoritative, against bare calls of the session class.

One Worker in Cloudflare's own local runtime does both, some reads one after the other in each request; a
figure is the median over requests, which take turns.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.claims import Claim
from tests.bench.timing import Failed
from tests.edge.edge import EDGE, Edge

WORKERS = Path(__file__).parent / "worker"
READS = 50
"""In one request."""

MOST = 1.2
"""Times what a bare call takes."""


class Live(Edge):
    """The runtime with one Worker."""

    def _plan(self, modules: Path) -> dict[str, Any]:
        worker = {
            "name": "application",
            "entry": str(WORKERS / "live.ts"),
            "durableObjects": {"USER_SESSIONS": {"className": "UserSessions", "useSQLite": True}},
            "kvNamespaces": ["SESSIONS"],
            "bindings": {},
        }
        aliases = {"EDGE": str(EDGE / "src")}
        return {"modules": str(modules), "folder": str(self.state), "aliases": aliases, "workers": [worker]}

    def ask(self, verb: str, stage: str, ids: list[str], by: str = "store") -> int:
        """Do it for all of them; how many it was done for."""
        names = {"SESSION_STAGE": stage, "KVFERRY_PREFIX": "", "KVFERRY_PLACEMENT": "per-session"}
        order = json.dumps({"vars": names, "by": by, "ids": ids})
        answer = self.http.post(self._urls["application"] + verb, content=order)
        if answer.status_code != 200:
            raise Failed(f"the store's Worker answers {answer.status_code}")
        return int(answer.json())

    def timed(self, stage: str, ids: list[str], by: str) -> float:
        """Milliseconds of one read, as one request of many gives them."""
        began = time.perf_counter()
        if self.ask("read", stage, ids, by) != len(ids):
            raise Failed("not every session was found")
        return (time.perf_counter() - began) * 1000 / len(ids)


def claims(folder: Path, *, quick: bool, rounds: int) -> Iterator[Claim]:
    """Reads at object-first and object-only, and what touches within their interval write."""
    requests = (10 if quick else 60) * rounds
    with tempfile.TemporaryDirectory(dir=folder) as place, Live(Path(place)) as live:
        for stage in ("object-only", "object-first"):
            ids = [f"{stage}-{number}" for number in range(READS)]
            live.ask("fill", stage, ids)
            times: dict[str, list[float]] = {"store": [], "stub": []}
            for _ in range(requests + 5):
                for by, some in times.items():
                    some.append(live.timed(stage, ids, by))
            ours, theirs = (median(some[5:]) for some in times.values())
            most = None if quick else MOST
            yield Claim(
                f"SessionStore.get at {stage}, vs stub.getSession, p50", "ms", ours, theirs, most=most
            )
            written = live.ask("touch", stage, ids)
            yield Claim(f"  writes of {READS} touches within their interval", "rows", written, most=0)
