"""The accounts of exports and verifies: what was listed or compared, what became of it, and does it add up.

Each is added up again here: that a report says of itself that it balances is no proof.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from migrate.core.document import Document
from migrate.core.ports import Outcome
from migrate.formats.verify import ASIDE
from migrate.gate.exhibits import EXPORT, VERIFY, Exhibit

_RUN = ("run", "configuration", "started", "finished", "state", "partial", "settle_seconds", "note")
_SPENT = ("requests", "throttled_seconds")


def exports(exhibits: Iterable[Exhibit]) -> list[Document]:
    """The account of each export, the newest first."""
    found = [_export(one) for one in exhibits if one.kind == EXPORT]
    return sorted(found, key=lambda one: one["finished"]["unix"], reverse=True)


def verifies(exhibits: Iterable[Exhibit]) -> list[Document]:
    """The account of each verify, the newest first."""
    found = [_verify(one) for one in exhibits if one.kind == VERIFY]
    return sorted(found, key=lambda one: one["finished"]["unix"], reverse=True)


def works(found: Iterable[Document]) -> list[Document]:
    """The accounts of tasks, as a history has them, the newest first."""
    told = [
        {("holds" if name == "balanced" else name): value for name, value in one.items()} for one in found
    ]
    return sorted(told, key=lambda one: one["finished"]["unix"], reverse=True)


def _export(one: Exhibit) -> Document:
    told = one.document
    terms = [{"outcome": outcome.value, "keys": told["tally"].get(outcome.value, 0)} for outcome in Outcome]
    accounted = sum(told["tally"].values())
    return {
        "sha256": one.digest,
        **{name: told[name] for name in _RUN},
        "sweep": told["sweep"],
        "dry_run": told["dry_run"],
        "listed": told["listed"],
        "terms": terms,
        "accounted": accounted,
        "holds": told["balanced"] and accounted == told["listed"],
        "equal_by_projection": told["equal_by_projection"],
        "equal_by_json": told["equal_by_json"],
        "deleted_at_source": told["deleted_at_source"],
        "quarantined": _reasons(told["quarantined"]),
        "failed": _reasons(told["failed"]),
        **{name: told[name] for name in _SPENT},
    }


def _verify(one: Exhibit) -> Document:
    told = one.document
    terms = [
        {
            "class": name,
            "keys": found["keys"],
            "against": found["against"],
            "settled": found["settled"],
            "pending": found["open"] + found["unsettled"],
        }
        for name, found in told["classes"].items()
        if name not in ASIDE
    ]
    accounted = sum(term["keys"] for term in terms)
    against = sum(term["settled"] for term in terms if term["against"])
    errors = told["errors"]
    fast = told.get("fast")
    course, lifetimes = told.get("course"), told.get("lifetimes")
    return {
        "sha256": one.digest,
        **{name: told[name] for name in _RUN},
        "number": told["number"],
        "stage": told["stage"],
        "verdict": told["verdict"],
        "rehearsal": told["rehearsal"],
        "fast": fast is not None,
        "values_read": told["source_keys"] if fast is None else fast["values_sampled"],
        "source_keys": told["source_keys"],
        "target_rows": told["target_rows"],
        "compared": told["compared"],
        "terms": terms,
        "accounted": accounted,
        "holds": accounted == told["compared"] and against == told["against"],
        "aside": {name: told["classes"][name]["keys"] for name in ASIDE},
        "against": told["against"],
        "foreign": told.get("foreign"),
        "unproven_because": list(told["unproven_because"]),
        "unread": errors["source"] + errors["target"],
        "skipped": told["skipped"]["count"],
        "rounds": told["rounds"],
        "equality": told["equality"],
        "ages": None if course is None else course["ages"],
        "readings": None if course is None else course["readings"],
        "longest_seconds": None if lifetimes is None else lifetimes["longest_seconds"],
        "never": None if lifetimes is None else lifetimes["never"],
        "left": None if lifetimes is None else lifetimes.get("left"),
        **{name: told[name] for name in _SPENT},
    }


def _reasons(told: Document) -> Document:
    """How many, and why, as far as the report named them; no key, not even its fingerprint."""
    reasons = Counter(sample["reason"] for sample in told["samples"])
    return {
        "count": told["count"],
        "reasons": [{"reason": reason, "keys": keys} for reason, keys in reasons.most_common()],
        "more": told["more"],
    }
