"""Verdicts as a reviewer sees them: which still count, which have expired, and which do not check out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from migrate.core.document import Document, moment
from migrate.core.gate.policy import Policy
from migrate.core.gate.verdict import Door
from migrate.core.partition import disjoint
from migrate.gate.history import Given
from migrate.gate.using import edited
from migrate.reporting.material import CLOCKS, Material


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict, and why it is not believed; "" when it is. `expired`: nobody may use it any more."""

    document: Document
    digest: str
    refused: str
    expired: bool

    @property
    def door(self) -> Door:
        """What it is about."""
        return Door(self.document["door"])

    @property
    def issued(self) -> float:
        """When it was given, Unix seconds."""
        return float(self.document["issued"]["unix"])


def rulings(material: Material) -> list[Ruling]:
    """All verdicts, the newest first; of several that are the same, one."""
    found = {one.digest: _ruling(one, material) for one in material.history.verdicts}
    return sorted(found.values(), key=lambda one: one.issued, reverse=True)


def _ruling(given: Given, material: Material) -> Ruling:
    document = given.document
    over = document["expires"]["unix"] <= material.now
    return Ruling(document, given.digest, _refused(given, material), over)


def _refused(given: Given, material: Material) -> str:
    document, bundle = given.document, material.bundle
    if not given.intact:
        return "it is not what it was when the bundle was made"
    if (document["source"], document["target"]) != (bundle.source, bundle.target):
        return "it is for other stores"
    if disjoint(document["prefixes"]) != disjoint(bundle.prefixes):
        return "it is for other prefixes"
    if document["issued"]["unix"] > material.now + CLOCKS:
        return "it is from the future"
    return edited(document, bundle, material.naming)


def ruling_document(one: Ruling, *, newest: bool) -> Document:
    """A verdict in a few words. `newest`: no later one is believed."""
    document = one.document
    counts = Counter(each["standing"] for each in document["conditions"])
    return {
        "sha256": one.digest,
        "verdict": document["verdict"],
        "issued": document["issued"],
        "expires": document["expires"],
        "expired": one.expired,
        "newest": newest,
        "refused": one.refused or None,
        "conditions": {name: counts[name] for name in ("passed", "failed", "unproven")},
        "waived": [each["name"] for each in document["conditions"] if each["waived"] is not None],
        "policy": unusual(document),
        "notes": list(document["notes"]),
    }


def unusual(verdict: Document) -> list[Document]:
    """What a verdict was asked with that is not the default, such as older evidence."""
    usual = asdict(Policy())
    return [
        {"name": name, "value": value, "usual": usual.get(name)}
        for name, value in verdict["policy"].items()
        if value != usual.get(name)
    ]


def waivers(found: Sequence[Ruling]) -> list[Document]:
    """Every waiver that there ever was, the newest first: a condition that was let be stays one."""
    kept: dict[tuple[str, str, str], Document] = {}
    for ruling in sorted(found, key=lambda one: one.issued):
        for one in ruling.document["conditions"]:
            if one["waived"] is None:
                continue
            name = (ruling.door.value, one["name"], one["waived"])
            known = kept.pop(name, None)
            kept[name] = {
                "door": ruling.door.value,
                "condition": one["name"],
                "reason": one["waived"],
                "standing": one["standing"],
                "said": one["said"],
                "first": known["first"] if known else moment(ruling.issued),
                "last": moment(ruling.issued),
                "verdicts": 1 + (known["verdicts"] if known else 0),
                "refused": bool(ruling.refused) and (known is None or known["refused"]),
            }
    return list(reversed(kept.values()))
