"""The names of the application's steps in the model, as far as walks without a timeline come to them."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.model.application import begun, continued
from tests.model.search import live
from tests.model.walking import RULES, VALUES, Walk
from tests.model.world import BEGINNING, FIRST, ONLY, STAGES, Shared


def walks(seed: int, steps: int = 30) -> Iterator[tuple[Walk, Shared]]:
    """A walk before each of its steps: operations of neighbouring stages, now and then a tick or a day."""
    chance = random.Random(seed)
    walk, low = Walk(chance), seed % len(STAGES)
    if seed % 2:
        walk.days()  # since the login, so that there is something to renew
    for _ in range(steps):
        now = BEGINNING._replace(low=low, high=min(low + 1, ONLY), gate=low >= FIRST)
        yield walk, now
        step = walk.choose(now)
        if step is None or chance.random() < 0.15:
            chance.choice([walk.tick, walk.tick, walk.days])()
        else:
            walk.take(step)
        low = min(low + (chance.random() < 0.1), ONLY)


def walked(seed: int, steps: int = 30) -> Walk:
    """A walk to its end."""
    return [walk for walk, _ in walks(seed, steps)][-1]


def names(seeds: range) -> tuple[set[str], set[str]]:
    """Those of the steps that the model has for the sessions of some walks, and of those that they took."""
    offered: set[str] = set()
    taken: set[str] = set()
    for seed in seeds:
        for walk, now in walks(seed):
            for stage in live(now):
                begins = begun(walk.session, stage, VALUES, RULES, early=not now.gate)
                goes_on = continued(walk.session, RULES, early=not now.gate)
                offered |= {name for name, _ in (*begins, *goes_on)}
        taken |= {name for name in walk.names if " at " in name}
    return offered, taken
