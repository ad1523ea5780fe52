"""Values out of Workers KV, as bytes: bulk reads that fit, split where they do not, singly if need be.

    keys ─▶ bulk get ─┬─ text ─────────────▶ Record
                      ├─ null ─────────────▶ None
                      ├─ left out ─────────▶ asked again, then Unreadable
                      ├─ text with U+FFFD ─▶ single GET, which must agree with the bulk answer
                      └─ refused, broken off ─▶ halves, down to one key: single GET between two listings

Bulk answers are text: bytes that are no UTF-8 come back as U+FFFD, and a leading byte order mark
is lost (seen on the local runtime; nothing in the answer tells).
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from migrate.core.ports import Answer, Unreadable
from migrate.core.record import UNKNOWN, Head, Key, Record
from migrate.stores import kv_answers
from migrate.stores.cloudflare import BULK, LISTS, SINGLE, SPLIT, Api
from migrate.stores.envelope import TOO_LARGE, Choked, Raw, Rejected
from migrate.stores.kv_answers import Held

WIDTH = 100
"""The most keys of one bulk get."""

_ANSWER = 16 * 2**20
"""Bytes that a bulk answer should stay below; the limit is about 25 MiB."""

_LIMIT = 25 * 2**20

_TRIES = 3
_CHANGING = Unreadable("it changes faster than it can be read")
_LEFT_OUT = Unreadable("bulk reads leave it out of their answers")
_REFUSED = Unreadable("neither a bulk nor a single read of this key is accepted")
_NOT_SINGLY = Unreadable("its value is not text and this key cannot be read singly")
_UNDATED = Unreadable("its value is not text and the single answer does not carry its expiration")

_Found = dict[Key, Held | Answer]


class Reader:
    """Reads values of one namespace; shared by threads.

    `path` is the namespace's path, quoted. `whole`: answers carry metadata and expiration, as
    Cloudflare's do; else (the local runtime) the records have no metadata and an unknown
    expiration, and the caller joins them with a listing.
    """

    def __init__(self, api: Api, path: str, *, whole: bool) -> None:
        self._api = api
        self._path = path
        self._whole = whole
        self._typical = 0.0

    def read(self, keys: Sequence[Key]) -> dict[Key, Answer]:
        """Read these keys afresh; an answer for each of them, in their order."""
        todo = list(dict.fromkeys(keys))
        answers: dict[Key, Answer] = {}
        while todo:
            fits = WIDTH if self._typical * WIDTH <= _ANSWER else max(1, int(_ANSWER / self._typical))
            batch, todo = todo[:fits], todo[fits:]
            found = self._ask_all(batch, BULK)
            for key in batch:
                answers[key] = self._settle(key, found.get(key, _LEFT_OUT))
        return answers

    def head(self, key: Key) -> Head | None:
        """What a listing says of one key: with itself as prefix it is the first, if it is there."""
        envelope = self._api.fetch(LISTS, f"{self._path}/keys", {"prefix": key, "limit": "10"})
        heads = kv_answers.read_heads(envelope, key)
        return heads[0] if heads and heads[0].key == key else None

    # ------------------------------------------------------------ in bulk

    def _ask_all(self, keys: Sequence[Key], kind: str) -> _Found:
        """Ask, and ask again for what the answer left out."""
        found = self._ask(keys, kind)
        for _ in range(_TRIES - 1):
            missing = [key for key in keys if key not in found]
            if not missing:
                break
            found |= self._ask(missing, SPLIT)
        return found

    def _ask(self, keys: Sequence[Key], kind: str) -> _Found:
        body: dict[str, object] = {"keys": keys, "type": "text"}
        if self._whole:
            body["withMetadata"] = True
        chokes = _TRIES if len(keys) > 1 else 0
        try:
            envelope = self._api.fetch(
                kind, f"{self._path}/bulk/get", body=body, reads=len(keys), chokes=chokes
            )
        except (Rejected, Choked) as error:
            self._learn(error, len(keys))
        else:
            self._saw(len(envelope.content), len(keys))
            take = kv_answers.read_values if self._whole else kv_answers.read_texts
            return dict(take(envelope, keys))
        if len(keys) == 1:
            return {keys[0]: self._read_alone(keys[0])}
        half = len(keys) // 2
        return self._ask(keys[:half], SPLIT) | self._ask(keys[half:], SPLIT)

    def _learn(self, error: Rejected | Choked, keys: int) -> None:
        """Is it worth asking for less? Raises the error when it is not."""
        if isinstance(error, Choked):
            return
        if error.status == 413 or TOO_LARGE in error.codes:
            self._saw(_LIMIT, keys)
        elif error.status != 400:
            raise error

    def _saw(self, size: int, keys: int) -> None:
        """Remember how big values are, the big ones longer. A race between threads costs nothing."""
        self._typical = max(size / keys, self._typical * 0.9)

    # ------------------------------------------------------------ singly

    def _settle(self, key: Key, found: Held | Answer) -> Answer:
        """Turn what was found into a record, reading the bytes singly where text may hide them."""
        reason = _CHANGING
        for again in range(_TRIES):
            if again:
                found = self._ask_all([key], SPLIT).get(key, _LEFT_OUT)
            if not isinstance(found, Held):
                return found
            value = _plain(found.text)
            if value is None:
                raw = self._single(key)
                if raw is not None and self._agree(raw, found):
                    value = raw.content
                elif raw is None and again:
                    return _NOT_SINGLY
                elif raw is not None and raw.expiration is None and isinstance(found.expiration, int):
                    reason = _UNDATED
            if value is not None:
                return Record(key, value, *found[1:])
        return reason

    def _agree(self, raw: Raw, held: Held) -> bool:
        """Is the single answer the same write as the bulk answer, as far as both tell?"""
        text = raw.content.decode("utf-8", "replace")
        if held.text not in (text, text.removeprefix("\ufeff")):
            return False
        return not self._whole or kv_answers.read_expiration_header(raw.expiration) == held.expiration

    def _single(self, key: Key) -> Raw | None:
        """The bytes under a key; None when there is no way to them by this route."""
        try:
            return self._api.fetch_raw(SINGLE, f"{self._path}/values/{quote(key, safe='')}", reads=1)
        except Rejected as error:
            if error.status not in (400, 404):
                raise
            return None

    def _read_alone(self, key: Key) -> Answer:
        """A key that no bulk read takes: its bytes and expiration between two equal listings."""
        for _ in range(_TRIES):
            try:
                before = self.head(key) if self._whole else None
                raw = self._single(key)
                after = self.head(key) if self._whole else None
            except Rejected as error:
                if error.status != 400:
                    raise
                return _REFUSED
            if self._whole and (before is None or after is None):
                return None
            if raw is None:
                return _REFUSED
            if before is None:
                return Record(key, raw.content, None, UNKNOWN)
            if before == after and kv_answers.read_expiration_header(raw.expiration) == before.expiration:
                return Record(key, raw.content, *before[1:])
        return _CHANGING


def _plain(text: str) -> bytes | None:
    """The bytes of a text; None when they may have been others before they became text."""
    if "\ufffd" in text:
        return None
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return None
