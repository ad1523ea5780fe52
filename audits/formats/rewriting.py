"""What a rewriting changes, as a diff that `git apply` takes, and what it leaves to a human."""

from __future__ import annotations

from collections.abc import Iterator

from audits.editing import unified
from audits.formats.wording import one_line, plural, where
from audits.rewriting.plan import Rewriting


def diff(rewriting: Rewriting, folder: str = "") -> bytes:
    """What a human must decide on as comments above, then the difference of each file. `folder` stands
    before every path."""
    lines = "".join(f"# {line}\n" for line in left(rewriting, folder))
    return lines.encode() + b"".join(unified(changed, folder) for changed in rewriting.changed)


def files(rewriting: Rewriting, folder: str = "") -> str:
    """What a human must decide on, and the files that differ, one a line."""
    lines = [*left(rewriting, folder), *(one_line(folder + changed.path) for changed in rewriting.changed)]
    return "".join(line + "\n" for line in lines)


def left(rewriting: Rewriting, folder: str = "") -> Iterator[str]:
    """`src/index.ts:12:20: left to you: REASON: CODE`."""
    for one in rewriting.left:
        place = where(one.place, folder)
        yield ": ".join(filter(None, (place, "left to you", one_line(one.reason), one_line(one.code))))


def account(rewriting: Rewriting, *, written: bool) -> Iterator[str]:
    """How much was done, how much was left, and what is to be known."""
    verb = "rewrote" if written else "would rewrite"
    yield f"{verb} {plural(rewriting.places, 'place')} in {plural(len(rewriting.changed), 'file')}"
    if rewriting.left:
        yield f"left {plural(len(rewriting.left), 'place')} to you, listed above with the reason"
    yield from rewriting.notes
