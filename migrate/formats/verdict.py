"""The verdict: one word, every condition with its evidence and its age, and what to do next."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from migrate.core.document import Document, envelope, moment
from migrate.core.gate.verdict import Condition, Door, Standing, Word, judge
from migrate.errors import Exit
from migrate.formats.figures import clean, duration, named, plural

NAME = "verdict"
VERSION = 1

SHORT = 12
"""Digits by which a condition names a document; the list of the evidence has all 64."""

_EXITS = {Word.OPEN: Exit.CLEAN, Word.SHUT: Exit.AGAINST, Word.UNPROVEN: Exit.UNFINISHED}
_MARKS = {Standing.PASSED: "ok", Standing.FAILED: "FAILED", Standing.UNPROVEN: "unproven"}


@dataclass(frozen=True, slots=True)
class VerdictFacts:
    """What a verdict is made of. Times are Unix seconds.

    `evidence`: kind and time of each document, by its digest. `policy`: what was asked for, in numbers.
    `expires`: from then on nobody may use it. `opens`: what to do once the door is open. `notes`: what
    could not be asked, and why.
    """

    door: Door
    source: str
    target: str
    prefixes: Sequence[str]
    conditions: Sequence[Condition]
    evidence: Mapping[str, tuple[str, float]]
    policy: Mapping[str, float]
    issued: float
    expires: float
    opens: str
    notes: Sequence[str] = ()


def build_verdict(facts: VerdictFacts) -> Document:
    """The verdict, version 1."""
    word = judge(facts.conditions)
    waiting = [one for one in facts.conditions if one.counts is Standing.FAILED]
    waiting += [one for one in facts.conditions if one.counts is Standing.UNPROVEN]
    return {
        **envelope(NAME, VERSION),
        "door": facts.door.value,
        "verdict": word.value,
        "exit": int(_EXITS[word]),
        "source": facts.source,
        "target": facts.target,
        "prefixes": list(facts.prefixes),
        "issued": moment(facts.issued),
        "expires": moment(facts.expires),
        "policy": dict(facts.policy),
        "conditions": [_condition(one, facts.issued) for one in facts.conditions],
        "evidence": [
            {"kind": kind, "at": moment(at), "sha256": digest}
            for digest, (kind, at) in sorted(facts.evidence.items(), key=lambda one: (one[1][1], one[0]))
        ],
        "evidence_digest": digest_of(facts.evidence),
        "notes": list(facts.notes),
        "next": waiting[0].todo if waiting else facts.opens,
    }


def digest_of(digests: Mapping[str, object] | Sequence[str]) -> str:
    """One digest for all documents that a verdict rests on."""
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()


def _condition(one: Condition, now: float) -> Document:
    return {
        "name": one.name,
        "standing": one.standing.value,
        "said": one.said,
        "at": None if one.at is None else moment(one.at),
        "age_seconds": None if one.at is None else round(max(0.0, now - one.at), 3),
        "evidence": [digest[:SHORT] for digest in one.evidence],
        "todo": one.todo,
        "waived": one.waived,
    }


def verdict_text(document: Document) -> str:
    """The verdict, for people."""
    word = document["verdict"]
    standings = [one["standing"] for one in document["conditions"] if one["waived"] is None]
    failed, unproven = standings.count("failed"), standings.count("unproven")
    waived = sum(one["waived"] is not None for one in document["conditions"])
    counted = [
        plural(failed, "condition has FAILED", "conditions have FAILED") if failed else "",
        f"{unproven} unproven" if unproven else "",
        f"{waived} waived" if waived else "",
    ]
    head = word if word == "open" else word.upper()
    lines = [
        f"gate {document['door']}: {head}" + "".join(f", {one}" for one in counted if one),
        *named([*_about(document)]),
        "",
    ]
    width = max(len(one["name"]) for one in document["conditions"])
    for one in document["conditions"]:
        lines += _lines(one, width)
    lines += ["", *(f"note: {clean(note)}" for note in document["notes"]), f"next: {clean(document['next'])}"]
    return "\n".join(lines) + "\n"


def mark(one: Document) -> str:
    """A condition in a word: ok, FAILED, unproven or waived."""
    return "waived" if one["waived"] is not None else _MARKS[Standing(one["standing"])]


def _about(document: Document) -> Iterator[tuple[str, str]]:
    yield "source", clean(document["source"])
    yield "target", clean(document["target"])
    yield "prefixes", ", ".join(clean(prefix) or '""' for prefix in document["prefixes"])
    yield "valid until", document["expires"]["iso"]
    yield (
        "evidence",
        plural(len(document["evidence"]), "document") + f", {document['evidence_digest'][:SHORT]}",
    )


def _lines(one: Document, width: int) -> Iterator[str]:
    age = "" if one["age_seconds"] is None else f"  [{duration(one['age_seconds'])} ago]"
    yield f"  {mark(one):8}  {one['name']:{width}}  {clean(one['said'])}{age}"
    if one["waived"] is not None:
        known = _MARKS[Standing(one["standing"])]
        yield f"  {'':8}  {'':{width}}  {known}, and waived: {clean(one['waived'])}"
    elif one["todo"]:
        yield f"  {'':8}  {'':{width}}  → {clean(one['todo'])}"
