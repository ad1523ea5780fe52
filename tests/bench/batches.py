"""Walks of the model of the staged protocol, interleaved on the local runtime: how many agree."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.claims import Claim
from tests.edge.batch import Batch, Build, Counts, Disagreement
from tests.edge.edge import Edge
from tests.edge.ground import APART

WALKS = 10_000
_AT_ONCE = 40
_SEEDS = 1000
"""The first seed; `make test` has other ones."""


def claims(folder: Path, *, quick: bool) -> Iterator[Claim]:
    """Quick: a twentieth of them. Every tenth batch has an object for each session."""
    wanted = (WALKS // 20 if quick else WALKS) // _AT_ONCE
    counts, agreed, began = Counts(), 0, time.monotonic()
    with Edge(folder) as edge:
        for number in range(wanted):
            build = APART if number % 10 == 9 else Build()
            try:
                counts.add(Batch(edge, _SEEDS + number, _AT_ONCE, build=build).run())
            except Disagreement as error:
                print(error, flush=True)
            else:
                agreed += _AT_ONCE
    took = time.monotonic() - began
    least = wanted * _AT_ONCE
    yield Claim("walks of the model that the code on Workers agrees with", "walks", agreed, least=least)
    yield Claim("steps of operations in them, each as the model says", "steps", counts.steps)
    yield Claim("reads in them, each as the model says", "reads", counts.reads)
    yield Claim("rows that exporter and verify saw in them", "rows", counts.rows)
    yield Claim("names of the model's steps that they met", "names", len(counts.names))
    yield Claim("time that they took", "s", took)
