"""kill -9 of the runtime itself, in the middle of a copy: what is on disk stays, and it starts again.

A bridge of its own stops at the moment that is asked for and never goes on, so every fall is where it
says. The exporter runs on, tries again by itself, and must end as if nothing had happened.
"""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate import runner
from migrate.bridge_keys import VARIABLE
from migrate.clock import SystemClock
from migrate.desk import Ended
from migrate.opening import Settings
from tests.edge.edge import HERE, PREFIX, Edge
from tests.flows.shell import COMMAND, kvferry, variables
from tests.runtime.ports import lasting_port
from tests.stores.durable_side import keys

SESSIONS = 140
OF_ONE_IMPORT = 30
PLACEMENTS = {"shards": "shards:4", "per-session": "per-session"}

FALLS: list[dict[str, Any]] = [
    # counted since the start before it, of imports with records
    {"import": 2, "at": 2},  # two objects have their records, the others do not
    {"import": 1, "at": 0},  # the same import again, nothing of it written
    {"import": 4, "at": "book"},  # the last: every record is written, neither notes nor checkpoint are
    {"import": 1, "at": "answer"},  # everything is written, and nobody was told
]


class Impatient(SystemClock):
    """The real clock, for which a long wait is a short one."""

    def sleep(self, seconds: float) -> None:
        super().sleep(min(seconds, 0.1))


class Falling(Edge):
    """A runtime with one bridge on a port of its own, that keeps its state and its port through a fall."""

    def __init__(self, folder: Path, placement: str) -> None:
        super().__init__(folder)
        self._placement = placement
        self.hold: dict[str, Any] | None = None
        self._port = lasting_port()

    def rise(self, hold: dict[str, Any] | None) -> None:
        self.hold = hold
        self.start()

    def fall(self) -> None:
        """Wait until it is held, and kill it."""
        deadline = time.monotonic() + 30
        while not self.bridge(self._placement).raw("test/held", "GET").json():
            assert time.monotonic() < deadline, "the moment never came"
            time.sleep(0.01)
        self.kill()

    def _plan(self, modules: Path) -> dict[str, Any]:
        plan = super()._plan(modules)
        ours = f"bridge-{self._placement}"
        plan["workers"] = [one for one in plan["workers"] if one["name"] in ("application", ours)]
        bridge = plan["workers"][-1]
        bridge["entry"] = str(HERE / "worker" / "falling.ts")
        bridge["port"] = self._port
        bridge["bindings"] |= {"TEST_RECORDS": OF_ONE_IMPORT}
        if self.hold is not None:
            bridge["bindings"] |= {"TEST_HOLD": self.hold}
        return plan


class Ground:
    """A dump, a runtime that falls, and an export of the one into the other."""

    def __init__(self, edge: Falling, folder: Path, placement: str) -> None:
        self.edge, self.folder, self._placement = edge, folder, placement
        later = int(time.time()) + 90_000
        self.items = [
            {"key": f"{PREFIX}{number:04}", "value": f'{{"user":{number}}}'}
            | ({"expiration": later + number} if number % 3 else {})
            | ({"metadata": {"n": number}} if number % 5 == 0 else {})
            for number in range(SESSIONS)
        ]
        (folder / "sessions.ndjson").write_text("".join(json.dumps(item) + "\n" for item in self.items))
        self.env = variables(**{VARIABLE: keys()})

    @property
    def words(self) -> list[str]:
        url = self.edge.bridge(self._placement).url.rstrip("/")
        return ["export", "--source", "dump:sessions.ndjson", "--target", f"do+{url}", "--json"]

    def export(self) -> Ended:
        """In this process, without long waits."""
        settings = Settings(clock=Impatient(), ledger=self.folder / "ledger.db", environ=self.env)
        _, _, source, _, target, _ = self.words
        return runner.export(
            source.replace(":", f":{self.folder}/"), target, settings=settings, prefixes=(PREFIX,)
        )

    def check(self, report: dict[str, Any]) -> None:
        """The result of a copy that nothing disturbed: each record once, from one sweep."""
        tally = {name: count for name, count in report["tally"].items() if count}
        assert (report["exit"], report["balanced"], report["sweep"]) == (0, True, 1)
        assert tally == {"copied": SESSIONS}
        assert report["listed"] == SESSIONS
        bridge = self.edge.bridge(self._placement)
        rows = bridge.ask("read", {"keys": [item["key"] for item in self.items]})["rows"]
        for item, row in zip(self.items, rows, strict=True):
            assert base64.b64decode(row["value"]).decode() == item["value"]
            assert row["expiration"] == item.get("expiration")
            assert (row["metadata"] and json.loads(row["metadata"])) == item.get("metadata")
            assert (row["origin"], row["version"], row["sweep"]) == ("copy", 1, 1)
        lease = bridge.ask("checkpoint", {"names": ["lease"]})["notes"][0]
        assert json.loads(lease["body"])["held"] is None


@pytest.fixture(params=PLACEMENTS)
def ground(request: pytest.FixtureRequest, tmp_path: Path, quick_folder: Path) -> Iterator[Ground]:
    edge = Falling(quick_folder, request.param)
    edge.hold = FALLS[0]
    with edge:
        yield Ground(edge, tmp_path, request.param)


def test_a_runtime_that_is_killed_at_any_moment_of_a_copy_leaves_no_trace_in_it(ground: Ground) -> None:
    ended: list[Ended] = []
    exporting = threading.Thread(target=lambda: ended.append(ground.export()))
    exporting.start()
    for following in [*FALLS[1:], None]:
        ground.edge.fall()
        ground.edge.rise(following)
    exporting.join(60)
    assert not exporting.is_alive()
    assert ended[0].error is None
    ground.check(ended[0].document)


def test_when_exporter_and_runtime_are_killed_together_the_same_command_resumes(ground: Ground) -> None:
    words = [*COMMAND, *ground.words, "--quiet"]
    process = subprocess.Popen(words, cwd=ground.folder, env=ground.env, stdout=subprocess.DEVNULL)
    ground.edge.fall()
    process.kill()
    assert process.wait() == -signal.SIGKILL
    ground.edge.rise(None)
    done = kvferry(*ground.words, cwd=ground.folder, env=ground.env)
    ground.check(json.loads(done.stdout))
