"""The key space of a run: prefixes without overlap, and how one may be cut into partitions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from migrate.core.ports import RunId
from migrate.errors import ConfigError

ALPHABETS = {
    "hex": "0123456789abcdef",
    "base32": "abcdefghijklmnopqrstuvwxyz234567",
    "base62": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    "base64url": "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz",
}
"""The named alphabets of `--partitions`: the first character behind the prefix."""


def disjoint(prefixes: Sequence[str]) -> tuple[str, ...]:
    """The prefixes in order, without those that another one covers: no key is listed twice."""
    kept: list[str] = []
    for prefix in sorted(set(prefixes)):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    return tuple(kept)


def overlap(one: str, other: str) -> bool:
    """May a key begin with both of these prefixes?"""
    return one.startswith(other) or other.startswith(one)


def parts(prefix: str, alphabet: str) -> tuple[str, ...]:
    """The prefix cut by its next character. Nothing proves that these cover it: list it whole after."""
    try:
        letters = ALPHABETS[alphabet]
    except KeyError:
        raise ConfigError(
            f"no alphabet is called {alphabet!r}", f"choose one of {', '.join(ALPHABETS)}"
        ) from None
    return tuple(prefix + letter for letter in letters)


def run_id(kind: str, source: str, target: str, prefixes: Sequence[str], *options: str) -> RunId:
    """The name of a run: the same command has the same, so it finds its own checkpoints again."""
    words = json.dumps([kind, source, target, list(disjoint(prefixes)), *options])
    return RunId(hashlib.sha256(words.encode()).hexdigest()[:16])
