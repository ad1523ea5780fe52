"""The real clock; everything that waits or dates takes a `Clock` as an argument."""

from __future__ import annotations

import time


class SystemClock:
    """The machine's own time."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)
