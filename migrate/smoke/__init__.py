"""Smoke as a call: log in once through the real application, and say in which store the session has landed.

ended = smoke.smoke(Wish("kv:", "do+https://HOST", ["session:"], settings, login=Login(["./login.sh"])))
"""

from __future__ import annotations

from migrate.smoke.landing import Wish, smoke

__all__ = ["Wish", "smoke"]
