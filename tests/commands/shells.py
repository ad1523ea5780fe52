"""Gets Debian's zsh and fish for the tests of completion, without root and without touching the machine.

python -m tests.commands.shells      get them, unless they are there already or the machine has them
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.browser.install import download

FOLDER = Path(__file__).parent / "debian"
PACKAGES = ("zsh-static", "zsh-common", "fish", "fish-common")


@dataclass(frozen=True)
class Shell:
    """What to start, and the variables that it needs to find what it was unpacked with."""

    binary: str
    environment: dict[str, str] = field(default_factory=dict)


def find(name: str) -> Shell:
    """bash, zsh or fish; gets it first if need be. Raises RuntimeError where it cannot be had."""
    if (there := shutil.which(name)) is not None:
        return Shell(there)
    root = install()
    if name == "zsh":
        functions = sorted({path.parent for path in (root / "usr/share/zsh/functions").rglob("*")})
        return Shell(str(root / "bin/zsh-static"), {"FPATH": ":".join(map(str, functions))})
    libraries = sorted({path.parent for path in root.rglob("*.so*")})
    found = {"LD_LIBRARY_PATH": ":".join(map(str, libraries))} if libraries else {}
    return Shell(str(root / "usr/bin" / name), found)


def install(folder: Path = FOLDER) -> Path:
    """Get and unpack the packages, once at a time; returns where they are."""
    folder.mkdir(exist_ok=True)
    root = folder / "root"
    with (folder / "lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(root, ignore_errors=True)
            for package in download(folder, PACKAGES):
                words = ("dpkg-deb", "--extract", os.fspath(package), os.fspath(root))
                subprocess.run(words, check=True, capture_output=True)
            shutil.rmtree(folder / "apt")
            (folder / "complete").write_text(" ".join(PACKAGES))
    return root


if __name__ == "__main__":
    for name in ("zsh", "fish"):
        print(find(name).binary, file=sys.stderr)
