"""The application while it runs: its address, which of its versions are live, and keys for its bridge."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from migrate.bridge_keys import VARIABLE, Scope
from migrate.bridge_secret import find_secret, mint_all
from migrate.bridging.secret_file import KEYS_FILE, SECRET_FILE, write_keys
from migrate.core.comparing import Stage
from migrate.core.ports import Clock
from migrate.demo.live.project import LiveProject
from migrate.errors import MigrateError
from migrate.local_runtime import LocalRuntime, Tools
from migrate.opening import Settings

_DAY = 1.0
_PATIENCE = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class Deployed:
    """Which versions are live: `percent` of the requests go to `later`, the others to `earlier`."""

    earlier: Stage
    later: Stage
    percent: int = 100

    @property
    def live(self) -> tuple[Stage, ...]:
        """The versions that get requests, the later one first."""
        return (self.later,) if self.percent == 100 else (self.later, self.earlier)

    def __str__(self) -> str:
        """For a line of the story."""
        if self.percent == 100:
            return f"{self.later} everywhere"
        return f"{self.later} {self.percent} %, {self.earlier} {100 - self.percent} %"


class Site:
    """The running application, as users and operators reach it. Entering raises as `LocalRuntime`."""

    def __init__(self, project: LiveProject, tools: Tools, clock: Clock) -> None:
        self._project, self._clock = project, clock
        self._runtime = LocalRuntime(
            tools,
            project.deployment,
            project.bridge,
            state=project.state,
            others=tuple(project.versions.values()),
        )
        self.deployed = Deployed(Stage.KV, Stage.KV)

    @property
    def host(self) -> str:
        """HOST:PORT of the application."""
        return urlsplit(self._runtime.url).netloc

    @property
    def source(self) -> str:
        """The application's KV, as an address."""
        return f"kv+{self._runtime.url}/{self._project.namespace}"

    @property
    def target(self) -> str:
        """Its objects, as an address."""
        return f"do+{self._runtime.url}"

    @property
    def settings(self) -> Settings:
        """For export and verify: keys from the file, a ledger beside the application, nothing else."""
        keys = self._project.bridge.config.parent / KEYS_FILE
        folder = self._project.folder
        return Settings(
            clock=self._clock,
            ledger=folder / ".kvferry" / "ledger.db",
            cwd=folder,
            environ={f"{VARIABLE}_FILE": str(keys.resolve())},
        )

    def __enter__(self) -> Self:
        folder = self._project.bridge.config.parent
        secret = find_secret({}, folder, folder / SECRET_FILE)
        scopes = [Scope.IMPORT, Scope.VERIFY, Scope.DELETE]
        write_keys(folder / KEYS_FILE, mint_all(secret, scopes, self._clock.now(), _DAY))
        self._runtime.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runtime.__exit__(kind, error, trace)

    def deploy(self, deployed: Deployed) -> None:
        """From now on these versions are live; requests that are under way end where they are."""
        self._asked(
            "PUT",
            "/deployment",
            json.dumps({"earlier": deployed.earlier, "later": deployed.later, "percent": deployed.percent}),
        )
        self.deployed = deployed

    def counters(self) -> Mapping[str, Mapping[str, int]]:
        """What the session store has counted, by stage."""
        found: Mapping[str, Mapping[str, int]] = json.loads(self._asked("GET", "/counters"))
        return found

    def _asked(self, method: str, path: str, body: str | None = None) -> Any:
        connection = http.client.HTTPConnection(self.host, timeout=_PATIENCE)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            raise _gone() from None
        finally:
            connection.close()
        if answer.status >= 300:
            raise _gone()
        return text


def _gone() -> MigrateError:
    return MigrateError("the local runtime does not answer", "try again on a machine that is less busy")
