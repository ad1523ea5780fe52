"""The preconditions of a migration, decided from facts: each is ok, a note, unproven, or has FAILED.

A failed one means that an export or a verify would stop, or would do what nobody wants. A note
lets them run and is worth knowing first; so does what is unproven, but nobody could look at it.
Everything here is pure.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrate.core.document import iso
from migrate.errors import Exit
from migrate.formats.figures import clean, plural
from migrate.formats.plan_applications import application_checks
from migrate.formats.plan_bridge import bridge_checks
from migrate.formats.plan_clock import clock_check
from migrate.formats.plan_facts import (
    Check,
    Listing,
    PlanFacts,
    Refused,
    Remote,
    Space,
    Standing,
    Token,
)
from migrate.formats.plan_recipe import code_checks
from migrate.formats.plan_target import ledger_check, target_checks

_SHOWN = 10


def checks(facts: PlanFacts) -> tuple[Check, ...]:
    """Every precondition that was looked at, in the order in which they were."""
    return tuple(_all(facts))


def verdict(facts: PlanFacts, found: tuple[Check, ...]) -> tuple[str, Exit]:
    """The plan in one word, ready, not ready, unproven, or unfinished, and its exit code."""
    if facts.error is not None:
        return "unfinished", facts.error.exit
    if any(check.standing is Standing.FAILED for check in found):
        return "not ready", Exit.AGAINST
    if any(check.standing is Standing.UNPROVEN for check in found):
        return "unproven", Exit.UNFINISHED
    return "ready", Exit.CLEAN


def missing_permissions(facts: PlanFacts) -> list[str]:
    """The permissions that the token was seen to lack."""
    remote, refused = facts.remote, facts.listing.refused
    if remote is None or refused is None or not refused.denied or _elsewhere(remote):
        return []
    return [remote.needs]


def _all(facts: PlanFacts) -> Iterator[Check]:
    for note in facts.notes:
        yield Check("found", Standing.NOTE, note)
    if facts.source_refused is not None:
        yield _failed("source", facts.source_refused)
    remote, listing = facts.remote, facts.listing
    if remote is not None and remote.token is not None:
        yield _token(remote.token, facts)
    if remote is not None and remote.space is not None:
        yield _space(remote.space, remote.token, listing)
    if facts.source_refused is None:
        yield from _listing(facts, listing, remote)
    if facts.skew is not None and listing.survey.pages:
        yield clock_check("clock", facts.skew, "the source's")
    if remote is not None and listing.complete:
        yield from _budget(remote)
    if facts.applications is not None:
        yield from application_checks(facts.applications)
    if facts.way is not None and facts.way.code is not None:
        yield from code_checks(facts.way.code, facts.way.authority)
    yield from target_checks(facts) if facts.bridge is None else bridge_checks(facts.bridge, facts)
    yield ledger_check(facts.notebook)


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
        if token.expires <= facts.finished + facts.longest:
            return Check(
                "token", Standing.NOTE, f"{said}, which may be too soon", "extend it before you begin"
            )
        return Check("token", Standing.OK, said)
    if facts.listing.survey.pages:
        said = "Cloudflare tells nothing of it (nor of any login of wrangler's), but it can list the keys"
        return Check("token", Standing.NOTE, said)
    if facts.listing.refused is None:
        return Check("token", Standing.NOTE, "nothing is known of it yet")
    return _failed("token", token.refused)


def _space(space: Space, token: Token | None, listing: Listing) -> Check:
    if space.refused is None:
        title = f'"{clean(space.title)}"' if space.title else "it has no title"
        return Check("namespace", Standing.OK, title)
    if listing.survey.pages:
        return Check("namespace", Standing.NOTE, "its title may not be seen, its keys may")
    if space.others is None:
        said_already = token is not None and token.refused is not None
        return Check(
            "namespace", Standing.FAILED, space.refused.message, "" if said_already else space.refused.hint
        )
    names = ", ".join(f"{clean(name)} ({clean(title)})" for name, title in space.others[:_SHOWN])
    more = f" and {len(space.others) - _SHOWN} more" if len(space.others) > _SHOWN else ""
    hint = f"name one of those that it has: {names}{more}" if names else "this account has none at all"
    return Check("namespace", Standing.FAILED, "there is no such namespace in this account", hint)


def _listing(facts: PlanFacts, listing: Listing, remote: Remote | None) -> Iterator[Check]:
    survey = listing.survey
    if listing.refused is not None:
        if not _elsewhere(remote):
            yield _not_listed(listing.refused, remote)
        return
    if not listing.complete:
        why = facts.error.message if facts.error else "it was not begun"
        yield Check("list", Standing.NOTE, f"not complete after {plural(survey.keys, 'key')}: {why}")
    elif survey.keys:
        keys = plural(survey.keys, "key")
        proven = "" if remote is None else f", so the token has the permission {remote.needs}"
        yield Check("list", Standing.OK, keys + proven)
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


def _elsewhere(remote: Remote | None) -> bool:
    """Is the permission there, and the namespace not?"""
    space = None if remote is None else remote.space
    return space is not None and space.refused is not None and space.others is not None


def _not_listed(refused: Refused, remote: Remote | None) -> Check:
    if remote is None or not refused.denied:
        return _failed("list", refused)
    said = f"the keys may not be listed: the permission {remote.needs} is missing"
    told = remote.token is not None and remote.token.refused is not None
    return Check("list", Standing.FAILED, said, "" if told else refused.hint)


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
    return Check(
        "list", Standing.NOTE, f"no key begins with {which}", "is it the right namespace and prefix?"
    )


def _budget(remote: Remote) -> Iterator[Check]:
    if remote.estimate.budget is None:
        return
    took = remote.estimate.budget.export
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
