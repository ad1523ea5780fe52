"""How large and how long the live demonstration is: its users, its phases, its patience."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """All durations in seconds.

    `users`: clients, each one request at a time; `sessions`: that each of them begins with. `phase`: how long
    each deployment lasts at least. `settle`: H, unless requests take so long that it must be longer.
    `pause`: of a client between two requests, at least.
    `within`: when it is given up, not counting the installation of the runtime.
    """

    users: int = 20
    sessions: int = 10
    phase: float = 2.5
    settle: float = 2.0
    pause: float = 0.05
    within: float = 110.0


PACE = Pace()
