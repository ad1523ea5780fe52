"""Bulk writes and deletes of one Workers KV namespace: requests that fit, split where they do not.

    records ─▶ unfit? ─▶ requests ≤ 10,000 keys, 50 MB ─┬─ taken ───────────────▶ None
                                                        ├─ unsuccessful_keys ───▶ again, at last FAILED
                                                        ├─ refused, broken off ─▶ halves, at last REFUSED
                                                        └─ past not_after ──────▶ LATE

A request that is repeated because its answer was lost writes the same again: the expiration is absolute.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Sequence

import orjson

from migrate.core import writing
from migrate.core.ports import TooLate
from migrate.core.record import Key, Record
from migrate.core.writing import Reason
from migrate.stores import kv_answers
from migrate.stores.cloudflare import DELETES, PUTS, Api
from migrate.stores.envelope import Choked, Envelope, Rejected

_BODY = 50 * 10**6
"""Bytes of one request; Cloudflare takes 100 MB, and a lost answer costs all of it again."""

_TRIES = 4
_BREAK = 1.5
"""Seconds before unsuccessful keys are tried again, doubled each time: KV takes a write a second and key."""

_MARK = b"\xef\xbb\xbf"
"""A byte order mark, which readers of text like to drop."""

_SPLITS = frozenset({400, 413})

_Done = dict[Key, Reason | None]
_Send = Callable[[Sequence[Key]], Envelope]
_Judge = Callable[[Sequence[Key]], _Done]
"""What is unfit to be sent at this moment, and why."""


class Bulk:
    """Writes and deletes in bulk below one namespace's `path` (quoted). For one thread at a time.

    `now`: Unix seconds by our clock, for what has expired since it was read.
    """

    def __init__(self, api: Api, path: str, now: Callable[[], float] = time.time) -> None:
        self._api = api
        self._path = path
        self._now = now

    def put(self, records: Sequence[Record], not_after: float) -> _Done:
        """See `Writable.put`."""
        writing.check(records)
        items = {record.key: record for record in records}
        wide, done = self._api.most("writes", writing.WIDTH), _Done()
        batch: list[Key] = []
        size = 0
        for key, record in items.items():
            long = len(record.value) + len(record.metadata or "") + 2 * len(key) + 100
            if batch and (len(batch) >= wide or size + long > _BODY):
                done |= self._put(batch, items, not_after)
                batch, size = [], 0
            batch.append(key)
            size += long
        if batch:
            done |= self._put(batch, items, not_after)
        return done

    def delete(self, keys: Sequence[Key], not_after: float) -> _Done:
        """See `Writable.delete`."""
        wide, todo, done = self._api.most("deletes", writing.WIDTH), list(dict.fromkeys(keys)), _Done()

        def send(some: Sequence[Key]) -> Envelope:
            return self._api.write(
                DELETES,
                "POST",
                f"{self._path}/bulk/delete",
                orjson.dumps(some),
                spends=("deletes", len(some)),
                not_after=not_after,
                chokes=_TRIES if len(some) > 1 else 0,
            )

        for start in range(0, len(todo), wide):
            done |= self._all(todo[start : start + wide], send)
        return done

    # ------------------------------------------------------------ one request, and what becomes of it

    def _put(self, keys: Sequence[Key], items: dict[Key, Record], not_after: float) -> _Done:
        def send(some: Sequence[Key]) -> Envelope:
            return self._api.write(
                PUTS,
                "PUT",
                f"{self._path}/bulk",
                orjson.dumps([_item(items[key]) for key in some]),
                spends=("writes", len(some)),
                not_after=not_after,
                chokes=_TRIES if len(some) > 1 else 0,
            )

        def fitting(some: Sequence[Key]) -> _Done:
            now = self._now() + self._api.skew
            return {key: reason for key in some if (reason := writing.unfit(items[key], now)) is not None}

        return self._all(keys, send, fitting)

    def _all(self, keys: Sequence[Key], send: _Send, unfit: _Judge = lambda _: {}) -> _Done:
        """Send these keys until each is taken or has its reason; in their order."""
        done: _Done = dict.fromkeys(keys, Reason.FAILED)
        todo = list(keys)
        for attempt in range(_TRIES):
            if attempt:
                self._api.wait(_BREAK * 2.0 ** (attempt - 1), "unsuccessful keys are tried again")
            done |= self._fitting(todo, send, unfit)
            todo = [key for key in todo if done[key] is Reason.FAILED]
            if not todo:
                break
        return done

    def _fitting(self, keys: Sequence[Key], send: _Send, unfit: _Judge) -> _Done:
        """Send what fits at this moment, once."""
        out = unfit(keys)
        fit = [key for key in keys if key not in out]
        return out | self._split(fit, send, unfit) if fit else out

    def _split(self, keys: Sequence[Key], send: _Send, unfit: _Judge) -> _Done:
        """Send them once, in halves where the whole is refused or breaks off."""
        try:
            return _answered(send(keys), keys)
        except TooLate:
            return dict.fromkeys(keys, Reason.LATE)
        except Rejected as error:
            if error.status not in _SPLITS:
                raise
            out = unfit(keys)
            if not out and len(keys) == 1:
                out = {keys[0]: Reason.REFUSED}
            if out:  # it fitted before the request waited for its turn
                return out | self._fitting([key for key in keys if key not in out], send, unfit)
        except Choked:
            pass
        half = len(keys) // 2
        return self._fitting(keys[:half], send, unfit) | self._fitting(keys[half:], send, unfit)


def _answered(envelope: Envelope, keys: Sequence[Key]) -> _Done:
    """What a bulk answer says of each key. Raises StoreBroken unless it accounts for all of them."""
    result = envelope.result
    if not isinstance(result, dict):
        raise kv_answers.broken("a bulk write does not say what became of it")
    failed, count = result.get("unsuccessful_keys") or [], result.get("successful_key_count")
    if not isinstance(failed, list) or not all(isinstance(name, str) for name in failed):
        raise kv_answers.broken("a bulk write's unsuccessful keys are no list of keys")
    names = set(failed)
    if not names <= set(keys):
        raise kv_answers.broken("a bulk write names keys that were not in it")
    if type(count) is not int or count + len(names) != len(keys):
        raise kv_answers.broken("a bulk write does not account for all of its keys")
    return {key: Reason.FAILED if key in names else None for key in keys}


def _item(record: Record) -> dict[str, object]:
    """One item of a bulk put. A value goes as text only where that is known to keep its bytes."""
    item: dict[str, object] = {"key": record.key}
    text = _plain(record.value)
    if text is None:
        item["value"], item["base64"] = base64.b64encode(record.value).decode("ascii"), True
    else:
        item["value"] = text
    if record.metadata is not None:
        item["metadata"] = orjson.Fragment(record.metadata)
    if isinstance(record.expiration, int):
        item["expiration"] = record.expiration
    return item


def _plain(value: bytes) -> str | None:
    """The value as text; None where it would not come back byte for byte."""
    try:
        return None if value.startswith(_MARK) else value.decode("utf-8")
    except UnicodeDecodeError:
        return None
