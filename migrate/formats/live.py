"""The live side of a migration as text: a line for each stage and version, counters, journal, and canary."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.core.document import Document
from migrate.formats.figures import clean, count, duration, plural


def live_lines(document: Document) -> Iterator[str]:
    """The member `live` of a status document."""
    yield f"live traffic, by {clean(document['target'])}"
    yield f"  {clean(document['said'])}"
    for one in document["stages"]:
        version = f"version {clean(one['version'])}" if one["version"] else "version not told"
        seen = f"{plural(one['recent'], 'isolate')} at work, {count(one['isolates'])} seen"
        yield f"  {clean(one['stage'])}, {version}: {seen}, heartbeat {duration(one['age_seconds'])} ago"
    if document["counters"]:
        counted = ", ".join(f"{clean(name)} {count(n)}" for name, n in document["counters"].items())
        yield f"  counted: {counted}"
    elif document["stages"]:
        yield "  counted: nothing"
    if document["journal"] is not None:
        yield _journal(document["journal"])
    if document["canary"] is not None:
        yield from _canary(document["canary"])


def _journal(journal: Document) -> str:
    if journal["entries"] == 0:
        return "  journal: no half of a write is open"
    halves = plural(journal["entries"], "half of a write is open", "halves of writes are open")
    return f"  journal: {halves}, the oldest for {duration(journal['age_seconds'])}"


def _canary(canary: Document) -> Iterator[str]:
    proven = canary["standing"] in ("counted", "rests")
    yield f"  canary: {'' if proven else canary['standing'] + ': '}{clean(canary['said'])}"
    if (newest := canary["newest"]) is not None:
        times = {what: one["times"] for what, one in canary["reads"].items()}
        read = times["counted"] + times["uncounted"]
        seen = f"read {count(read)}, counted {count(times['counted'])}, missing {count(times['missing'])}"
        yield f"    number {newest['number']}, written {duration(newest['age_seconds'])} ago; {seen}"
        if times["foreign"]:
            others = plural(times["foreign"], "read")
            yield f"    {others} of a canary that other statistics wrote: who else uses this namespace?"
    if (lag := canary["lag"]) is not None:
        horizon = duration(lag["horizon_seconds"])
        yield f"    KV lagged behind by {duration(lag['seconds'])} at most, so H is {horizon} or more"
