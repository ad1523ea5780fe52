"""A connection to the fake API in the test's own time: nobody waits for anything."""

from __future__ import annotations

import random

from migrate.core.limiting import Budget, MemoryRequestLog, Rate
from migrate.core.ports import Clock
from migrate.stores.cloudflare import Api
from tests.fake_api import TOKEN, FakeServer


def connected(
    server: FakeServer,
    clock: Clock,
    *,
    token: str = TOKEN,
    budget: Budget | None = None,
    rate: Rate | None = None,
) -> Api:
    """The adapter's connection; its jitter is always the same."""
    return Api(
        server.url,
        token,
        clock=clock,
        log=MemoryRequestLog(),
        rate=rate or Rate(10**6, 1),
        budget=budget,
        chance=random.Random(1),
    )
