"""An application and the bridge beside it in one `wrangler dev`, behind one port of 127.0.0.1.

    with LocalRuntime(tools, application, bridge, state=folder) as runtime:
        runtime.url       the application; below /kvferry/v1/ the bridge; KV under Cloudflare's local API

Both Workers are started from their own configurations, unchanged. A small Worker of ours listens in front
and hands each request to one of them.
"""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import TracebackType

from migrate.errors import ConfigError, MigrateError
from migrate.local_runtime.environment import quiet_environment
from migrate.local_runtime.packages import Tools
from migrate.local_runtime.process import Leashed

READY_WITHIN = 60.0
FRONT = "kvferry-local-front"
HOST = "127.0.0.1"
_DATE = "2026-04-01"
_TRIES = 3
_LAST_WORDS = 80  # lines: what went wrong may come before the lists of all bindings


@dataclass(frozen=True, slots=True)
class Worker:
    """A Worker's name, as others bind it, and the file of its configuration."""

    name: str
    config: Path


class LocalRuntime:
    """Both Workers, running. `state`: the folder that keeps KV and objects. `port`: None for any.
    `others`: more Workers, which those two bind as services or for their classes.

    Entering raises MigrateError when it does not come up, and writes the end of what wrangler said to
    standard error; ConfigError when the port is taken.
    """

    def __init__(
        self,
        tools: Tools,
        application: Worker,
        bridge: Worker,
        *,
        state: Path,
        port: int | None = None,
        environment: str | None = None,
        others: Sequence[Worker] = (),
    ) -> None:
        self._tools = tools
        self._workers = (application, bridge)
        self._others = tuple(others)
        self._state = state
        self._wanted = port
        self._environment = environment
        self._folder: Path | None = None
        self._process: Leashed | None = None
        self.url = ""

    @property
    def group(self) -> int:
        """The process group of wrangler and all that it started."""
        if self._process is None:
            raise RuntimeError("it does not run")
        return self._process.group

    def running(self) -> bool:
        """Has it not ended by itself?"""
        return self._process is not None and self._process.running()

    def said(self) -> str:
        """The last lines of what wrangler said."""
        return "" if self._process is None else self._process.said(_LAST_WORDS)

    def __enter__(self) -> LocalRuntime:
        if self._wanted is not None:
            _check_free(self._wanted)  # whoever is there already would answer in our place
        self._folder = Path(tempfile.mkdtemp(prefix="kvferry-local-"))
        try:
            self._write_front(self._folder)
            for _ in range(_TRIES):
                port = self._wanted or _free_port()
                self._start(self._folder, port)
                if self._ready(port):
                    self.url = f"http://{HOST}:{port}"
                    return self
                said = self.said()
                self._end()
                if "in use" not in said or self._wanted is not None:
                    break  # else somebody took the free port first
        except BaseException:
            self._stop()
            raise
        self._stop()
        raise _failed(said)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _write_front(self, folder: Path) -> None:
        application, bridge = self._workers
        front = folder / "front"
        front.mkdir()
        text = resources.files("migrate").joinpath("local_runtime", "front.ts").read_text(encoding="utf-8")
        (front / "front.ts").write_text(text, encoding="utf-8")
        services = [
            {"binding": "APPLICATION", "service": application.name},
            {"binding": "BRIDGE", "service": bridge.name},
        ]
        config: dict[str, object] = {
            "name": FRONT,
            "main": "front.ts",
            "compatibility_date": _DATE,
            "services": services,
        }
        if self._environment is not None:  # wrangler looks for it in every configuration
            config["env"] = {self._environment: {"name": FRONT, "services": services}}
        (front / "wrangler.json").write_text(json.dumps(config))
        (folder / "home").mkdir()

    def _start(self, folder: Path, port: int) -> None:
        words = [*self._tools.wrangler, "dev", "-c", str(folder / "front" / "wrangler.json")]
        for worker in (*self._others, *reversed(self._workers)):
            words += ["-c", str(worker.config.resolve())]
        words += ["--ip", HOST, "--port", str(port), "--inspector-port", "0"]
        words += ["--persist-to", str(self._state.resolve()), "--show-interactive-dev-session=false"]
        if self._environment is not None:
            words += ["--env", self._environment]
        environ = quiet_environment(folder / "home", self._tools.modules)
        project = self._workers[0].config.resolve().parent
        self._process = Leashed(words, folder=project, environ=environ, log=folder / "log")

    def _ready(self, port: int) -> bool:
        """Does the bridge answer, with the problem that it has for whoever brings no key?"""
        deadline = time.monotonic() + READY_WITHIN
        while self.running() and time.monotonic() < deadline:
            connection = http.client.HTTPConnection(HOST, port, timeout=10)
            try:
                connection.request("GET", "/kvferry/v1/health")
                answer = connection.getresponse()
                if answer.headers.get_content_type() == "application/problem+json":
                    return True
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
            time.sleep(0.05)
        return False

    def _end(self) -> None:
        if self._process is not None:
            self._process.end()

    def _stop(self) -> None:
        self._end()
        self._process = None
        folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _failed(said: str) -> MigrateError:
    sys.stderr.write(f"{said}\n")
    return MigrateError("the local runtime did not come up", "mend what it names above, then try again")


def _check_free(port: int) -> None:
    """Raise ConfigError for a port that somebody listens on, or that we may not listen on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # of one that has ended, nothing is left
        try:
            probe.bind((HOST, port))
        except OSError as error:
            reason = (error.strerror or "error").lower()
            raise ConfigError(f"port {port}: {reason}", "name another --port, or none for any") from None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port
