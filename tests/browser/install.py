"""Gets the headless Chromium of Debian for the tests, without root and without touching the machine.

    python tests/browser/install.py      get it, unless it is there already or the machine has one

apt resolves and verifies the packages as on every Debian, but with folders of its own here; they are unpacked
beside this file, and the browser is started from there. Where there is no apt, the machine must have one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "debian"
PACKAGES = ("chromium-headless-shell", "fonts-dejavu-core")
_MACHINES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_BINARY = Path("usr/lib/chromium/chromium-headless-shell")
_FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{fonts}</dir><cachedir>{cache}</cachedir></fontconfig>
"""


@dataclass(frozen=True)
class Chromium:
    """What to start, and the variables that it needs to find what it was unpacked with."""

    binary: Path
    environment: dict[str, str]


def find() -> Chromium:
    """The browser of the tests; gets it first if need be. Raises RuntimeError where it cannot be had."""
    there = next((found for name in _MACHINES if (found := shutil.which(name))), None)
    if there is not None:
        return Chromium(Path(there), {})
    root = install()
    libraries = [root / "usr/lib/x86_64-linux-gnu", root / "lib/x86_64-linux-gnu"]
    libraries += sorted((root / "usr/lib").glob("*-linux-gnu*"))
    libraries += sorted((root / "usr/lib").glob("*-linux-gnu*/pulseaudio"))
    paths = os.pathsep.join(dict.fromkeys(str(one) for one in libraries if one.is_dir()))
    fonts = FOLDER / "fonts.conf"
    return Chromium(root / _BINARY, {"LD_LIBRARY_PATH": paths, "FONTCONFIG_FILE": str(fonts)})


def install(folder: Path = FOLDER) -> Path:
    """Get and unpack the packages, once at a time; returns where they are."""
    folder.mkdir(exist_ok=True)
    root = folder / "root"
    with (folder / "lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(root, ignore_errors=True)
            for package in download(folder, PACKAGES):
                _run("dpkg-deb", "--extract", str(package), str(root))
            (folder / "fonts.conf").write_text(
                _FONTS.format(fonts=root / "usr/share/fonts", cache=folder / "cache")
            )
            shutil.rmtree(folder / "apt")
            (folder / "complete").write_text(" ".join(PACKAGES))
    return root


def download(folder: Path, packages: Sequence[str]) -> list[Path]:
    """The packages and all that they need and the machine lacks, as files in a folder `apt`."""
    if shutil.which("apt-get") is None:
        raise RuntimeError(f"there is no apt here: install {' '.join(packages)}, or the like, by hand")
    apt = folder / "apt"
    for part in ("lists/partial", "cache/archives/partial"):
        (apt / part).mkdir(parents=True, exist_ok=True)
    options = (
        f"Dir::State={apt}",
        f"Dir::Cache={apt}/cache",
        "Dir::State::status=/var/lib/dpkg/status",
        "APT::Install-Recommends=false",
        "APT::Sandbox::User=",
        "Debug::NoLocking=true",
    )
    words = [word for option in options for word in ("-o", option)]
    _run("apt-get", *words, "-qq", "update")
    _run("apt-get", *words, "-qq", "--yes", "--download-only", "--reinstall", "install", *packages)
    return sorted((apt / "cache/archives").glob("*.deb"))


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words[:1])} failed: {done.stderr.strip()[-2000:]}")


if __name__ == "__main__":
    print(find().binary, file=sys.stderr)
