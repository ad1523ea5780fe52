"""The operator of the rehearsal: types kvferry's commands, deploys stages, and waits.

Every command is the real command line, in a process of its own, by the rehearsal's clock.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from migrate.bridge_keys import VARIABLE
from migrate.core.document import Document
from migrate.demo.live.project import write_project
from tests.fake_api import ACCOUNT, NAMESPACE, TOKEN
from tests.flows.shell import variables
from tests.live.history import STAGES
from tests.rehearsal.runtime import Runtime, version
from tests.rehearsal.users import Users
from tests.stores.durable_side import keys

MINUTE = 60.0
_ENDS_WITHIN = 900.0
_AUTHOR = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.com")


class Operator:
    """`folder`: where the application's checkout and the ledger are."""

    def __init__(self, edge: Runtime, users: Users, folder: Path) -> None:
        self._edge, self._users, self._folder = edge, users, folder
        self._stage = 0
        self._script = write_project(folder).folder / "application"
        self.commit = self._committed()
        self.said: list[str] = []
        """All that commands have said, on both streams."""
        self._target = "do+" + edge.bridge("races").url.rstrip("/")
        self._stores = ("--source", f"kv://{ACCOUNT}/{NAMESPACE}", "--target", self._target)

    # ------------------------------------------------------------ commands

    def kvferry(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        """What a command says, which must end with one of these codes."""
        return self._run(*words, codes=codes).stdout

    def refused(self, *words: str) -> str:
        """Why a command about both stores does nothing."""
        return self._run(*words, *self._stores, "--quiet", codes=(2,)).stderr

    def _run(self, *words: str, codes: tuple[int, ...]) -> subprocess.CompletedProcess[str]:
        edge, keeper = self._edge, self._edge.keeper
        command = (sys.executable, "-m", "tests.rehearsal.kvferry", str(keeper.file), str(keeper.port))
        environment = variables(
            **{VARIABLE: keys("import", "verify", "values", "delete", "kv", now=edge.now())},
            CLOUDFLARE_API_TOKEN=TOKEN,
            CLOUDFLARE_ACCOUNT_ID=ACCOUNT,
            CLOUDFLARE_API_BASE_URL=edge.api,
        )
        done = subprocess.run(
            [*command, *words],
            cwd=self._folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_ENDS_WITHIN,
            check=False,
        )
        self.said += [done.stdout, done.stderr]
        assert done.returncode in codes, (words, done.returncode, done.stdout[-3000:], done.stderr[-3000:])
        return done

    def _reported(self, *words: str, codes: tuple[int, ...]) -> Document:
        return dict(json.loads(self.kvferry(*words, *self._stores, "--json", "--quiet", codes=codes)))

    def export(self, *more: str) -> Document:
        """A sweep, whose accounting must hold."""
        found = self._reported("export", "--rounds", "1", *more, codes=(0, 3))
        assert found["balanced"]
        return found

    def verify(self, stage: int, *more: str, codes: tuple[int, ...] = (0,)) -> Document:
        """Read both stores afresh."""
        return self._reported("verify", "--stage", STAGES[stage], *more, codes=codes)

    def gate(self, door: str, *more: str) -> Document:
        """A verdict, whatever it is."""
        words = ("gate", "--for", door, "--audit", str(self._script))
        return self._reported(*words, *more, codes=(0, 1, 3))

    def twice(self, command: str, *more: str) -> list[str]:
        """What a command that destroys would do, and what it did once it was told to."""
        stores = (*self._stores, "--quiet", *more)
        return [self.kvferry(command, *stores, *last) for last in ((), ("--execute", "--name", NAMESPACE))]

    def roll_back(self) -> None:
        """Until it is done: a session that is written meanwhile takes another time."""
        words = ("rollback", *self._stores, "--quiet")
        assert "FAILED" not in self.kvferry(*words)
        for _ in range(5):
            done = self._run(*words, "--execute", "--name", NAMESPACE, codes=(0, 3))
            if done.returncode == 0:
                return
        raise AssertionError(f"it does not end: {done.stdout}")

    def report(self) -> str:
        """What a reviewer is shown."""
        return self.kvferry("report", *self._stores, "--quiet", "--format", "markdown")

    def evidence(self) -> Path:
        """A bundle of all evidence."""
        file = self._folder / "evidence.json"
        file.write_text(self.kvferry("evidence", "export", *self._stores, "--json", "--quiet"))
        return file

    def configure(self, text: str) -> None:
        """What all commands go by from now on."""
        (self._folder / "kvferry.toml").write_text(text + "\n")

    # ------------------------------------------------------------ deployments, and time

    def deploy(self, stage: int, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Roll out the version at this stage: half of the requests at first, then all. `meanwhile`: what
        happens while both versions are live."""
        old, self._stage = self._stage, stage
        if old != stage:
            self._edge.serve(self.commit, **{version(old): 50.0, version(stage): 50.0})
            self._users.roll_out(old, stage)
            meanwhile()
            self.wait(MINUTE)
        self._users.roll_out(stage)
        self._edge.serve(self.commit, **{version(stage): 100.0})

    def wait(self, seconds: float) -> None:
        """The application is used meanwhile."""
        self._edge.keeper.let_pass(seconds)

    def _committed(self) -> str:
        """The commit of the application, which is what is audited."""
        for words in (
            ("init", "-q"),
            ("add", "."),
            (*_AUTHOR, "commit", "-q", "-m", "Use the session store"),
        ):
            subprocess.run(["git", *words], cwd=self._script, check=True, capture_output=True)
        told = subprocess.run(["git", "rev-parse", "HEAD"], cwd=self._script, check=True, capture_output=True)
        return told.stdout.decode().strip()


def unmet(verdict: Document) -> dict[str, str]:
    """The conditions of a verdict that did not pass, and how they stand."""
    return {one["name"]: one["standing"] for one in verdict["conditions"] if one["standing"] != "passed"}
