"""How a key is shown to people: its prefix and a fingerprint, never the session id itself (law 10)."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

SECRET_BYTES = 32
"""The length of the secret that is made with the ledger and stays in it."""


class Fingerprints:
    """Fingerprints of keys under one secret: the same key always gets the same one.

    Without the secret a fingerprint can neither be turned back into its key nor be tested
    against a guess. Two ledgers give the same key two different fingerprints.
    """

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) != SECRET_BYTES:
            raise ValueError(f"a fingerprint secret has {SECRET_BYTES} bytes")
        self._secret = secret

    def of(self, key: str) -> str:
        """12 hex digits of HMAC-SHA256 over the key's UTF-8 bytes."""
        return hmac.digest(self._secret, key.encode("utf-8", "surrogatepass"), "sha256").hex()[:12]

    def shown(self, key: str, prefix: str) -> str:
        """The key as people see it, for example `spotify_session:#3fa9c2d01b77`.

        The prefix is left out where it is not one, and where it is the whole key: then it would
        be the session id.
        """
        visible = prefix if key.startswith(prefix) and key != prefix else ""
        return f"{visible}#{self.of(key)}"

    def shown_among(self, key: str, prefixes: Sequence[str]) -> str:
        """Like `shown`, under the longest of the prefixes that fits."""
        fitting = [prefix for prefix in prefixes if key.startswith(prefix) and key != prefix]
        return self.shown(key, max(fitting, key=len, default=""))
