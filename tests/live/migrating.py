"""Whoever migrates while the application is used: exports, sweeps, verifies, buries, opens the gate.

Everything that has a command is that command, in a process of its own. What has none yet is done here by
hand, through the bridge, by the rules: burying what KV lacks, and the gate.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from migrate.bridge_keys import VARIABLE
from migrate.stores.stamp import unstamped
from tests.edge.edge import digest_text
from tests.flows.shell import started, variables
from tests.live.runtime import Racing
from tests.stores.durable_side import keys

LATE = 0.8
"""Seconds by which a half may land after its write has ended, and then some."""

_KV = "kv://0123456789abcdef0123456789abcdef/fedcba9876543210fedcba9876543210"
_KILLER = Path(__file__).parents[1] / "edge" / "killed.py"
_ENDS_WITHIN = 60.0


class Migration:
    """A ledger in a folder, and the two stores of a runtime."""

    def __init__(self, edge: Racing, folder: Path) -> None:
        self._edge, self._folder = edge, folder
        base = edge.apps[-1] + "client/v4"
        self._env = variables(
            **{VARIABLE: keys(), "CLOUDFLARE_API_TOKEN": "planted-token", "CLOUDFLARE_API_BASE_URL": base}
        )
        self.horizon = edge.stale + LATE

    # ------------------------------------------------------------ commands

    def begin(self, command: str, *more: str) -> subprocess.Popen[str]:
        """Start an export or a verify."""
        return started(*self._words(command), *more, cwd=self._folder, env=self._env)

    def _words(self, command: str) -> tuple[str, ...]:
        bridge = self._edge.bridge("races").url.rstrip("/")
        stores = ("--source", _KV, "--target", f"do+{bridge}")
        calm = ("--settle", str(self.horizon), "--rate", "100000/1", "--rounds", "1", "--json", "--quiet")
        return (command, *stores, *calm)

    def end(self, process: subprocess.Popen[str], *codes: int) -> dict[str, Any]:
        """Its report, once it has ended with one of these codes."""
        out, said = process.communicate(timeout=_ENDS_WITHIN)
        assert process.returncode in codes, (process.args, process.returncode, out[-2000:], said[-2000:])
        return dict(json.loads(out)) if out else {}

    def run(self, command: str, *more: str, codes: tuple[int, ...] = (0,)) -> dict[str, Any]:
        """Begin and end."""
        return self.end(self.begin(command, *more), *codes)

    def killed(self) -> None:
        """Begin the first export, and kill -9 it as soon as the sessions of a page are copied."""
        command = [sys.executable, str(_KILLER), "after", "3", *self._words("export")]
        done = subprocess.run(
            command, cwd=self._folder, env=self._env, capture_output=True, timeout=_ENDS_WITHIN, check=False
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert any(row["origin"] == "copy" for row in self._edge.rows().values())

    # ------------------------------------------------------------ by hand

    def bury(self) -> int:
        """Make tombstones of the rows that KV lacks, twice and a horizon apart; how many. Nobody writes."""
        first = self._lacking()
        time.sleep(self.horizon)
        both = {key: row for key, row in self._lacking().items() if first.get(key) == row}
        if both:
            order = {"batch": f"bury-{time.time()}", "notAfter": time.time() + 300, "expect": []}
            named = [{"key": key, "version": row["version"]} for key, row in both.items()]
            outcomes = self._edge.bridge("races").ask("bury", order | {"rows": named}, "delete")["outcomes"]
            assert set(outcomes) == {"buried"}
        return len(both)

    def fence(self) -> None:
        """A gate's verify begins: from now on no sweep changes a row."""
        time.sleep(self._edge.bridge("races").ask("fence", {"up": True}, "import")["wait"])

    def _lacking(self) -> dict[str, Any]:
        kept, now = self._edge.kept(), time.time()
        ours = {key: row for key, row in self._edge.rows().items() if row["origin"] in ("copy", "dual")}
        return {key: row for key, row in ours.items() if key not in kept and _alive(row, now)}

    def disagreeing(self) -> set[str]:
        """The keys in which the stores differ, by a look of our own. Nobody writes."""
        kept, rows, now = self._edge.kept(), self._edge.rows(), time.time()
        return {key for key in kept.keys() | rows.keys() if not _agree(kept.get(key), rows.get(key), now)}


def _agree(kept: Mapping[str, Any] | None, row: Mapping[str, Any] | None, now: float) -> bool:
    """As a gate sees it: a tombstone and an application's own row are right whatever KV has."""
    if row is None:
        return kept is None
    if row["tombstone"] is not None or row["origin"] == "app":
        return True
    if kept is None:
        return not _alive(row, now)
    own, until = unstamped(json.dumps(kept["metadata"]), kept["expiration"])
    metadata = None if own in (None, "null") else json.loads(own)
    same = digest_text(kept["value"].encode()) == row["digest"]
    same = same and metadata == (None if row["metadata"] is None else json.loads(row["metadata"]))
    return bool(same and abs(until - row["expiration"]) <= 1)  # type: ignore[operator]


def _alive(row: Mapping[str, Any], now: float) -> bool:
    return row["tombstone"] is None and (row["expiration"] is None or row["expiration"] > now)
