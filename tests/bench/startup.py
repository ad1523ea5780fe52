"""How long kvferry takes to start, beside bare Python."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.bench.claims import Claim
from tests.bench.timing import BIN, run


def claims(folder: Path, *, rounds: int) -> Iterator[Claim]:
    """`kvferry --version` may cost a tenth of a second more than `python -c pass`."""
    bare, version, usage = [], [], []
    for _ in range(rounds):
        version.append(run([BIN / "kvferry", "--version"], folder=folder).wall)
        bare.append(run([sys.executable, "-c", "pass"], folder=folder).wall)
        usage.append(run([BIN / "kvferry", "export", "--help"], folder=folder).wall)
    python = median(bare)
    yield Claim("kvferry --version, beyond python -c pass", "s", median(version) - python, most=0.1)
    yield Claim("kvferry export --help, beyond python -c pass", "s", median(usage) - python)
