"""A bundle of evidence: all that a verdict on one namespace rests on, in one file without keys or values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from migrate.core.document import Document, envelope, moment
from migrate.core.partition import disjoint, run_id
from migrate.core.ports import RunId
from migrate.errors import ConfigError
from migrate.formats.report import validate
from migrate.formats.verdict import digest_of
from migrate.gate.exhibits import EXPORT, KINDS, VERIFY, Exhibit
from migrate.ledger.ledger import Ledger

NAME = "evidence"
VERSION = 1

AGAIN = "make the bundle again: kvferry evidence export"


@dataclass(frozen=True, slots=True)
class Bundle:
    """`source`, `target`: complete addresses. `exhibits`: oldest first."""

    source: str
    target: str
    prefixes: tuple[str, ...]
    exhibits: tuple[Exhibit, ...] = ()

    @property
    def migration(self) -> RunId:
        """Under which the ledger keeps what belongs to no run."""
        return run_id("gate", self.source, self.target, self.prefixes)


def of_ledger(ledger: Ledger, source: str, target: str, prefixes: Sequence[str]) -> Bundle:
    """All that a ledger has about two stores, from every run that had the same prefixes."""
    bundle = Bundle(source, target, disjoint(prefixes))
    mine = (source, target, bundle.prefixes)
    runs = [run.id for run in ledger.runs() if (run.source, run.target, disjoint(run.prefixes)) == mine]
    wanted = {EXPORT, VERIFY}
    found = [one for run in runs for one in ledger.evidence(run) if one.kind in wanted]
    found += [one for one in ledger.evidence(bundle.migration) if one.kind in KINDS]
    exhibits = sorted(
        (Exhibit(one.kind, one.at, dict(one.document)) for one in found), key=lambda one: one.at
    )
    return Bundle(source, target, bundle.prefixes, tuple(exhibits))


def bundle_document(bundle: Bundle, now: float, history: Document | None = None) -> Document:
    """The bundle, version 1. `now`: Unix seconds. `history`: what else is remembered (`gate.history`)."""
    document = {
        **envelope(NAME, VERSION),
        "source": bundle.source,
        "target": bundle.target,
        "prefixes": list(bundle.prefixes),
        "made": moment(now),
        "documents": [
            {"kind": one.kind, "at": moment(one.at), "sha256": one.digest, "document": one.document}
            for one in bundle.exhibits
        ],
        "evidence_digest": digest_of([one.digest for one in bundle.exhibits]),
    }
    return document if history is None else {**document, "history": history}


def of_document(document: Document) -> Bundle:
    """A bundle that was read, and kept its schema. Raises ConfigError when a document is not the one that
    it was made with."""
    exhibits = []
    for told in document["documents"]:
        one = Exhibit(told["kind"], told["at"]["unix"], told["document"])
        if one.digest != told["sha256"]:
            raise ConfigError(f"a document of the evidence ({one.kind}) is not what it was", AGAIN)
        if one.kind in (EXPORT, VERIFY):
            validate(one.document, one.kind)
        exhibits.append(one)
    if digest_of([one.digest for one in exhibits]) != document["evidence_digest"]:
        raise ConfigError("a document of the evidence is missing", AGAIN)
    exhibits.sort(key=lambda one: one.at)
    return Bundle(document["source"], document["target"], tuple(document["prefixes"]), tuple(exhibits))
