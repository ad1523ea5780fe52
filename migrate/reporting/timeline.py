"""What happened, in order: exports, verifies, gates, the fence, listings, deployments, tasks, and the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from migrate.core.document import Document, moment
from migrate.formats.figures import count, plural
from migrate.gate.exhibits import AUDIT, DEPLOYMENT, FENCE, LISTING, ROLLED_BACK, Exhibit
from migrate.reporting.material import Material
from migrate.reporting.verdicts import Ruling

GOOD, BAD, OPEN, NEUTRAL = "good", "bad", "open", "neutral"
"""What an entry says: for, against, nothing yet, or neither."""

_REPORTED = ("export", "verify")
_VERSION = 12
"""Characters of a version or a commit that are enough to know it again."""


def timeline(
    material: Material,
    exports: Sequence[Document],
    verifies: Sequence[Document],
    found: Sequence[Ruling],
    traffic: Document,
) -> list[Document]:
    """All entries, oldest first. The accounts, the verdicts and the traffic as their modules give them."""
    exhibits = material.bundle.exhibits
    entries = [
        *map(_export, exports),
        *map(_verify, verifies),
        *map(_gate, found),
        *_fences(one for one in exhibits if one.kind == FENCE),
        *(_listing(one) for one in exhibits if one.kind == LISTING),
        *_deployments(one for one in exhibits if one.kind == DEPLOYMENT),
        *_given_back(one for one in exhibits if one.kind == ROLLED_BACK),
        *(_audit(one) for one in exhibits if one.kind == AUDIT),
        *map(_stage, traffic["stages"]),
        *_remembered(material),
    ]
    return sorted(entries, key=lambda one: (one["started"]["unix"], one["what"], one["said"]))


def _entry(
    what: str, started: Document, said: str, means: str = NEUTRAL, finished: Document | None = None
) -> Document:
    return {"what": what, "started": started, "finished": finished, "means": means, "said": said}


def _export(one: Document) -> Document:
    copied = next(term["keys"] for term in one["terms"] if term["outcome"] == "copied")
    trial = "trial run, " if one["dry_run"] else ""
    said = f"{trial}sweep {one['sweep']} {one['state']}: {count(copied)} of {count(one['listed'])} copied"
    if not one["holds"]:
        return _entry("export", one["started"], f"{said}; the account does not hold", BAD, one["finished"])
    lost = one["quarantined"]["count"] + one["failed"]["count"]
    means = OPEN if one["state"] != "complete" or one["dry_run"] or one["partial"] else BAD if lost else GOOD
    said += f", {plural(lost, 'session')} not copied" if lost else ""
    return _entry("export", one["started"], said, means, one["finished"])


def _verify(one: Document) -> Document:
    means = {"clean": GOOD, "differences": BAD}.get(one["verdict"], OPEN)
    against = f", {plural(one['against'], 'settled difference')}" if one["against"] else ""
    said = f"{one['verdict']} at {one['stage']}: {plural(one['compared'], 'key')} compared{against}"
    if not one["holds"]:
        means, said = BAD, f"{said}; the account does not hold"
    return _entry("verify", one["started"], said, means, one["finished"])


def _gate(ruling: Ruling) -> Document:
    word = ruling.document["verdict"]
    means = BAD if ruling.refused else {"open": GOOD, "shut": BAD}.get(word, OPEN)
    said = f"{ruling.door}: {word}" + (f", refused here: {ruling.refused}" if ruling.refused else "")
    return _entry("gate", ruling.document["issued"], said, means)


def _fences(exhibits: Iterable[Exhibit]) -> Iterator[Document]:
    """When it went up, and when it was seen to be down again."""
    up: Document | None = None
    for one in exhibits:
        since = one.document["since"]
        if since is not None and since != up:
            yield _entry("fence", since, "up: no sweep replaces a row any more")
        elif since is None and up is not None:
            yield _entry("fence", one.document["asked"], "down, when a gate asked", OPEN)
        up = since


def _listing(one: Exhibit) -> Document:
    told = one.document
    said = f"KV was listed: {plural(told['keys'], 'key')}"
    return _entry("listing", told["started"], said, finished=told["finished"])


def _deployments(exhibits: Iterable[Exhibit]) -> Iterator[Document]:
    known: tuple[object, ...] = ()
    for one in exhibits:
        told = one.document
        shares = [f"{each['version'][:_VERSION]} at {each['percentage']:g} %" for each in told["versions"]]
        tag = f", tagged {told['tag'][:_VERSION]}" if told["tag"] else ""
        new = (told["since"]["unix"], *shares, tag)
        if new != known:
            yield _entry("deployment", told["since"], f"version {', '.join(shares)}{tag}")
        known = new


def _given_back(exhibits: Iterable[Exhibit]) -> Iterator[Document]:
    """A rollback is told when it begins and when it ends: one entry, with what is known last."""
    told = {one.document["started"]["unix"]: one.document for one in exhibits}
    for one in told.values():
        said = "rows were given back to KV: what was verified before counts for nothing"
        yield _entry("rollback", one["started"], said, OPEN, one["finished"])


def _audit(one: Exhibit) -> Document:
    told = one.document
    of = "no commit" if told["commit"] is None else f"commit {told['commit'][:_VERSION]}"
    said = f"{of}: {plural(len(told['writes']), 'write')} of sessions to KV past the session store"
    return _entry("audit", told["audited"], said, BAD if told["writes"] else GOOD)


def _stage(one: Document) -> Document:
    version = f", version {one['version'][:_VERSION]}" if one["version"] else ""
    return _entry("stage", one["first"], f"{one['stage']} was first heard{version}")


def _remembered(material: Material) -> Iterator[Document]:
    """What left no report: runs that were broken off, tasks, the end."""
    for one in material.history.passes:
        if one["what"] in _REPORTED and one["state"] == "complete":
            continue
        told = ", ".join(f"{name} {count(n)}" for name, n in one.get("tally", {}).items() if n)
        state = "running, or killed" if one["state"] == "running" else one["state"]
        said = f"number {one['number']} {state}" + (f": {told}" if told else "")
        means = {"complete": GOOD, "failed": BAD}.get(one["state"], OPEN)
        yield _entry(one["what"], one["started"], said, means, one["finished"])
    if material.history.finished is not None:
        said = "the target was told that nothing comes any more"
        yield _entry("finish", moment(material.history.finished), said, GOOD)
