"""Walks of the model of the staged protocol, taken by `SessionStore` over a SQLite file: how many agree."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.claims import Claim
from tests.session_store.walks import Disagreement, walks

WALKS = 10_000
_ONCE = 500


def claims(folder: Path, *, quick: bool) -> Iterator[Claim]:
    """Walks from seeds that `make test` does not use. Quick: a twentieth of them."""
    wanted = _ONCE if quick else WALKS
    agreed, began = 0, time.monotonic()
    for seed in range(1000, 1000 + wanted // _ONCE):
        try:
            walks(folder / f"walks-{seed}.db", seed, _ONCE)
        except Disagreement as error:
            print(f"seed {seed}: {error}", flush=True)
        else:
            agreed += _ONCE
    took = time.monotonic() - began
    yield Claim("walks of the model that SQLite and exporter agree with", "walks", agreed, least=wanted)
    yield Claim("walks of the model over SQLite", "walks/s", wanted / took)
