"""What a plan says of the applications: who is bound to the namespace, and who of them nobody has named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migrate.core.applications import Named, Place, What
from migrate.core.document import Document
from migrate.formats.figures import clean, plural
from migrate.formats.plan_facts import Applications, Bound, Check, Standing

CANNOT_SEE = (
    "what wrangler dev --remote, the dashboard, or a program with an API token of the account writes",
    "Workers in dispatch namespaces, and previews of wrangler preview, which have bindings of their own",
    "what a Pages deployment was bound to that is older than its project's bindings of today",
    "versions without a URL: a rollback brings any of the last hundred back, with its bindings",
)
"""What no list of Cloudflare's tells of the writers of a namespace; see runbooks for how to end each."""

_FENCE = 'fenced = true, reason = "…"'


def application_checks(found: Applications) -> Iterator[Check]:
    """One for each place that is bound, each that is named and is not, and each list that was refused."""
    named = {one.place: one for one in found.named}
    for bound in found.bound:
        yield _bound(bound, named.get(bound.place))
    for unseen in found.unseen:
        yield Check("application", Standing.UNPROVEN, unseen.message, unseen.hint)
    if not found.bound and not found.unseen:
        said = "no Worker, version URL or Pages project is bound to the namespace"
        yield Check("application", Standing.OK, said)
    there = {bound.place for bound in found.bound}
    for one in found.named:
        if one.place not in there and not found.unseen:
            said = f"the configuration names {_called(one.place)}, which is not bound to the namespace"
            todo = "take it out of the configuration, or correct its name"
            yield Check("application", Standing.NOTE, said, todo)


def _bound(bound: Bound, named: Named | None) -> Check:
    said = _said(bound)
    if named is None:
        return Check("application", Standing.FAILED, f"{said}: nobody has named it", _end(bound.place))
    if named.fenced:
        return Check("application", Standing.NOTE, f"{said}; fenced off: {clean(named.reason)}")
    return Check("application", Standing.OK, f"{said}; part of the migration")


def _said(bound: Bound) -> str:
    called, names = _called(bound.place), ", ".join(clean(name) for name in bound.bindings)
    match bound.place.what:
        case What.SCRIPT | What.PAGES:
            return f"{called} is bound to it as {names}"
        case What.VERSIONS:
            if bound.count is None:
                return f"{called} are enabled"
            return f"{called} are enabled, and {plural(bound.count, 'version')} bound to it can be reached"
        case What.PREVIEWS:
            how = f"are bound to it as {names}" if names else "may be bound to it"
            others = f"; there are {bound.count} beside the one that serves" if bound.count else ""
            return f"{called} {how}{others}"


def _called(place: Place) -> str:
    name = clean(place.name)
    match place.what:
        case What.SCRIPT:
            return f"Worker {name}"
        case What.VERSIONS:
            return f"version URLs of Worker {name}"
        case What.PAGES:
            return f"Pages project {name}"
        case What.PREVIEWS:
            return f"previews and old deployments of Pages project {name}"


def _end(place: Place) -> str:
    """How an unnamed place is ended, named or fenced off."""
    entry = f'{place.what.value} = "{clean(place.name)}"'
    match place.what:
        case What.SCRIPT:
            how = "take the binding out of its wrangler configuration and npx wrangler deploy"
            return f"name it ([[application]] {entry}), or fence it off ({_FENCE}), or {how}"
        case What.PAGES:
            how = "remove the binding under Settings, Bindings, and deploy again"
            return f"name it ([[application]] {entry}), or fence it off ({_FENCE}), or {how}"
        case What.VERSIONS:
            how = "set preview_urls = false in its wrangler configuration and npx wrangler deploy"
            return f"{how}, or fence them off ([[application]] {entry}, {_FENCE})"
        case What.PREVIEWS:
            how = (
                "remove the preview binding and delete the deployments, or put Cloudflare Access before them"
            )
            return f"{how}, then fence them off ([[application]] {entry}, {_FENCE})"


# ---------------------------------------------------------------- the document


def applications_document(found: Applications) -> Document:
    """The member `applications`."""
    named = {one.place: one for one in found.named}
    return {
        "bound": [_entry(bound, named.get(bound.place)) for bound in found.bound],
        "unproven": [{"said": one.message, "todo": one.hint} for one in found.unseen],
        "cannot_see": list(CANNOT_SEE),
        "paste": paste(found),
    }


def _entry(bound: Bound, named: Named | None) -> Document:
    return {
        "what": bound.place.what.value,
        "name": bound.place.name,
        "bindings": list(bound.bindings),
        "count": bound.count,
        "standing": "unnamed" if named is None else "fenced" if named.fenced else "named",
        "reason": None if named is None or not named.fenced else named.reason,
    }


def paste(found: Applications) -> str:
    """What may be put into kvferry.toml for all that is unnamed, once it is true; "" when nothing is."""
    named = {one.place for one in found.named}
    return "\n".join(_table(bound.place) for bound in found.bound if bound.place not in named)


def _table(place: Place) -> str:
    lines: Sequence[str] = ["[[application]]", f"{place.what.value} = {_toml(place.name)}"]
    if place.what in (What.VERSIONS, What.PREVIEWS):
        lines = [*lines, "fenced = true", 'reason = ""  # say why it writes no session']
    return "".join(f"{line}\n" for line in lines)


def _toml(text: str) -> str:
    """A basic string of TOML; the names of Workers and Pages projects hold nothing that needs more."""
    return '"' + clean(text).replace("\\", "\\\\").replace('"', '\\"') + '"'
