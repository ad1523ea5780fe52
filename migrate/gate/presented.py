"""The verdict that is presented to a command that destroys: a file, or the ledger's newest; checked again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from migrate.core.document import Document
from migrate.desk import Desk
from migrate.errors import Exit
from migrate.formats.report import read
from migrate.gate.bundle import Bundle, of_document, of_ledger
from migrate.gate.using import Refusal, Use, refusal
from migrate.gate.verdicts import VERDICT


def presented(desk: Desk, use: Use, verdict: Path | None, evidence: Path | None) -> Document | Refusal:
    """The verdict that opens the door to this use; or why none does.

    `verdict`, `evidence`: files; None: the ledger's. What the ledger has learned since the verdict counts in
    any case. Raises ConfigError for a file that is none.
    """
    bundle = known = of_ledger(desk.ledger, use.source, use.target, use.prefixes)
    kept: list[Document] | None = [
        dict(one.document) for one in desk.ledger.evidence(bundle.migration) if one.kind == VERDICT
    ]
    if evidence is not None:
        bundle, kept = of_document(read(evidence, "evidence")), None
    if verdict is not None:
        document = read(verdict, "verdict")
    elif mine := [one for one in kept or () if one["door"] == use.door]:
        document = mine[-1]
    else:
        return Refusal(Exit.USAGE, f"there is no verdict on {use.door}", use.ask)
    if kept is None:
        bundle = _with_later(bundle, known, document["issued"]["unix"])
    return refusal(document, bundle, use, kept) or document


def _with_later(bundle: Bundle, known: Bundle, issued: float) -> Bundle:
    """With what is known here and was found after the verdict was issued (Unix seconds)."""
    have = {one.digest for one in bundle.exhibits}
    # Times are written with three digits.
    later = [one for one in known.exhibits if one.at > issued + 0.001 and one.digest not in have]
    return replace(bundle, exhibits=tuple(sorted([*bundle.exhibits, *later], key=lambda one: one.at)))
