"""What the migration has cost so far, by the requests that its reports counted and the price table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from migrate import addresses
from migrate.addresses import DurableAddress, KvAddress
from migrate.core.document import Document
from migrate.cost.effort import Cost, charged
from migrate.cost.prices import prices
from migrate.gate.exhibits import LISTING
from migrate.reporting.material import Material

_LISTS, _ROWS = "lists", 2
"""How requests for a listing are called in a report; rows written for one session (`cost.objects`)."""


def spending(material: Material, exports: Sequence[Document], verifies: Sequence[Document]) -> Document:
    """Each run with what it asked for and what that costs, and all together; oldest first.

    Each key that a run read is taken for one read, since that is how Cloudflare bills bulk reads.
    """
    bundle, table = material.bundle, prices()
    billed = isinstance(addresses.parse(bundle.source), KvAddress)
    objects = isinstance(addresses.parse(bundle.target), DurableAddress)
    rows = [_run("export", f"sweep {one['sweep']}", one, one["listed"]) for one in exports]
    rows += [_run("verify", f"number {one['number']}", one, one["values_read"]) for one in verifies]
    rows.sort(key=lambda one: one["started"]["unix"])
    total = {name: sum(one[name] for one in rows) for name in ("lists", "reads", "requests", "written")}
    used = {"reads": total["reads"], "lists": total["lists"]} if billed else {}
    written = total["written"] * _ROWS if objects else 0
    return {
        "dated": table.dated,
        "currency": table.currency,
        "billed": billed,
        "runs": rows,
        "total": total,
        "reading": _money(charged(used, table.kv)),
        "rows_written": written,
        "writing": _money(charged({"rows_written": written}, table.objects)),
        "throttled_seconds": round(sum(one["throttled_seconds"] for one in rows), 3),
        "clearing": _clearing(material) if billed else None,
    }


def _run(what: str, said: str, one: Document, reads: int) -> Document:
    requests: Mapping[str, int] = one["requests"]
    written = sum(term["keys"] for term in one["terms"] if term.get("outcome") in ("copied", "updated"))
    return {
        "what": what,
        "said": said,
        "started": one["started"],
        "requests": sum(requests.values()),
        "lists": requests.get(_LISTS, 0),
        "reads": reads if requests else 0,
        "written": written,
        "throttled_seconds": one["throttled_seconds"],
    }


def _clearing(material: Material) -> Document | None:
    """What deleting all that KV was last seen to hold costs; letting it expire costs nothing."""
    listings = [one for one in material.bundle.exhibits if one.kind == LISTING]
    if not listings:
        return None
    keys = listings[-1].document["keys"]
    return {
        "keys": keys,
        "at": listings[-1].document["finished"],
        **_money(charged({"deletes": keys}, prices().kv)),
    }


def _money(cost: Cost) -> Document:
    """`least`: when nothing else used what a paid plan includes; `most`: when that is used up."""
    return {"least": round(float(cost.least), 4), "most": round(float(cost.most), 4)}
