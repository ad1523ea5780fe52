"""How long an audit of a large tree takes, beside semgrep and ast-grep on the same tree, and of a small one.

All of them are whole processes that read the same files, take turns, and the median counts.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.bench import rivals
from tests.bench.claims import Claim
from tests.bench.searched import Tree, plant
from tests.bench.timing import BIN, Failed, Timed, run


def claims(disk: Path, *, quick: bool, rounds: int) -> Iterator[Claim]:
    """Cold and warm on a large tree, memory, and an ordinary project."""
    large = plant(_folder(disk, "large"), others=900 if quick else 8_700, using=100 if quick else 560)
    theirs = rivals.installed()
    (disk / "semgrep.yml").write_text(rivals.SEMGREP)
    (disk / "ast-grep.yml").write_text(rivals.AST_GREP)
    cold: list[Timed] = []
    warm: list[Timed] = []
    semgrep: list[Timed] = []
    ast_grep: list[Timed] = []
    for _ in range(rounds):
        semgrep.append(_semgrep(theirs, disk, large))
        cold.append(_audit(disk, large.folder, "--no-cache"))
        ast_grep.append(_ast_grep(theirs, disk, large))
        shutil.rmtree(disk / "cache", ignore_errors=True)
        first = _audit(disk, large.folder, "--cache-dir", disk / "cache")
        warm.append(_audit(disk, large.folder, "--cache-dir", disk / "cache"))
        if not first.output == warm[-1].output == cold[-1].output:
            raise Failed("the same tree was audited with different results")
    name = f"audit {large.files:,} files, {large.using} with KV, {large.size:.0f} MB"
    yield Claim(f"{name}, cold, semgrep", "s", _wall(cold), _wall(semgrep), most=None if quick else 1 / 15)
    yield Claim(f"{name}, cold, ast-grep", "s", _wall(cold), _wall(ast_grep), most=None if quick else 1)
    yield Claim(f"{name}, warm, semgrep", "s", _wall(warm), _wall(semgrep), most=None if quick else 1 / 50)
    parsed = json.loads(cold[0].output)["files"]["read"]
    yield Claim(f"the same, cold, per 1,000 of {parsed:,} parsed files", "s", _wall(cold) * 1000 / parsed)
    yield Claim("the same, peak memory", "MB", max(one.peak for one in cold), most=500)
    small = plant(_folder(disk, "small"), others=160, using=40)
    times = [_audit(disk, small.folder, "--no-cache") for _ in range(3 * rounds)]
    yield Claim(f"audit {small.files} files, {small.using} with KV, cold", "s", _wall(times), most=0.4)


def _folder(disk: Path, name: str) -> Path:
    folder = disk / name
    folder.mkdir()
    return folder


def _wall(times: list[Timed]) -> float:
    return median(one.wall for one in times)


def _audit(disk: Path, folder: Path, *options: str | Path) -> Timed:
    jobs = str(os.cpu_count() or 1)
    words = ["audit", folder, "--format", "json", "--exit-zero", "--jobs", jobs, *options]
    return run([BIN / "kvferry", *words], folder=disk)


def _semgrep(bin_: Path, disk: Path, tree: Tree) -> Timed:
    options = ("--metrics", "off", "--disable-version-check", "--no-git-ignore", "--json", "--quiet")
    environment = {"HOME": str(disk), "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}"}
    command = [bin_ / "semgrep", "scan", "--config", disk / "semgrep.yml", *options, tree.folder]
    done = run(command, folder=disk, environment=environment)
    scanned = len(json.loads(done.output)["paths"]["scanned"])
    if scanned < 0.95 * tree.files:
        raise Failed(f"semgrep scanned {scanned} of {tree.files} files")
    return done


def _ast_grep(bin_: Path, disk: Path, tree: Tree) -> Timed:
    options = ("--no-ignore", "vcs", "--no-ignore", "hidden", "--json=stream")
    done = run(
        [bin_ / "ast-grep", "scan", "--rule", disk / "ast-grep.yml", *options, tree.folder], folder=disk
    )
    if not done.output:
        raise Failed("ast-grep found nothing")
    return done
