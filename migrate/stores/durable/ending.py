"""The end of a migration over the wire: every object is told, as far as it can be.

Why nothing is imported afterwards: migrate/edge/src/finish.ts.
"""

from __future__ import annotations

import contextlib

from migrate.bridge_keys import Scope
from migrate.core.ports import Clock
from migrate.stores.durable.bridge import Bridge, Choked, Health
from migrate.stores.durable.pace import chokes
from migrate.stores.durable.reading import OpenNamespace


def finish(bridge: Bridge, health: Health, open_namespace: OpenNamespace | None, clock: Clock) -> None:
    """Make it the end; returns once nothing can be imported any more.

    With one object per session those that are listed are told as well, if somebody can list them: without
    `open_namespace` only the bridge knows. Needs a key for deletions.
    """
    while (wait := float(bridge.ask("finish", Scope.DELETE, {"ids": []})["wait"])) > 0:
        clock.sleep(wait)
    if health.shards or open_namespace is None:
        return
    width = health.limits.objects
    with contextlib.closing(open_namespace(health)) as namespace:
        for page in namespace.pages():
            ids = [one.id for one in page if one.stored]
            while ids:
                some = ids[:width]
                try:
                    bridge.ask("finish", Scope.DELETE, {"ids": some}, chokes=chokes(len(some)))
                except Choked:
                    if len(some) == 1:
                        raise
                    width = max(1, len(some) // 2)
                    continue
                ids = ids[len(some) :]
