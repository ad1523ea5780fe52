"""Cloudflare's own local runtime, started for the tests: `wrangler dev` with a Worker that seeds KV.

    with LocalRuntime(tmp_path, "4.164") as runtime:
        runtime.seed([Seed("spotify_session:a", b"value", metadata={"v": 1}, ttl=3600)])
        runtime.url, runtime.namespace_id(), runtime.state_dir

It is real: what it holds is read back over its REST API and from its files. It never becomes
stale and never says 429; for those there is `tests.fake_api`.
"""

from __future__ import annotations

import atexit
import base64
import hashlib
import hmac
import json
import shutil
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from migrate.local_runtime import Leashed
from tests.runtime.install import install, node, quiet_environment

VERSIONS = {"4.164": "wrangler", "4.86": "wrangler-4-86"}
"""wrangler's version -> the npm package that holds it. The older one has the older explorer path."""

EXPLORER = {"4.164": "/cdn-cgi/local/explorer/api", "4.86": "/cdn-cgi/explorer/api"}
"""wrangler's version -> where its local REST API is (4.164 answers at the older path too)."""

BINDINGS = {
    "SESSIONS": "5e55105e55105e55105e55105e551050",
    "PREVIEWED": "22222222222222222222222222222222",
    "UNNAMED": "UNNAMED",
}
"""Binding -> the namespace's local name: its preview_id, else its id, else the binding itself."""

READY_WITHIN = 60.0
WORKER = Path(__file__).parent / "worker"
_BYTES_AT_ONCE = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Seed:
    """One put through the binding; `expiration` (Unix seconds) or `ttl` at least 60 s ahead, or neither."""

    key: str
    value: bytes
    metadata: Any = None
    expiration: int | None = None
    ttl: int | None = None

    def item(self) -> dict[str, Any]:
        """As the Worker wants it."""
        options = {"metadata": self.metadata, "expiration": self.expiration, "expirationTtl": self.ttl}
        given = {name: value for name, value in options.items() if value is not None}
        return {"key": self.key, "base64": base64.b64encode(self.value).decode(), **given}


class LocalRuntime:
    """A running `wrangler dev` in `folder`, which holds its configuration and its state.

    Raises RuntimeError, with the end of its log, when it does not come up.
    """

    def __init__(self, folder: Path, version: str = "4.164", worker: Path = WORKER) -> None:
        self.version = version
        self.folder = folder / "project"
        self.state_dir = self.folder / ".wrangler" / "state"
        self._worker = worker
        self._home = folder / "home"
        self._log = folder / "wrangler.log"
        self._process: Leashed | None = None
        self.url = ""

    @property
    def explorer(self) -> str:
        """The base of its REST API for KV."""
        return self.url + EXPLORER[self.version]

    @property
    def process_group(self) -> int:
        """The process group that wrangler and all its children are in."""
        assert self._process is not None
        return self._process.group

    def namespace_id(self, binding: str = "SESSIONS") -> str:
        """The name of a binding's namespace, in its REST API and on disk."""
        return BINDINGS[binding]

    def seed(self, items: Iterable[Seed], binding: str = "SESSIONS") -> None:
        """Put through the binding."""
        batch: list[dict[str, Any]] = []
        size = 0
        for item in items:
            batch.append(item.item())
            size += len(item.value) + 200
            if size > _BYTES_AT_ONCE:
                self._post("/seed", binding, batch)
                batch, size = [], 0
        self._post("/seed", binding, batch)

    def delete(self, keys: Iterable[str], binding: str = "SESSIONS") -> None:
        """Delete through the binding."""
        self._post("/delete", binding, list(keys))

    def clear(self, binding: str = "SESSIONS") -> None:
        """Delete all that the binding lists."""
        self._post("/clear", binding, None)

    def read(self, key: str, binding: str = "SESSIONS") -> tuple[bytes, Any] | None:
        """Value and metadata as the binding gives them to an application."""
        found = self._post("/read", binding, key)
        return None if found is None else (base64.b64decode(found["base64"]), found["metadata"])

    def database(self, binding: str = "SESSIONS") -> Path:
        """The namespace's SQLite file; exists once the namespace has been used."""
        kind = "miniflare-KVNamespaceObject"
        secret = hashlib.sha256(kind.encode()).digest()
        name = hmac.digest(secret, self.namespace_id(binding).encode(), "sha256")[:16]
        proof = hmac.digest(secret, name, "sha256")[:16]
        return self.state_dir / "v3" / "kv" / kind / f"{(name + proof).hex()}.sqlite"

    def blobs(self, binding: str = "SESSIONS") -> Path:
        """The folder with the namespace's values."""
        return self.state_dir / "v3" / "kv" / self.namespace_id(binding) / "blobs"

    def set_expiration(self, key: str, expiration: int, binding: str = "SESSIONS") -> None:
        """Change a key's expiration behind the runtime's back, also into the past: tests need not wait."""
        with closing(sqlite3.connect(self.database(binding), timeout=10)) as database, database:
            done = database.execute(
                "UPDATE _mf_entries SET expiration = ? WHERE key = ?", (expiration * 1000, key)
            )
            if done.rowcount != 1:
                raise KeyError("no such key in the runtime's state")

    def log(self, lines: int = 40) -> str:
        """The last lines of wrangler's log."""
        text = self._log.read_text(errors="replace") if self._log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def wrangler(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
        """Run another wrangler command of the same version in the same folder."""
        return run_wrangler(self.folder, self._home, arguments, environment, self.version)

    def __enter__(self) -> LocalRuntime:
        install()
        shutil.copytree(self._worker, self.folder, dirs_exist_ok=True)
        self._home.mkdir(parents=True, exist_ok=True)
        for attempt in range(3):  # somebody else may take the free port first
            self._start()
            if self._ready():
                return self
            self._stop()
            if "in use" not in self.log() or attempt == 2:
                break
        raise RuntimeError(f"wrangler {self.version} did not come up:\n{self.log()}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _start(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = wrangler_command(self.version)
        command += ["dev", "--ip", "127.0.0.1", "--port", str(port), "--inspector-port", "0"]
        environ = quiet_environment(self._home)
        self._process = Leashed(command, folder=self.folder, environ=environ, log=self._log)
        atexit.register(self._stop)

    def _ready(self) -> bool:
        deadline = time.monotonic() + READY_WITHIN
        while self._process is not None and self._process.running() and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(self.url + "/", timeout=5) as answer:
                    if answer.read() == b"ready":
                        return True
            except OSError:
                time.sleep(0.05)
        return False

    def _stop(self) -> None:
        """Let wrangler end what it started, then end what is left of its group."""
        process, self._process = self._process, None
        atexit.unregister(self._stop)
        if process is not None:
            process.end()

    def _post(self, path: str, binding: str, body: Any) -> Any:
        data = json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}?binding={binding}", data, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                text = refused.read().decode(errors="replace")
            raise RuntimeError(f"the Worker said {refused.code}: {text[:500]}") from None


def wrangler_command(version: str) -> list[str]:
    """How to start wrangler, without the launcher that would start one more Node.js."""
    package = install() / VERSIONS[version]
    return [str(node()), "--no-warnings", str(package / "wrangler-dist" / "cli.js")]


def run_wrangler(
    folder: Path,
    home: Path,
    arguments: Sequence[str],
    environment: dict[str, str],
    version: str = "4.164",
) -> subprocess.CompletedProcess[bytes]:
    """Run one wrangler command to its end, within a minute; never raises for its exit code."""
    home.mkdir(parents=True, exist_ok=True)
    return subprocess.run(
        [*wrangler_command(version), *arguments],
        cwd=folder,
        env=quiet_environment(home) | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
