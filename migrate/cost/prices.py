"""Cloudflare's prices and limits for KV and Durable Objects, as of a date: data, from prices.v1.json.

Prices change without notice, so every figure made with the table is shown with its date.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib import resources
from typing import Any

from migrate.core.limiting import Budget, Rate


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of operation. `per_million`: beyond what a paid plan includes each month."""

    per_million: Decimal
    included_per_month: int
    free_per_day: int


@dataclass(frozen=True, slots=True)
class Storage:
    """What is stored. `per_gb_month`: beyond `included_gb`, in GB of 10^9 bytes."""

    per_gb_month: Decimal
    included_gb: int


@dataclass(frozen=True, slots=True)
class Prices:
    """The table. `dated`: YYYY-MM. `ceiling`: what the REST API allows for all that a token does.

    `kv`: by operation: reads, lists, writes, deletes. `objects`: of Durable Objects: requests,
    rows_written, rows_read, gb_seconds, and worker_requests of the Worker before them; `objects_storage`:
    of their SQLite. `sources`: Cloudflare's pages it is from.
    """

    dated: str
    currency: str
    ceiling: Rate
    kv: Mapping[str, Operation]
    objects: Mapping[str, Operation]
    objects_storage: Storage
    sources: tuple[str, ...]

    @property
    def free_day(self) -> Budget:
        """What the free plan allows on one UTC day, to everybody who uses the account."""
        return Budget(self.kv["reads"].free_per_day, self.kv["lists"].free_per_day)


@functools.cache
def prices() -> Prices:
    """The table that this kvferry ships with."""
    text = resources.files("migrate.cost").joinpath("prices.v1.json").read_text(encoding="utf-8")
    table = json.loads(text)
    return Prices(
        dated=table["dated"],
        currency=table["currency"],
        ceiling=Rate(table["rest"]["requests"], float(table["rest"]["seconds"])),
        kv=_operations(table["kv"]),
        objects=_operations(table["objects"]),
        objects_storage=Storage(
            Decimal(table["objects_storage"]["per_gb_month"]), table["objects_storage"]["included_gb"]
        ),
        sources=tuple(table["sources"]),
    )


def _operations(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Operation]:
    return {
        name: Operation(Decimal(row["per_million"]), row["included_per_month"], row["free_per_day"])
        for name, row in rows.items()
    }
