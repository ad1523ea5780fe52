"""How commands that destroy are asked for twice (law 9): `--execute`, and the name of the source."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from migrate.errors import ConfigError
from migrate.formats.figures import clean

Confirmed = Callable[[str], str | None]
"""Gives the name that was typed or passed for this one; None: neither was."""

Say = Callable[[str], object]


def name_of(address: str) -> str:
    """What an operator calls a store: the last part of its address."""
    return address.rstrip("/").rpartition("/")[2].rpartition("#")[2].rpartition(":")[2]


def confirm(name: str, confirmed: Confirmed, doing: str = "done") -> None:
    """Go on only when the name was typed or passed as it is. Raises ConfigError: nothing was `doing`."""
    given = confirmed(name)
    if given != name:
        wrong = "the name is missing" if given is None else "that is another name"
        raise ConfigError(f"nothing was {doing}: {wrong}", f"--execute --name {name}")


def dry(effects: Sequence[str], again: str, say: Say) -> None:
    """Say what would be done, a line for each effect, and the command that does it."""
    say("")
    say("nothing was done; with --execute:")
    for effect in effects:
        say(f"  {effect}")
    say("")
    say(f"next: {clean(again)}")
