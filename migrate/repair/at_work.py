"""Who is at work, asked for a burial by what the gate asks: heartbeats, and what Cloudflare has deployed."""

from __future__ import annotations

from migrate.core.comparing import Stage
from migrate.core.document import naming
from migrate.core.gate.alone import Gone, NotGone, gone
from migrate.core.gate.asking import Asked
from migrate.core.gate.evidence import Evidence
from migrate.core.gate.policy import Policy
from migrate.core.gate.verdict import Door
from migrate.errors import ConfigError, StoreUnavailable
from migrate.gate.bundle import of_ledger
from migrate.gate.exhibits import AUDIT, evidence
from migrate.gate.gathering import Gathering
from migrate.repair.wish import Mode, Work

_EVERY = 15.0
"""Seconds for which an answer holds: half of the time in which an isolate is heard again."""


class AtWork:
    """Asks anew when an answer has grown old; what it hears first is kept as evidence."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._first: Evidence | None = None
        self._gone: Gone | None = None
        self._asked_at = float("-inf")

    def gone(self) -> Gone:
        """Since when the last `kv` and `dual-write` isolate is gone. Raises ConfigError when something speaks
        against it, StoreUnavailable when nothing speaks for it."""
        work = self._work
        word, now = work.wish.gone_since, work.desk.settings.clock.now()
        if self._gone is not None and now - self._asked_at < _EVERY:
            return self._gone
        found = gone(self._evidence(), now, self._stores, word)
        if isinstance(found, NotGone):
            raise refusal(work, found)
        self._gone, self._asked_at = found, now
        return found

    def expect_later(self) -> None:
        """Raise ConfigError when a `kv` or `dual-write` isolate is at work."""
        heard = self._evidence()
        asked = Asked(Door.OBJECT_FIRST, heard, Policy(), self._work.desk.settings.clock.now(), self._stores)
        gone = asked.gone(Stage.SHADOW_READ)
        if heard.live is not None and gone is not None and gone > heard.live.at:
            raise ConfigError(
                "kv or dual-write is at work: it believes KV, and nothing of the target goes before it",
                "deploy SESSION_STAGE=shadow-read to 100 %",
            )

    @property
    def horizon(self) -> float:
        """H, seconds: of a source that can be stale never less than the gate would ask for."""
        work = self._work
        heard = self._first or self._evidence()
        asked = Asked(Door.OBJECT_FIRST, heard, Policy(), work.desk.settings.clock.now(), self._stores)
        needed = max(work.source.horizon, asked.horizon) if work.source.horizon else 0.0
        return max(work.horizon, needed)

    @property
    def _stores(self) -> str:
        wish = self._work.wish
        return naming(wish.source, wish.target, wish.prefixes, wish.settings.typed())

    def _evidence(self) -> Evidence:
        """What the bridge and Cloudflare say now, and the last audit."""
        work, ledger = self._work, self._work.desk.ledger
        with work.desk.apart() as desk:
            asking = Gathering(desk, work.source, work.holder, work.wish.target, work.prefixes)
            found = list(asking.at_work())
        if self._first is None:
            for exhibit in found:
                ledger.add_evidence(work.migration, exhibit.kind, exhibit.document, exhibit.at)
        known = of_ledger(ledger, work.source.address, work.holder.address, work.prefixes)
        heard = evidence([*found, *(one for one in known.exhibits if one.kind == AUDIT)])
        self._first = self._first or heard
        return heard


def refusal(work: Work, found: NotGone) -> ConfigError | StoreUnavailable:
    """Why nothing is buried, as an error."""
    said = f"nothing is buried before kv and dual-write are known to be gone: {found.said}"
    if found.against:
        return ConfigError(said, found.todo)
    word = work.wish.repair(Mode.TOMBSTONES) + " --gone-since TIME, if you know it by other means"
    return StoreUnavailable(said, f"{found.todo}; or {word}")
