"""The check of a bridge as text: what it reaches, and the checks with their remedies."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.core.document import Document
from migrate.formats.figures import clean, count, named, plural

_MARKS = {"ok": "ok", "note": "note", "failed": "FAILED"}
_HEADS = {
    "ready": "ready: nothing stands in the way",
    "not ready": "NOT READY: {failed}",
    "unfinished": "unfinished: {note}",
}


def bridge_check_text(document: Document) -> str:
    """The check, for people."""
    failed = sum(one["standing"] == "failed" for one in document["checks"])
    counted = plural(failed, "check has FAILED", "checks have FAILED")
    head = _HEADS[document["verdict"]].format(failed=counted, note=clean(document["note"]))
    lines = [f"bridge check, {head}", "", *named(list(_found(document))), "", "checks"]
    width = max((len(one["name"]) for one in document["checks"]), default=0)
    for one in document["checks"]:
        lines.append(f"  {_MARKS[one['standing']]:6}  {one['name']:{width}}  {clean(one['said'])}")
        if one["todo"]:
            lines.append(f"  {'':6}  {'':{width}}  → {clean(one['todo'])}")
    return "\n".join(lines) + "\n"


def _found(document: Document) -> Iterator[tuple[str, str]]:
    yield "address", clean(document["address"])
    for name in ("bridge", "script", "class", "namespace", "environment", "placement", "prefix"):
        value = document[name]
        if name == "environment" and value is None:
            value = "none: the top level of the configuration, or not told"
        yield name, "not known" if value is None else clean(value)
    limits = document["limits"]
    if limits is not None and limits["measured"] is not None:
        measured = limits["measured"]
        records = plural(measured["records"], "record")
        yield "measured", f"{records} an import, bodies of {count(measured['body_bytes'])} bytes"
