"""The preconditions of a migration, decided from facts: each is ok, a note, or has FAILED.

A failed one means that an export or a verify would stop, or would do what nobody wants. A note
lets them run and is worth knowing first. Everything here is pure.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from migrate.core.document import iso
from migrate.core.ports import SweepInfo
from migrate.cost.effort import Effort, budget_days, one_pass, room
from migrate.errors import Exit
from migrate.formats.figures import clean, count, duration, plural
from migrate.formats.plan_facts import Listing, Notebook, Place, PlanFacts, Refused, Remote, Rows, Space, Token

SKEW_NOTE = 5.0
SKEW_FAILED = 60.0
"""Seconds by which the clocks may differ. Expirations are compared with one of them, and KV takes
none that is less than 60 s ahead."""

_SHOWN = 10


class Standing(enum.StrEnum):
    """How a precondition stands."""

    OK = "ok"
    NOTE = "note"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One precondition: what was seen, and what to do about it ("" = nothing)."""

    name: str
    standing: Standing
    said: str
    todo: str = ""


def checks(facts: PlanFacts) -> tuple[Check, ...]:
    """Every precondition that was looked at, in the order in which they were."""
    return tuple(_all(facts))


def verdict(facts: PlanFacts, found: tuple[Check, ...]) -> tuple[str, Exit]:
    """The plan in one word, ready, not ready, or unfinished, and its exit code."""
    if facts.error is not None:
        return "unfinished", facts.error.exit
    if any(check.standing is Standing.FAILED for check in found):
        return "not ready", Exit.AGAINST
    return "ready", Exit.CLEAN


def missing_permissions(facts: PlanFacts) -> list[str]:
    """The permissions that the token was seen to lack."""
    remote = facts.remote
    if remote is None or facts.listing.refused is None:
        return []
    seen = remote.space is not None and (remote.space.refused is None or remote.space.others is not None)
    return [] if seen else [remote.needs]


def _all(facts: PlanFacts) -> Iterator[Check]:
    for note in facts.notes:
        yield Check("found", Standing.NOTE, note)
    if facts.source_refused is not None:
        yield _failed("source", facts.source_refused)
    remote, listing = facts.remote, facts.listing
    if remote is not None and remote.token is not None:
        yield _token(remote.token, facts)
    if remote is not None and remote.space is not None:
        yield _space(remote.space, listing)
    if facts.source_refused is None:
        yield from _listing(facts, listing, remote)
    if facts.skew is not None and listing.survey.pages:
        yield _clock(facts.skew)
    if remote is not None and listing.complete:
        yield from _budget(one_pass(listing.survey), remote)
    yield from _target(facts)
    yield _ledger(facts.notebook)


def _failed(name: str, refused: Refused) -> Check:
    return Check(name, Standing.FAILED, refused.message, refused.hint)


# ---------------------------------------------------------------- the source


def _token(token: Token, facts: PlanFacts) -> Check:
    if token.refused is None:
        if token.status != "active":
            return Check(
                "token",
                Standing.FAILED,
                f'Cloudflare says that it is "{clean(token.status or "")}", not active',
                "make another one in the dashboard and put it into CLOUDFLARE_API_TOKEN",
            )
        if token.expires is None:
            return Check("token", Standing.OK, "active")
        said = f"active until {iso(token.expires)}"
        if token.expires <= facts.finished + _longest(facts):
            return Check("token", Standing.NOTE, f"{said}, which may be too soon", "extend it before you begin")
        return Check("token", Standing.OK, said)
    if facts.listing.survey.pages:
        what = "it is wrangler's own login" if token.login else "Cloudflare says nothing of it"
        return Check("token", Standing.NOTE, f"{what}; it can list the keys, which proves it")
    return _failed("token", token.refused)


def _longest(facts: PlanFacts) -> float:
    """Seconds that an export and a verify take at the rate, as far as is known."""
    if facts.remote is None:
        return 0.0
    return one_pass(facts.listing.survey).times(2).seconds(facts.remote.rate)


def _space(space: Space, listing: Listing) -> Check:
    if space.refused is None:
        title = f'"{clean(space.title)}"' if space.title else "it has no title"
        return Check("namespace", Standing.OK, title)
    if listing.survey.pages:
        return Check("namespace", Standing.NOTE, "its title may not be seen, its keys may")
    if space.others is None:
        return _failed("namespace", space.refused)
    names = ", ".join(f"{clean(name)} ({clean(title)})" for name, title in space.others[:_SHOWN])
    more = f" and {len(space.others) - _SHOWN} more" if len(space.others) > _SHOWN else ""
    hint = f"name one of those that it has: {names}{more}" if names else "this account has none at all"
    return Check("namespace", Standing.FAILED, "there is no such namespace in this account", hint)


def _listing(facts: PlanFacts, listing: Listing, remote: Remote | None) -> Iterator[Check]:
    survey = listing.survey
    if listing.refused is not None:
        known = remote is not None and remote.space is not None and remote.space.refused is not None
        yield _failed("list", Refused(listing.refused.message, "" if known else listing.refused.hint))
        return
    if not listing.complete:
        why = facts.error.message if facts.error else "it was not begun"
        yield Check("list", Standing.NOTE, f"not complete after {plural(survey.keys, 'key')}: {why}")
    elif survey.keys:
        proves = f", so the token has {remote.needs}" if remote is not None else ""
        yield Check(
            "list", Standing.OK, f"{plural(survey.keys, 'key')} on {plural(survey.pages, 'page')}{proves}"
        )
    else:
        yield _empty(facts)
    if survey.unknown:
        yield Check(
            "expirations",
            Standing.FAILED,
            f"unknown for {plural(survey.unknown, 'session')}, and none is guessed",
            "join the key list: dump:VALUES.json?keys=KEYS.json; or pass --assume-never",
        )
    if survey.expired:
        yield Check(
            "expirations", Standing.NOTE, f"{plural(survey.expired, 'session')} expired already: not copied"
        )


def _empty(facts: PlanFacts) -> Check:
    which = " or ".join(f'"{clean(prefix)}"' for prefix in facts.prefixes)
    if facts.prefixes == ("",):
        return Check("list", Standing.NOTE, "there is not a single key", "is it the right namespace?")
    if facts.listing.elsewhere:
        return Check(
            "list",
            Standing.NOTE,
            f"there are keys, but none begins with {which}",
            'say with --prefix how yours begin; --prefix "" takes all',
        )
    return Check("list", Standing.NOTE, f"no key begins with {which}", "is it the right namespace and prefix?")


def _clock(skew: float) -> Check:
    off = abs(skew)
    if off <= SKEW_NOTE:
        return Check("clock", Standing.OK, "agrees with the source's")
    side = "behind" if skew > 0 else "ahead of"
    said = f"this machine's is {duration(off)} {side} the source's"
    todo = "set it by a time server (NTP)"
    if off <= SKEW_FAILED:
        return Check("clock", Standing.NOTE, f"{said}; expirations are judged by the source's", todo)
    return Check("clock", Standing.FAILED, f"{said}: too far to judge what has expired", todo)


def _budget(effort: Effort, remote: Remote) -> Iterator[Check]:
    budget = remote.budget
    if budget.reads is None and budget.lists is None:
        return
    took = budget_days(effort, budget, remote.spent_reads, remote.spent_lists)
    if took is None:
        yield Check(
            "budget",
            Standing.FAILED,
            "a whole day of it does not hold one request, so the export would never end",
            "allow at least reads=100/day (one bulk read) and lists=1/day",
        )
    elif took > 1:
        yield Check(
            "budget",
            Standing.NOTE,
            f"an export takes {took} days of it",
            "it stops with exit 3 each day; type the same command on the next one (UTC)",
        )
    else:
        yield Check("budget", Standing.OK, "an export fits into what is left of today's")


# ---------------------------------------------------------------- the target and the ledger


def _target(facts: PlanFacts) -> Iterator[Check]:
    place = facts.place
    if place is None:
        yield Check(
            "target",
            Standing.NOTE,
            "none was given, so nothing is known of it",
            "plan again with --target sqlite:FILE",
        )
        return
    if place.address == facts.source:
        yield Check("target", Standing.FAILED, "it is the source itself", "name another file")
        return
    if place.problem is not None:
        yield _failed("target", place.problem)
        return
    if place.whole_dump:
        yield Check(
            "target", Standing.FAILED, "the dump is there already", "name another file, or export with --fresh"
        )
    elif place.size is None or place.rows is None:
        yield Check("target", Standing.OK, "a new file, which the export makes (mode 0600)")
    else:
        yield from _rows(place.rows, facts)
    if place.free is not None and facts.listing.complete:
        yield _disk(place, place.free, facts)


def _rows(rows: Rows, facts: PlanFacts) -> Iterator[Check]:
    parts = [f"{origin} {count(number)}" for origin, number in sorted(rows.origins.items()) if number]
    for name, number in (("tombstones", rows.tombstones), ("quarantined", rows.quarantined)):
        if number:
            parts.append(f"{name} {count(number)}")
    held = f"rows by origin: {', '.join(parts)}" if parts else "no rows under the prefix"
    yield Check("target", Standing.OK, f"a kvferry store; {held}; {sweeps_text(rows.sweeps)}")
    if rows.lease is not None and rows.lease_until > facts.finished:
        yield Check(
            "lease",
            Standing.NOTE,
            f"{rows.lease} may be writing to it now",
            "an export is refused while that process runs: see kvferry status",
        )
    if rows.origins.get("legacy"):
        yield Check(
            "legacy",
            Standing.NOTE,
            f"{plural(rows.origins['legacy'], 'row')} from before kvferry: no copy replaces them",
            "the verify names those that differ",
        )


def sweeps_text(sweeps: Sequence[SweepInfo]) -> str:
    """How far this very export is, in words."""
    if not sweeps:
        return "not exported yet"
    last = sweeps[-1]
    return f"sweep {last.number} is {'complete' if last.finished is not None else 'not complete'}"


def _disk(place: Place, free: int, facts: PlanFacts) -> Check:
    need = room(facts.listing.survey)
    more = max(0, need.bytes - (place.size or 0))
    sure = ", if values have 1 KiB each" if need.assumed else ""
    said = f"{file_size(free)} free, about {file_size(more)} needed{sure}"
    if more <= free:
        return Check("disk", Standing.OK, said)
    todo = "free some space, or name a file on another disk"
    return Check("disk", Standing.NOTE if need.assumed else Standing.FAILED, said, todo)


def file_size(number: int) -> str:
    """`640 MB`, `1.2 GB`: two digits are enough."""
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if number >= unit:
            figure = number / unit
            return f"{figure:.1f} {name}" if figure < 9.95 else f"{figure:,.0f} {name}"
    return plural(number, "byte")


def _ledger(notebook: Notebook) -> Check:
    if notebook.new:
        return Check("ledger", Standing.OK, f"{clean(notebook.path)}, made just now: it holds the request window")
    last = f"; the last verify of this pair: {notebook.verdict}" if notebook.verdict else ""
    return Check("ledger", Standing.OK, f"{clean(notebook.path)}, {plural(notebook.runs, 'run')}{last}")
