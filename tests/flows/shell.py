"""The command as its users run it: a process with arguments, variables, two streams and an exit code."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fake_api import ACCOUNT, NAMESPACE, TOKEN, FakeServer
from tests.fake_api.faults import Action
from tests.fake_api.wire import Call

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-c", "from migrate.main import main; main()")
KV = f"kv://{ACCOUNT}/{NAMESPACE}"
PREFIX = "spotify_session:"


def variables(fake: FakeServer | None = None, **more: str) -> dict[str, str]:
    """What a command gets to see of the environment: nothing of whoever runs the tests."""
    kept = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
    if fake is not None:
        kept |= {"CLOUDFLARE_API_TOKEN": TOKEN, "CLOUDFLARE_API_BASE_URL": fake.url}
    return kept | more


def kvferry(
    *words: str, cwd: Path, env: Mapping[str, str] | None = None, timeout: float = 120, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(
        [*COMMAND, *words],
        cwd=cwd,
        env=variables() if env is None else env,
        capture_output=True,
        text=True,
        timeout=timeout,
        **options,
    )


def started(*words: str, cwd: Path, env: Mapping[str, str]) -> subprocess.Popen[str]:
    """Run it beside the test."""
    return subprocess.Popen(
        [*COMMAND, *words], cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@dataclass(frozen=True)
class Gate(Action):
    """The first call whose body has the text is not answered before the test says so."""

    text: bytes = b""
    arrived: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def before(self, call: Call) -> None:
        if self.text in call.body and not self.arrived.is_set():
            self.arrived.set()
            self.opened.wait(100)
