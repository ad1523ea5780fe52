"""The KV namespace behind a bridge, as a store that is written in bulk: requests of a few seconds each.

KV takes a write however late it arrives, so what may be written only for a while is not sent to Cloudflare's
API, where a request can be on its way for minutes: the bridge begins each write in time or not at all, and
nothing of it goes on when its request is over (migrate/edge/src/kv-writing.ts).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from migrate.bridge_keys import Scope
from migrate.core import writing
from migrate.core.ports import Clock
from migrate.core.record import Key, Record
from migrate.core.writing import Reason, Written
from migrate.errors import ConfigError, StoreBroken, StoreUnavailable
from migrate.stores.durable.bridge import Bridge, Health
from migrate.stores.durable.wire import Document, sent_record, unfit

WINDOW = 20.0
"""Seconds in which the writes of one request may begin, as the halves of the session store's writes."""

_AT_ONCE = 4
_TRIES = 4
_BREAK = 1.5
"""Seconds before what KV did not take is tried again."""

_REASONS = {
    "done": None,
    "late": Reason.LATE,
    "soon": Reason.EXPIRING,
    "unfit": Reason.UNABLE,
    "slow": Reason.FAILED,
    "failed": Reason.FAILED,
}

_Done = dict[Key, Reason | None]
_Item = TypeVar("_Item", Record, Key)


class BridgedKv:
    """A KV namespace as a `Writable`, through the bridge that it is bound to. `close` closes the `bridge`.

    `address`: the namespace's own. Needs a key for kv. A key that has Reason.FAILED may have been written
    after all: KV answered with an error.
    """

    def __init__(self, bridge: Bridge, address: str, *, clock: Clock, health: Health | None = None) -> None:
        bridge.require(Scope.KV)
        self.address = address
        self._bridge = bridge
        self._clock = clock
        self._health = bridge.health() if health is None else health
        if not self._health.kv or self._health.limits.kv_keys < 1:
            raise ConfigError(
                f"{bridge.address}: no KV namespace is bound to the bridge",
                "kvferry bridge init DIR --kv-binding NAME --force, and deploy the bridge",
            )

    @property
    def width(self) -> int:
        """As many as its requests at once take."""
        return self._health.limits.kv_keys * _AT_ONCE

    def put(self, records: Sequence[Record], not_after: float = float("inf")) -> Written:
        """Write each; what KV would not take has its reason, and nothing of it is sent."""
        writing.check(records)
        done: _Done = {record.key: self._unfit(record) for record in records}
        fit = [record for record in records if done[record.key] is None]
        return done | self._all(fit, lambda one: one.key, self._puts, not_after)

    def delete(self, keys: Sequence[Key], not_after: float = float("inf")) -> Written:
        """Delete each, whether it is there or not."""
        return self._all(list(dict.fromkeys(keys)), lambda one: one, self._deletes, not_after)

    def close(self) -> None:
        """Close the connection. May be called twice."""
        self._bridge.close()

    # ------------------------------------------------------------ requests

    def _unfit(self, record: Record) -> Reason | None:
        reason = writing.unfit(record, self._clock.now() + self._health.bridge_ahead)
        if reason is None and unfit(record, self._health.prefix, self._health.limits.value_bytes) is not None:
            return Reason.TOO_LARGE
        return reason

    def _puts(self, some: Sequence[Record]) -> Document:
        return {"puts": [sent_record(one) for one in some], "deletes": []}

    def _deletes(self, some: Sequence[Key]) -> Document:
        return {"puts": [], "deletes": list(some)}

    def _all(
        self,
        items: Sequence[_Item],
        key_of: Callable[[_Item], Key],
        body: Callable[[Sequence[_Item]], Document],
        not_after: float,
    ) -> _Done:
        """Send them until each is taken or has its reason, several requests at once."""
        todo = {key_of(one): one for one in items}
        done: _Done = dict.fromkeys(todo, Reason.LATE)
        for attempt in range(_TRIES):
            if attempt:
                self._clock.sleep(_BREAK)
            if not todo or self._clock.now() > not_after:
                break
            with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="kv") as pool:
                portions = list(self._portions(list(todo.values())))
                sent = [pool.submit(self._send, body(some), not_after) for some in portions]
            for some, answer in zip(portions, sent, strict=True):
                outcomes = answer.result()
                if len(outcomes) != len(some):
                    raise StoreBroken("the bridge did not answer for every key", "report it")
                done |= {key_of(one): _REASONS[word] for one, word in zip(some, outcomes, strict=True)}
            todo = {key: one for key, one in todo.items() if done[key] in (Reason.FAILED, Reason.LATE)}
        return done

    def _portions(self, items: Sequence[_Item]) -> Iterator[list[_Item]]:
        """As many as one request takes, by their number and by their bytes."""
        limits = self._health.limits
        some: list[_Item] = []
        size = 1024
        for one in items:
            long = len(one) * 4 if isinstance(one, str) else _long(one)
            if some and (len(some) >= limits.kv_keys or size + long > limits.body_bytes):
                yield some
                some, size = [], 1024
            some.append(one)
            size += long
        if some:
            yield some

    def _send(self, body: Document, not_after: float) -> list[str]:
        """One request, again where its answer was lost, as long as there is time.

        Raises StoreUnavailable when it may have arrived, and no answer says what became of it.
        """
        until = min(not_after, self._clock.now() + WINDOW)
        lost: StoreUnavailable | None = None
        while True:
            asked = {**body, "notAfter": until + self._health.bridge_ahead}
            try:
                answer = self._bridge.ask("kv", Scope.KV, asked, patience=0.0)
            except StoreUnavailable as error:
                lost = error
            else:
                outcomes = [*answer["puts"], *answer["deletes"]]
                if lost is None or "late" not in outcomes:
                    return outcomes
                raise lost  # what is late now may have been written by the request before
            if self._clock.now() + _BREAK > until:
                raise lost
            self._clock.sleep(_BREAK)


def _long(record: Record) -> int:
    """Bytes of its JSON, roughly, and not too few."""
    return len(record.value) * 4 // 3 + 4 * (len(record.key) + len(record.metadata or "")) + 128
