"""What a command that destroys asks of a verdict before it does anything. Pure.

    verdict + the documents that it rests on (ledger or bundle) + what it is to be used for ─▶ Refusal | None

A verdict is a text that anybody can edit, so its word alone opens nothing: it must be for this door of these
stores, in time, rest on documents that are there as they were, and say what they say; and whatever has been
found since must not speak against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from migrate.core.document import Document
from migrate.core.gate.policy import Policy
from migrate.core.gate.verdict import Door
from migrate.core.partition import disjoint
from migrate.errors import Exit
from migrate.formats.verdict import digest_of
from migrate.gate.bundle import Bundle
from migrate.gate.verdicts import verdict as judged

_BY_WORD = {"shut": Exit.AGAINST, "unproven": Exit.UNFINISHED}


@dataclass(frozen=True, slots=True)
class Use:
    """What a verdict is wanted for. `now`: Unix seconds. `stores`: the options that name both stores."""

    door: Door
    source: str
    target: str
    prefixes: Sequence[str]
    now: float
    stores: str

    @property
    def ask(self) -> str:
        """The command that gives a verdict for it."""
        return f"kvferry gate --for {self.door} {self.stores}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a verdict opens nothing here, and what to do. `exit`: USAGE when it is the wrong one, was edited or
    is over; AGAINST when something speaks against it; UNFINISHED when nothing speaks for it."""

    exit: Exit
    said: str
    todo: str


def refusal(
    document: Document, bundle: Bundle, use: Use, kept: Sequence[Document] | None = None
) -> Refusal | None:
    """Why this verdict cannot be used; None: it can. The document has kept its schema.

    `bundle`: all that the ledger, or a bundle of evidence, has about the stores. `kept`: the verdicts that
    the ledger has on them, of which it must be one; None: it was given on another machine's evidence.
    """
    wrong = _for_something_else(document, bundle, use) or edited(document, bundle, use.stores)
    if not wrong and kept is not None and document not in kept:
        wrong = "the ledger knows no such verdict (one from elsewhere comes with its --evidence)"
    if wrong:
        return Refusal(Exit.USAGE, wrong, use.ask)
    if document["verdict"] != "open":
        return Refusal(
            _BY_WORD[document["verdict"]], f"the verdict is {document['verdict']}", document["next"]
        )
    if not document["issued"]["unix"] <= use.now < document["expires"]["unix"]:
        return Refusal(Exit.USAGE, f"the verdict was valid until {document['expires']['iso']}", use.ask)
    again = judged(use.door, bundle, policy_of(document), use.now, use.stores)
    if again["verdict"] != "open":
        said = f"by all that is known now the door is {again['verdict']}: {_first(again)}"
        return Refusal(_BY_WORD[again["verdict"]], said, again["next"])
    return None


def _for_something_else(document: Document, bundle: Bundle, use: Use) -> str:
    if document["door"] != use.door:
        return f"the verdict is for another door: {document['door']}"
    if document["source"] != use.source or bundle.source != use.source:
        return "the verdict is for another source"
    if document["target"] != use.target or bundle.target != use.target:
        return "the verdict is for another target"
    wanted = disjoint(use.prefixes)
    if disjoint(document["prefixes"]) != wanted or disjoint(bundle.prefixes) != wanted:
        return "the verdict is for other prefixes"
    return ""


def edited(document: Document, bundle: Bundle, stores: str) -> str:
    """What in a verdict is not what its evidence says; "" when it checks out. It has kept its schema, and is
    one on the bundle's stores. `stores`: the options that name both."""
    named = [one["sha256"] for one in document["evidence"]]
    if digest_of(named) != document["evidence_digest"]:
        return "the verdict's list of evidence was changed"
    there = {one.digest for one in bundle.exhibits}
    if missing := len(set(named) - there):
        return f"{missing} of the documents that the verdict rests on are not there, or not what they were"
    issued = document["issued"]["unix"]
    # Times are written with three digits.
    before = Bundle(
        bundle.source,
        bundle.target,
        bundle.prefixes,
        tuple(one for one in bundle.exhibits if one.at <= issued + 0.001),
    )
    again = judged(Door(document["door"]), before, policy_of(document), issued, stores)
    if [_held(one) for one in again["conditions"]] != [_held(one) for one in document["conditions"]]:
        return "the verdict does not say what its evidence says"
    if again["verdict"] != document["verdict"]:
        return "the verdict is not what its conditions come to"
    if document["expires"]["unix"] > again["expires"]["unix"] + 0.001:
        return "the verdict says that it is valid for longer than its evidence is"
    return ""


def _held(condition: Document) -> tuple[object, ...]:
    return tuple(condition[name] for name in ("name", "standing", "waived", "evidence"))


def _first(document: Document) -> str:
    waiting = [one for one in document["conditions"] if one["waived"] is None and one["standing"] != "passed"]
    return ", ".join(f"{one['name']} ({one['said']})" for one in waiting[:1])


def policy_of(document: Document) -> Policy:
    """As the verdict was asked for."""
    usual, told = Policy(), document["policy"]
    waivers = {one["name"]: one["waived"] for one in document["conditions"] if one["waived"] is not None}
    numbers = {
        one.name: float(told[one.name]) if one.name in told else getattr(usual, one.name)
        for one in fields(Policy)
        if one.name != "waivers"
    }
    return Policy(**numbers, waivers=waivers)
