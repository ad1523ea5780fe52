"""Resolve pyproject.toml into lock files with versions and hashes, and nothing else."""

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def compile_lock(name: str, *arguments: str, source: Path = ROOT / "pyproject.toml") -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "piptools", "compile", "--quiet", "--generate-hashes", "--allow-unsafe"),
            *(
                "--strip-extras",
                "--no-header",
                "--no-annotate",
                "--no-emit-index-url",
                "--no-emit-find-links",
            ),
            *("--no-emit-trusted-host", "--output-file", str(HERE / name), *arguments),
            str(source),
        ],
        check=True,
        cwd=ROOT,
    )
    path = HERE / name
    text = "".join(line for line in path.read_text().splitlines(keepends=True) if "find-links" not in line)
    path.write_text(text.lstrip())
    if re.search(r"https?://|file:/", text):
        raise SystemExit(f"{name} holds an address")


compile_lock("runtime.txt", "--all-build-deps")
compile_lock("dev.txt", "--all-build-deps", "--extra", "dev")
compile_lock("edge.txt", "--all-build-deps", "--extra", "edge")
compile_lock("rivals.txt", source=HERE / "rivals.in")
