"""What a rewriting comes to: files before and after, and calls that a human must decide on."""

from __future__ import annotations

from dataclasses import dataclass

from audits.editing import Changed
from audits.operation import Place

WOULD_NOT_PARSE = "rewritten, the file would not parse any more"


class Leave(Exception):
    """This call is not rewritten; the message is the reason, told to a human. Never leaves the package."""


@dataclass(frozen=True, slots=True, order=True)
class Left:
    """A place in the code that a human must decide on, with the reason: one sentence, lower case,
    without a full stop. `code`: the call or statement on one line."""

    place: Place
    reason: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Rewriting:
    """`changed`: only files that differ, sorted by path; `places`: how many were rewritten or removed;
    `left`: sorted by place; `notes`: what is to be known before the result is used."""

    changed: tuple[Changed, ...] = ()
    places: int = 0
    left: tuple[Left, ...] = ()
    notes: tuple[str, ...] = ()
