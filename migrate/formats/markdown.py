"""A verdict and a verify report as Markdown: short enough for the summary of a CI step, or a comment.

A key is shown by its fingerprint, as everywhere, and only the first few of those that differ are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from migrate.core.document import Document
from migrate.formats.figures import clean, count, duration, plural
from migrate.formats.markup import code, table, words
from migrate.formats.verdict import mark

MOST = 20
"""Differences that are shown."""

_CODE = re.compile(r"`[^`|]+`")


def verdict_markdown(document: Document) -> str:
    """The verdict: its word, every condition as a row, and what to do next."""
    lines = [f"## kvferry gate {document['door']}", "", f"**{document['verdict']}**", ""]
    lines += _stores(document)
    lines += [f"- valid until {document['expires']['iso']}", ""]
    rows = [
        (mark(one), one["name"], _said(one), _age(one["age_seconds"]), one["todo"] or "")
        for one in document["conditions"]
    ]
    lines += _table(("", "condition", "evidence", "age", "next"), rows)
    lines += [f"- {_text(note)}" for note in document["notes"]]
    return "\n".join([*lines, "", f"next: {_text(document['next'])}"]) + "\n"


def verify_markdown(document: Document) -> str:
    """The verify report: its verdict, the classes that have keys, and what is not proven."""
    lines = ["## kvferry verify", "", f"**{document['verdict']}**", ""]
    lines += _stores(document)
    sides = f"source {count(document['source_keys'])}, target {count(document['target_rows'])}"
    lines += [f"- compared {plural(document['compared'], 'key')}: {sides}", ""]
    rows = [
        (name, count(found["keys"]), count(found["settled"]), "yes" if found["against"] else "no")
        for name, found in document["classes"].items()
        if found["keys"]
    ]
    lines += _table(("class", "keys", "settled", "against"), rows)
    differing = document["differences"]
    found = [
        (one["class"], _code(one["fingerprint"]), ", ".join(one["fields"]), one["state"]) for one in differing
    ]
    lines += _table(("difference", "key", "fields", "state"), found[:MOST])
    lines += [f"- and {count(len(found) - MOST)} more in the report", ""] if len(found) > MOST else []
    lines += [f"- not proven: {_text(reason)}" for reason in document["unproven_because"]]
    lines += [f"- {_text(document['note'])}"] if document["note"] else []
    return "\n".join([*lines, "", f"next: {_text(document['next'])}"]) + "\n"


def _stores(document: Document) -> Iterator[str]:
    prefixes = ", ".join(_text(prefix) or "(every key)" for prefix in document["prefixes"])
    yield f"- {_text(document['source'])} to {_text(document['target'])}, {prefixes}"


def _said(one: Document) -> str:
    waived = "" if one["waived"] is None else f" (waived: {one['waived']})"
    return f"{one['said']}{waived}"


def _age(seconds: float | None) -> str:
    return "" if seconds is None else duration(seconds)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    cells = [[cell if _CODE.fullmatch(cell) else _text(cell) for cell in row] for row in rows]
    return [*table(head, cells), ""]


def _code(text: str) -> str:
    """Text as code, where it can be that in a table."""
    found = code(text)
    return found if _CODE.fullmatch(found) else clean(text)


def _text(text: str) -> str:
    return words(text)
