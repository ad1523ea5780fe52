"""How the demos tell: a command as it would be typed, what it says, and whether it went as it should."""

from __future__ import annotations

from collections.abc import Callable

from migrate.errors import MigrateError

Say = Callable[[str], None]


def show(say: Say, typed: str, told: str = "") -> None:
    """A command and what it tells; what to type next is the story's to say."""
    say(f"   $ {typed}")
    for line in told.splitlines():
        if not line.startswith("next:"):
            say(f"   {line}".rstrip())
    say("")


def check(holds: bool, otherwise: str) -> None:
    """Raise MigrateError when the story did not go as it was told."""
    if not holds:
        raise MigrateError(f"the demo failed: {otherwise}", "this is a defect of kvferry; please report it")
