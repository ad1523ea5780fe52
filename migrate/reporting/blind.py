"""What a report cannot see: what was never gathered, what a bundle lacks, and what nobody can know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migrate.core.document import Document
from migrate.formats.figures import plural
from migrate.gate.exhibits import AUDIT, DEPLOYMENT, EXPORT, FENCE, LISTING, LIVE, VERIFY
from migrate.reporting.material import Material, Place

_MISSING = {
    EXPORT: "no export is in here",
    VERIFY: "no verify is in here: nothing says whether the stores agree",
    LIVE: "nobody was heard of live traffic: stages, counters and KV's lag are unknown",
    DEPLOYMENT: "Cloudflare was not asked what is deployed",
    FENCE: "nobody asked whether the target's fence is up",
    AUDIT: "no audit of the code is in here",
    LISTING: "KV was not listed by a gate: whether it is quiet is unknown",
}

_ALWAYS = (
    "Sessions themselves: they are counted here, never shown, so no single one can be looked up.",
    "Invocations that were killed left no report; their requests and their cost are in no figure.",
    "What changed since the evidence was gathered: conditions are judged by what was seen then, and its age.",
    "Writers of KV that nobody heard and that changed nothing that differs.",
)


def blind_spots(material: Material, verifies: Sequence[Document]) -> list[str]:
    """All of it, the particular first."""
    return [*_particular(material, verifies), *_ALWAYS]


def _particular(material: Material, verifies: Sequence[Document]) -> Iterator[str]:
    there = {one.kind for one in material.bundle.exhibits}
    yield from (f"{said[0].upper()}{said[1:]}." for kind, said in _MISSING.items() if kind not in there)
    if material.place is Place.BUNDLE:
        yield (
            "The ledger: this report was made of a bundle. Its digests show that nothing in it was changed "
            "by halves, not who made it: compare the evidence's digest with the operator's."
        )
        if not material.remembered:
            yield (
                "Verdicts, broken-off runs and tasks: the bundle is of an earlier release and does not say "
                "which there were. kvferry evidence export makes one that does."
            )
    if old := sum(one["ages"] is None for one in verifies):
        yield f"How differences settled, and how old they were: {_earlier(old)} do not say it."
    if old := sum(one["left"] is None for one in verifies):
        yield f"How long sessions have left, in steps: {_earlier(old)} do not say it."


def _earlier(number: int) -> str:
    return f"{plural(number, 'verify', 'verifies')} by an earlier release"
