"""Plan as a call: look at both stores, change neither, and say what stands in a migration's way.

ended = planning.plan("kv:", "sqlite:sessions.db", settings=Settings(clock=SystemClock()))
"""

from __future__ import annotations

from migrate.planning.look import plan
from migrate.planning.way import Wish

__all__ = ["Wish", "plan"]
