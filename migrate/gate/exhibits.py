"""Evidence as documents: what a gate keeps, bundles and reads again, each known by its digest.

    reports of runs, and what was asked of bridge, Cloudflare and KV ─▶ Exhibit ─▶ core.gate.Evidence

No document here names a key: they can be shown to whoever reviews a migration.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from migrate.core.canary import Standing
from migrate.core.comparing import Kind, Stage
from migrate.core.document import Document
from migrate.core.gate.evidence import (
    Audited,
    Canary,
    Deployed,
    Evidence,
    Exported,
    Fenced,
    Heartbeats,
    Listed,
    Live,
    RolledBack,
    Verified,
)

EXPORT, VERIFY = "export-report", "verify-report"
LIVE, DEPLOYMENT, FENCE, AUDIT, LISTING = "live", "deployment", "fence", "audit", "listing"
ROLLED_BACK = "rolled-back"

Fact = TypeVar("Fact")
KINDS = (EXPORT, VERIFY, LIVE, DEPLOYMENT, FENCE, AUDIT, LISTING, ROLLED_BACK)


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A document, its kind, and when it was kept (Unix seconds); it is not changed any more.

    `digest`: SHA-256 of the document, 64 hexadecimal digits, the same wherever it is read.
    """

    kind: str
    at: float
    document: Document
    digest: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        text = json.dumps(self.document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        digest = hashlib.sha256(f"{self.kind}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()
        object.__setattr__(self, "digest", digest)


def evidence(exhibits: Iterable[Exhibit]) -> Evidence:
    """What they say, in the order of their times; of what can be asked again the newest counts."""
    sorted_ = sorted(exhibits, key=lambda one: one.at)
    found: dict[str, list[Exhibit]] = {kind: [] for kind in KINDS}
    for one in sorted_:
        found[one.kind].append(one)
    deployment = found[DEPLOYMENT][-1:]
    return Evidence(
        live=_newest(found[LIVE], _live),
        deployed=_newest(found[DEPLOYMENT], _deployed),
        exports=tuple(_exported(one) for one in found[EXPORT]),
        verifies=tuple(_verified(one) for one in found[VERIFY]),
        fenced=_newest(found[FENCE], _fenced),
        audited=_newest(found[AUDIT], _audited),
        listings=tuple(_listed(one) for one in found[LISTING]),
        rolled_back=_newest(found[ROLLED_BACK], _rolled_back),
        tagged=deployment[0].document["tag"] if deployment else None,
    )


def _newest(found: list[Exhibit], parse: Callable[[Exhibit], Fact]) -> Fact | None:
    return parse(found[-1]) if found else None


def _unix(moment: Any) -> float:
    return float(moment["unix"])


def _rules(told: Document) -> str:
    """What export and verify must have in common: which keys, which fields may differ, who is right about
    rows from before kvferry. The stage is not of these: it changes in the course of a migration."""
    project = [
        {name: value for name, value in entry.items() if name != "reason"} for entry in told["project"]
    ]
    rules = [sorted(told["prefixes"]), project, sorted(told["ignored_names"]), told["authority"]]
    return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()[:12]


def _exported(one: Exhibit) -> Exported:
    told = one.document
    return Exported(
        document=one.digest,
        started=_unix(told["started"]),
        at=_unix(told["finished"]),
        whole=told["state"] == "complete" and told["partial"] is None and not told["dry_run"],
        balanced=told["balanced"],
        quarantined=told["quarantined"]["count"],
        failed=told["failed"]["count"],
        configuration=_rules(told),
    )


def _verified(one: Exhibit) -> Verified:
    told = one.document
    classes = {kind: told["classes"].get(kind.value, {}) for kind in Kind}
    unnamed = 0 if "unnamed" in told["ignored"] else told["classes"].get("unnamed", {}).get("keys", 0)
    lifetimes = told.get("lifetimes") or {"longest_seconds": None, "never": 0}  # reports from before it
    return Verified(
        document=one.digest,
        started=_unix(told["started"]),
        at=_unix(told["finished"]),
        stage=Stage(told["stage"]),
        whole=told["state"] == "complete" and told["partial"] is None,
        full=told["fast"] is None and "metadata" not in told["ignored"],
        rehearsed=told["rehearsal"] is not None,
        horizon=float(told["settle_seconds"]),
        configuration=_rules(told),
        settled={kind: found["settled"] for kind, found in classes.items() if found.get("settled")},
        pending={
            kind: found["open"] + found["unsettled"]
            for kind, found in classes.items()
            if found.get("open") or found.get("unsettled")
        },
        foreign=told.get("foreign"),
        unread=told["errors"]["source"] + told["errors"]["target"] + told["skipped"]["count"],
        unnamed=unnamed,
        keys=told["compared"],
        longest=lifetimes["longest_seconds"],
        lasting=lifetimes["never"],
    )


def _live(one: Exhibit) -> Live:
    told = one.document
    asked, stages, canary = _unix(told["asked"]), told["stages"], told["canary"]
    # The statistics' clock is moved onto ours: ages are by theirs.
    ahead = _unix(stages[0]["last"]) + stages[0]["age_seconds"] - asked if stages else 0.0
    lag = None if canary is None or canary["lag"] is None else float(canary["lag"]["seconds"])
    return Live(
        document=one.digest,
        at=asked,
        heartbeats=tuple(
            Heartbeats(
                Stage(beat["stage"]),
                beat["version"],
                _unix(beat["first"]) - ahead,
                _unix(beat["last"]) - ahead,
            )
            for beat in stages
        ),
        rose={name: _unix(at) - ahead for name, at in told["rose"].items()},
        canary=None if canary is None else Canary(Standing(canary["standing"]), canary["said"], lag),
        since=min((_unix(beat["first"]) - ahead for beat in stages), default=None),
    )


def _deployed(one: Exhibit) -> Deployed:
    told = one.document
    versions = {each["version"]: float(each["percentage"]) for each in told["versions"]}
    return Deployed(one.digest, _unix(told["asked"]), versions, _unix(told["since"]))


def _fenced(one: Exhibit) -> Fenced:
    told = one.document
    since, leased = (None if told[name] is None else _unix(told[name]) for name in ("since", "leased"))
    return Fenced(one.digest, _unix(told["asked"]), since, leased)


def _audited(one: Exhibit) -> Audited:
    told = one.document
    return Audited(
        document=one.digest,
        at=_unix(told["audited"]),
        revision=told["commit"],
        dirty=told["dirty"],
        whole=told["whole"],
        writes=len(told["writes"]),
        caches=told["caches_seconds"],
        kept=len(told.get("kept", ())),
    )


def _listed(one: Exhibit) -> Listed:
    told = one.document
    hours = {
        float("inf") if hour == "never" else float(hour): digest for hour, digest in told["hours"].items()
    }
    return Listed(one.digest, _unix(told["started"]), _unix(told["finished"]), told["keys"], hours)


def _rolled_back(one: Exhibit) -> RolledBack:
    finished = one.document["finished"]
    return RolledBack(one.digest, one.at, finished is not None)
