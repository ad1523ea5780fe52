"""The live side of a migration as text: a line for each stage and version, the counters, and the journal."""

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
    journal = document["journal"]
    if journal is None:
        return
    if journal["entries"] == 0:
        yield "  journal: no half of a write is open"
        return
    halves = plural(journal["entries"], "half of a write is open", "halves of writes are open")
    yield f"  journal: {halves}, the oldest for {duration(journal['age_seconds'])}"
