"""Keys that a report names: a fingerprint and a reason, a few of many, never the key itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from migrate.core.document import Document
from migrate.core.fingerprint import Fingerprints
from migrate.core.record import Key

SHORTEST = 6
"""A key's rest of fewer characters is no session id, and would turn up in ordinary words."""


def samples(
    found: Iterable[tuple[Key, str]], total: int, prefixes: Sequence[str], fingerprints: Fingerprints
) -> tuple[list[Document], int]:
    """Each key as `{fingerprint, reason}`, and how many of `total` are not among them."""
    shown = [
        {
            "fingerprint": fingerprints.shown_among(key, prefixes),
            "reason": without(reason, key, prefixes, fingerprints),
        }
        for key, reason in found
    ]
    return shown, max(0, total - len(shown))


def without(text: str, key: Key, prefixes: Sequence[str], fingerprints: Fingerprints) -> str:
    """The text with its own key, should it hold that, replaced by what people may see.

    Reasons come from stores and must not hold keys; this is the second lock on that door.
    """
    rest = key[max((len(prefix) for prefix in prefixes if key.startswith(prefix)), default=0) :]
    for secret in (key, rest, key.rpartition(":")[2]):
        if len(secret) >= SHORTEST:
            text = text.replace(secret, f"#{fingerprints.of(key)}")
    return text
