"""A port of the loopback address for a server that is killed and comes back under the same one."""

from __future__ import annotations

import random
import socket

_NOT_EPHEMERAL = range(10_000, 32_768)
"""Ports that no system gives to whoever asks for any: while the server is down, nobody is given its port."""


def lasting_port() -> int:
    """A port that is free now, and that nobody gets by chance."""
    chosen = random.SystemRandom()
    while True:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", chosen.choice(_NOT_EPHEMERAL)))
            except OSError:
                continue
            return int(probe.getsockname()[1])
