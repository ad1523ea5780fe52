"""Cursors: opaque, never the same twice, and refused when forged, outdated or used with another listing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools

from tests.fake_api.wire import Refusal

ENDING = "+/="
"""Every cursor ends so: a client that forgets to escape it in the query never gets it accepted."""


class Cursors:
    """Makes and reads the cursors of one server; nothing is stored but the generation."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._generation = 0
        self._serial = itertools.count()

    def expire(self) -> None:
        """From now on every cursor made so far is refused."""
        self._generation += 1

    def make(self, listing: str, after: str) -> str:
        """A cursor of the listing (its namespace and prefix) that continues behind the key `after`."""
        text = f"{next(self._serial)}\0{after}".encode()
        return base64.b64encode(self._sign(listing, text) + text).decode() + ENDING

    def read(self, listing: str, cursor: str) -> str:
        """The key behind which it continues. Raises Refusal 400, code 10041."""
        try:
            raw = base64.b64decode(cursor.removesuffix(ENDING), validate=True)
        except ValueError:
            raw = b""
        if not cursor.endswith(ENDING) or not hmac.compare_digest(raw[:9], self._sign(listing, raw[9:])):
            raise Refusal(400, 10041, "invalid cursor")
        return raw[9:].decode().partition("\0")[2]

    def _sign(self, listing: str, text: bytes) -> bytes:
        message = f"{self._generation}\0{listing}\0".encode() + text
        return hmac.new(self._secret, message, hashlib.sha256).digest()[:9]
