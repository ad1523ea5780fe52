"""The sessions behind a bridge, whatever objects they live in: found by key, and what their keys may be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from migrate.bridge_keys import Scope
from migrate.core.partition import overlap
from migrate.core.record import Change, Key, Record, Row
from migrate.errors import StoreBroken, StoreRefused
from migrate.stores.durable.bridge import Bridge, Choked, Health
from migrate.stores.durable.pace import chokes
from migrate.stores.durable.wire import KEY_BYTES, Document, changes_of, head_of, row_of

_OPENING = 20.0
"""Seconds that the first answer may take: a host name that is wrong is not waited for like a bridge."""


class Bounds(NamedTuple):
    """Keys that start with `prefix`, with after < key <= upto."""

    prefix: str
    after: str | None
    upto: str | None


class Objects:
    """What both placements have in common. Opening asks for the bridge's health.

    Methods raise as `Bridge.ask`.
    """

    def __init__(self, bridge: Bridge) -> None:
        self.bridge = bridge
        try:
            self.health = bridge.health(_OPENING)
        except BaseException:
            bridge.close()
            raise
        self.width = self.health.limits.keys
        """How many keys are asked for at once; fewer when that was too much for the Worker."""

    def now(self) -> float:
        """The objects' time, Unix seconds."""
        return self.bridge.now() + self.health.ahead

    @property
    def identity(self) -> str:
        """Placement and prefix: with others, the same bridge leads to other objects."""
        return f"{self.health.placement} {self.health.prefix}"

    def look(self) -> Health:
        """Ask for the bridge's health anew; its clock may have moved against ours."""
        self.health = self.bridge.health()
        return self.health

    def check_prefix(self, text: str) -> None:
        """Raise StoreRefused when the bridge keeps no key that begins with `text`."""
        ours = self.health.prefix
        if not overlap(text, ours):
            raise StoreRefused(
                f"{self.bridge.address}: the bridge keeps other keys than these: its prefix is {ours}",
                f"pass --prefix {ours}, or deploy the bridge with another KVFERRY_PREFIX",
            )

    def rows(self, keys: Sequence[Key]) -> dict[Key, Row]:
        """The rows under these keys, with their values; absent ones are left out."""
        found: dict[Key, Row] = {}
        wanted = self._ours(keys)
        while wanted:
            some, answer = self._ask("read", Scope.VALUES, wanted)
            rest = wanted[len(some) :]
            later = set(answer["unanswered"])
            if len(answer["rows"]) != len(some) or len(later) >= len(some):
                raise StoreBroken("the bridge did not answer for the keys it was asked for", "report it")
            for number, (key, sent) in enumerate(zip(some, answer["rows"], strict=True)):
                if number not in later and sent is not None:
                    found[key] = _answered(key, row_of(sent))
            wanted = [key for number, key in enumerate(some) if number in later] + rest
        return found

    def heads(self, keys: Sequence[Key]) -> dict[Key, Row]:
        """The rows under these keys, with digests for values; absent ones are left out."""
        return {key: _answered(key, head_of(sent)) for key, sent in self._heads(keys)}

    def past(self, keys: Sequence[Key]) -> dict[Key, Sequence[Change]]:
        """The last changes of the rows under these keys; absent ones are left out."""
        ahead = self.health.ahead
        return {key: changes_of(sent, ahead) for key, sent in self._heads(keys)}

    def _heads(self, keys: Sequence[Key]) -> Iterator[tuple[Key, Document]]:
        wanted = self._ours(keys)
        while wanted:
            some, answer = self._ask("heads", Scope.VERIFY, wanted)
            wanted = wanted[len(some) :]
            if len(answer["rows"]) != len(some):
                raise StoreBroken("the bridge did not answer for the keys it was asked for", "report it")
            yield from (
                (key, sent) for key, sent in zip(some, answer["rows"], strict=True) if sent is not None
            )

    def _ask(self, verb: str, scope: Scope, keys: list[Key]) -> tuple[list[Key], Document]:
        """Ask for the first of these keys: as many as the Worker may do at once; and its answer."""
        while True:
            some = keys[: self.width]
            try:
                return some, self.bridge.ask(verb, scope, {"keys": some}, chokes=chokes(len(some)))
            except Choked:
                if len(some) == 1:
                    raise
                self.width = max(1, len(some) // 2)

    def _ours(self, keys: Sequence[Key]) -> list[Key]:
        """Each of these keys once, without those that no object of the bridge can hold."""
        ours = self.health.prefix
        return [
            key
            for key in dict.fromkeys(keys)
            if key.startswith(ours) and key != ours and len(key.encode()) <= KEY_BYTES
        ]

    def bounds(self, prefix: str, after: Key | None, upto: Key | None) -> Bounds | None:
        """These bounds as the bridge takes them, all within its prefix; None: nothing is between them."""
        self.check_prefix(prefix)
        ours = self.health.prefix
        low: str | None = after or None
        high: str | None = upto
        if low is not None and not low.startswith(ours):
            if low > ours:
                return None
            low = None
        if high is not None and (not high or not high.startswith(ours)):
            if high < ours or not high:
                return None
            high = None
        return Bounds(prefix, low, high)


def record_of(row: Row) -> Record:
    """A live row as a record."""
    if not isinstance(row.value, bytes):
        raise StoreBroken("the bridge listed a session without its value", "report it")
    return Record(row.key, row.value, row.metadata, row.expiration)


def _answered(key: Key, row: Row) -> Row:
    if row.key != key:
        raise StoreBroken("the bridge answered for another key", "report it")
    return row
