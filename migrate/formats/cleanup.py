"""The cleanup report: what became of every key that was listed, what it cost, and what is there still."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from migrate.core.cleaning import Fate, balanced
from migrate.core.document import Document, envelope, moment
from migrate.core.fingerprint import Fingerprints
from migrate.core.ports import LISTED, Tally
from migrate.core.record import Key
from migrate.errors import Exit
from migrate.formats.figures import clean, columns, count, duration, named, plural
from migrate.formats.samples import samples

NAME = "cleanup-report"
VERSION = 1

SHORT = 30 * 86_400
"""Seconds: what is gone by itself within these need not be deleted."""

_LABELS = {
    Fate.DELETED: "deleted",
    Fate.SELECTED: "would be deleted",
    Fate.FOREIGN: "kept: the target lacks it",
    Fate.YOUNG: "kept: too young",
    Fate.UNDATED: "kept: age unknown",
    Fate.OWN: "kept: kvferry's own",
    Fate.CHANGED: "kept: written meanwhile",
    Fate.UNREAD: "kept: cannot be dumped",
    Fate.FAILED: "not deleted: it failed",
    Fate.GONE: "gone, or no answer to its deletion",
}


@dataclass(frozen=True, slots=True)
class Costs:
    """What deleting so many keys costs on a paid plan, by the price table of `dated`, and on a free one.

    `least`: when nothing else has used what the plan includes; `most`: when all of it is used up. `deletes`:
    of `most`, what the deletions alone come to. `free_days`: UTC days on a free plan; None: it never ends.
    `seconds`: at the rate that was given.
    """

    dated: str
    currency: str
    keys: int
    least: Decimal
    most: Decimal
    deletes: Decimal
    free_days: int | None
    free_per_day: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Relisted:
    """What a listing showed at the end: keys that should be gone, and all others."""

    at: float
    still: int
    kept: int


@dataclass(frozen=True, slots=True)
class CleanupFacts:
    """What a cleanup knows when it ends, well or not. Times are Unix seconds.

    `target` None: the prefixes are outside of the migration. `latest`, `never`: of the keys that would go,
    when the last one expires, and how many never do. `pending`: listed, and not decided yet. `dump`: its
    file and how many records it holds. `foreign`, `failed`: the first of each. `evidence`: of the verdict.
    """

    source: str
    target: str | None
    prefixes: Sequence[str]
    selection: Mapping[str, object]
    started: float
    finished: float
    dry_run: bool
    complete: bool
    tally: Tally
    costs: Costs
    latest: int | None
    never: int
    next: str
    pending: int = 0
    evidence: str | None = None
    dump: tuple[str, int] | None = None
    relisted: Relisted | None = None
    foreign: Sequence[Key] = ()
    failed: Sequence[tuple[Key, str]] = ()
    requests: Mapping[str, int] = field(default_factory=dict)
    throttled: float = 0.0
    note: str = ""

    @property
    def waiting(self) -> float | None:
        """When all keys that would go are gone by themselves; None: some never expire, or there are none."""
        return self.latest if not self.never else None

    @property
    def exit(self) -> Exit:
        """What speaks against it does so whatever is not known."""
        if self.tally[Fate.FOREIGN] or (self.target is not None and self.tally[Fate.CHANGED]):
            return Exit.AGAINST
        left = self.tally[Fate.FAILED] + self.tally[Fate.UNREAD] + self.tally[Fate.CHANGED] + self.pending
        still = self.relisted is not None and self.relisted.still
        if left or still or not balanced(self.tally, self.pending) or not (self.complete or self.dry_run):
            return Exit.UNFINISHED
        return Exit.CLEAN


def build_cleanup(facts: CleanupFacts, fingerprints: Fingerprints) -> Document:
    """The cleanup report, version 1."""
    tally, costs, relisted = facts.tally, facts.costs, facts.relisted
    foreign = ((key, "the target holds nothing under this key") for key in facts.foreign)
    state = "dry run" if facts.dry_run else "complete" if facts.complete else "unfinished"
    return {
        **envelope(NAME, VERSION),
        "source": facts.source,
        "target": facts.target,
        "prefixes": list(facts.prefixes),
        "selection": dict(facts.selection),
        "evidence_digest": facts.evidence,
        "started": moment(facts.started),
        "finished": moment(facts.finished),
        "state": state,
        "exit": int(facts.exit),
        "listed": tally[LISTED],
        "tally": {fate.value: tally[fate] for fate in Fate},
        "pending": facts.pending,
        "balanced": balanced(tally, facts.pending),
        "expiring": {
            "never": facts.never,
            "latest": None if facts.latest is None else moment(facts.latest),
            "all_gone": None if facts.waiting is None else moment(facts.waiting),
        },
        "cost": {
            "dated": costs.dated,
            "currency": costs.currency,
            "keys": costs.keys,
            "least": str(costs.least),
            "most": str(costs.most),
            "deletes": str(costs.deletes),
            "waiting": "0",
            "free_days": costs.free_days,
            "free_deletes_per_day": costs.free_per_day,
            "seconds": round(costs.seconds, 3),
        },
        "dump": None if facts.dump is None else {"file": facts.dump[0], "records": facts.dump[1]},
        "relisted": None
        if relisted is None
        else {"at": moment(relisted.at), "still": relisted.still, "kept": relisted.kept},
        "foreign": _samples(foreign, tally[Fate.FOREIGN], facts, fingerprints),
        "failed": _samples(facts.failed, tally[Fate.FAILED] + tally[Fate.UNREAD], facts, fingerprints),
        "requests": dict(facts.requests),
        "throttled_seconds": round(facts.throttled, 3),
        "note": facts.note,
        "next": facts.next,
    }


def _samples(found: object, total: int, facts: CleanupFacts, fingerprints: Fingerprints) -> Document:
    pairs: list[tuple[Key, str]] = list(found)  # type: ignore[call-overload]  # both are pairs
    shown, more = samples(pairs, total, facts.prefixes, fingerprints)
    return {"count": total, "samples": shown, "more": more}


# ---------------------------------------------------------------- text


def cost_lines(document: Document) -> list[str]:
    """What it costs, and what waiting would do, as lines for people."""
    cost, expiring = document["cost"], document["expiring"]
    keys = plural(cost["keys"], "key")
    lines = [
        f"deleting {keys} costs {_money(cost['deletes'])} {cost['currency']} at most, letting them expire $0"
        f" (prices of {cost['dated']}; with all reading and listing {_money(cost['least'])} to"
        f" {_money(cost['most'])})"
    ]
    days = cost["free_days"]
    free = "never ends" if days is None else f"takes {plural(days, 'day')}"
    lines.append(
        f"it takes {duration(cost['seconds'])} at this rate; on a free plan it {free}"
        f" ({count(cost['free_deletes_per_day'])} deletes a day)"
    )
    if not cost["keys"]:
        return ["there is nothing to delete"]
    if expiring["all_gone"] is not None:
        soon = expiring["all_gone"]["unix"] - document["finished"]["unix"] <= SHORT
        word = "waiting is better" if soon else "waiting does it too"
        lines.append(f"{word}: they will all be gone by {expiring['all_gone']['iso']} for $0")
    else:
        others = expiring["latest"]
        rest = f"; the others will be gone by {others['iso']} for $0" if others else ""
        lines.append(f"{plural(expiring['never'], 'key')} of them never expire{rest}")
    return lines


def _money(amount: str) -> str:
    return f"${Decimal(amount):.2f}"


def equation(document: Document) -> str:
    """Law 5 in one line: only what is not zero, besides what was deleted."""
    first = Fate.SELECTED if document["state"] == "dry run" else Fate.DELETED
    parts = [(first, document["tally"][first])]
    parts += [
        (fate, document["tally"][fate]) for fate in Fate if fate is not first and document["tally"][fate]
    ]
    words = " + ".join(f"{_LABELS[fate]} {count(number)}" for fate, number in parts)
    pending = f" + pending {count(document['pending'])}" if document["pending"] else ""
    return f"listed {count(document['listed'])} = {words}{pending}"


def cleanup_text(document: Document) -> str:
    """The cleanup report."""
    whole = {"dry run": "dry run, nothing was deleted", "complete": "cleanup is complete"}
    lines = [whole.get(document["state"], "cleanup is unfinished"), *named(_pairs(document)), ""]
    lines.append(equation(document))
    if not document["balanced"]:
        lines.append("THE ACCOUNT DOES NOT BALANCE: keep this report and the dump, and delete nothing more.")
    lines += [f"  {line}" for line in cost_lines(document)] if document["state"] == "dry run" else []
    if document["relisted"] is not None:
        lines.append(_relisted(document["relisted"]))
    for name in ("foreign", "failed"):
        lines += _sampled(name, document[name])
    if document["note"]:
        lines.append(clean(document["note"]))
    return "\n".join([*lines, f"next: {document['next']}"]) + "\n"


def _pairs(document: Document) -> list[tuple[str, str]]:
    started, finished = document["started"], document["finished"]
    took = duration(finished["unix"] - started["unix"])
    prefixes = ", ".join(clean(prefix) if prefix else "(every key)" for prefix in document["prefixes"])
    held = document["target"]
    pairs = [
        ("source", clean(document["source"])),
        ("target", clean(held) if held is not None else "none: outside of the migration"),
        ("prefix", prefixes),
    ]
    selection = document["selection"]
    if selection["older_than"] is not None:
        by = f"a TTL of {duration(selection['ttl'])}" if selection["ttl"] is not None else "metadata"
        pairs.append(("age", f"more than {duration(selection['older_than'])}, known by {by}"))
    if document["dump"] is not None:
        pairs.append(
            ("dump", f"{clean(document['dump']['file'])}, {plural(document['dump']['records'], 'record')}")
        )
    pairs.append(("took", f"{took} ({started['iso']} to {finished['iso']})"))
    if document["requests"]:
        sent = ", ".join(f"{clean(kind)} {count(n)}" for kind, n in document["requests"].items())
        waited = document["throttled_seconds"]
        pairs.append(("requests", sent + (f"; throttled for {duration(waited)}" if waited else "")))
    return pairs


def _relisted(relisted: Document) -> str:
    kept = f", and {plural(relisted['kept'], 'key')} that were kept or are new" if relisted["kept"] else ""
    if not relisted["still"]:
        return f"listed again at {relisted['at']['iso']}: none of them is there any more{kept}"
    return (
        f"listed again at {relisted['at']['iso']}: {plural(relisted['still'], 'key')} that should be gone are"
        f" there{kept}. A listing lags for a minute or more; if they stay, somebody writes them."
    )


def _sampled(name: str, found: Document) -> list[str]:
    if not found["count"]:
        return []
    what = {
        "foreign": "keys that the target lacks were kept: they are the only copies",
        "failed": "keys that are still there, and why",
    }[name]
    rows = [(f"{clean(one['fingerprint'])}", clean(one["reason"])) for one in found["samples"]]
    lines = [
        f"{count(found['count'])} {what}:",
        *(line for line in columns([(a, "  " + b) for a, b in rows])),
    ]
    return [*lines, f"  and {count(found['more'])} more"] if found["more"] else lines
