"""Installs a locked npm project into the user's cache folder, once for each lock file.

The folder's name is the hash of what is installed, and it appears only when everything is in it: it is
made beside and then renamed, by one process at a time. No install scripts run.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from migrate.errors import ConfigError
from migrate.local_runtime.node import Node, find_node

MANIFEST, LOCK = "package.json", "package-lock.json"


@dataclass(frozen=True, slots=True)
class Tools:
    """What runs Workers: Node.js, and the node_modules with wrangler in it."""

    node: Node
    modules: Path

    @property
    def wrangler(self) -> list[str]:
        """How to start wrangler, without the launcher that would start one more Node.js."""
        cli = self.modules / "wrangler" / "wrangler-dist" / "cli.js"
        return [str(self.node.binary), "--no-warnings", str(cli)]


def cache_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where installed tools are kept. Raises ConfigError when there is no home to have a folder in."""
    given = (os.environ if environ is None else environ).get("XDG_CACHE_HOME", "")
    try:
        base = Path(given) if os.path.isabs(given) else Path.home() / ".cache"
    except RuntimeError:
        raise ConfigError(
            "there is no home folder to keep tools in", "export XDG_CACHE_HOME=FOLDER"
        ) from None
    return base / "kvferry" / "npm"


def find_tools(say: Callable[[str], None] | None = None) -> Tools:
    """What migrate/edge's own project names, in the user's cache. Raises as `installed`, `find_node`."""
    node, cache = find_node(), cache_folder()
    with resources.as_file(resources.files("migrate") / "edge") as project:
        return Tools(node, installed(project, node, cache, say))


def installed(project: Path, node: Node, cache: Path, say: Callable[[str], None] | None = None) -> Path:
    """The node_modules with exactly what the lock file of `project` names; `say` is told if npm must run.

    Raises MigrateError when npm fails, ConfigError when the cache cannot be written; then nothing is kept.
    """
    name = installed_as(project)
    kept = cache / name
    modules = kept / "node_modules"
    if modules.is_dir():
        return modules
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (cache / f"{name}.lock").open("w") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            if not modules.is_dir():
                if say is not None:
                    say("installing Cloudflare's local runtime from npm, this once …")
                for left in cache.glob(f"{name}.new-*"):
                    shutil.rmtree(left, ignore_errors=True)  # of one that was killed
                _install(project, node, cache, name)
    except OSError as error:
        reason = (error.strerror or "error").lower()
        raise ConfigError(
            f"tools cannot be installed into {cache}: {reason}", "export XDG_CACHE_HOME=FOLDER"
        ) from None
    return modules


def _install(project: Path, node: Node, cache: Path, name: str) -> None:
    made = Path(tempfile.mkdtemp(prefix=f"{name}.new-", dir=cache))
    try:
        for file in (MANIFEST, LOCK):
            shutil.copyfile(project / file, made / file)
        node.run_npm(made, "ci", "--ignore-scripts")
        made.rename(cache / name)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def installed_as(project: Path) -> str:
    """What the cache calls an installation: the lock file's hash, and the platform whose binaries it has."""
    wanted = hashlib.sha256()
    for file in (MANIFEST, LOCK):
        wanted.update((project / file).read_bytes())
    return f"{wanted.hexdigest()[:24]}-{sys.platform}-{platform.machine()}"
