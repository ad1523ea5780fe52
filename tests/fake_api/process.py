"""The fake API as a process of its own, held by a pipe: it ends when its parent does."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parents[2]


class FakeProcess:
    """Starts `python -m tests.fake_api ARGUMENTS...`.

    `url`, `account`, `namespace` and `token` tell how to call it. Raises RuntimeError when it
    does not come up.
    """

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fake_api", *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.close()
            raise RuntimeError(
                f"the fake API ended with {self._process.returncode} before it said its address"
            )
        hello = json.loads(line)
        self.root: str = hello["root"]
        self.url: str = hello["url"]
        self.account: str = hello["account"]
        self.namespace: str = hello["namespace"]
        self.token: str = hello["token"]

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def control(self, **wanted: Any) -> None:
        """Change what it holds and what goes wrong: see `control.py`."""
        body = json.dumps(wanted).encode()
        request = urllib.request.Request(self.root + "/__control", body, method="POST")
        with urllib.request.urlopen(request, timeout=10):
            pass

    def stats(self) -> dict[str, Any]:
        """What it saw."""
        with urllib.request.urlopen(self.root + "/__control/stats", timeout=10) as answer:
            document: dict[str, Any] = json.load(answer)
        return document

    def close(self) -> None:
        """End it by closing its standard input; kill it when that does not help within 5 seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def __enter__(self) -> FakeProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
