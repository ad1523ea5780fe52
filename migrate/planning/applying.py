"""Who else may touch the namespace: what a plan asks of Cloudflare's lists of Workers and Pages projects.

What cannot be asked is said, and the rest is shown; nothing that was refused is taken for nothing bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from migrate.core.applications import Named, Place, What
from migrate.errors import StoreError, StoreRefused, StoreUnavailable
from migrate.formats.plan_facts import Applications, Bound, Refused
from migrate.stores import applications as ask
from migrate.stores.cloudflare import Api
from migrate.stores.envelope import Rejected

MOST_VERSIONS = 300
"""How many versions are asked for their bindings, one request each; the newest of each script first."""


def look_at_applications(api: Api, account: str, namespace: str, named: Sequence[Named]) -> Applications:
    """Everything that Cloudflare lists as bound to a namespace."""
    fenced = frozenset(one.place for one in named if one.fenced)
    look = _Look(api, account, namespace, fenced, MOST_VERSIONS)
    bound = [*look.of("Workers", ask.SCRIPTS_PERMISSION, look.scripts())]
    bound += look.of("Pages projects", ask.PAGES_PERMISSION, look.projects())
    return Applications(bound, named, look.unseen)


def _hint(error: StoreError, permission: str) -> str:
    """What to do about it."""
    if isinstance(error, StoreRefused) and not isinstance(error, Rejected):
        return f"give the token the permission {permission} for this account, and plan again"
    return "plan again later" if isinstance(error, StoreUnavailable) else error.hint


@dataclass(slots=True)
class _Look:
    """`fenced`: places that need no closer look. `left`: how many versions may still be asked."""

    api: Api
    account: str
    namespace: str
    fenced: frozenset[Place]
    left: int
    unseen: list[Refused] = field(default_factory=list)

    def of(self, what: str, permission: str, found: Iterator[Bound]) -> Iterator[Bound]:
        """What is found until something cannot be asked; then that is noted, and it ends."""
        try:
            yield from found
        except StoreError as error:
            said = f"not every one of the {what} could be asked: {error.message}"
            self.unseen.append(Refused(said, _hint(error, permission)))

    def scripts(self) -> Iterator[Bound]:
        """Workers, each with its version URLs."""
        for script in ask.scripts(self.api, self.account):
            serving = ask.serving(self.api, self.account, script)
            names = self._names(script, serving)
            if names:
                yield Bound(Place(What.SCRIPT, script), names)
            if ask.has_version_urls(self.api, self.account, script):
                yield from self._version_urls(script, frozenset(serving))

    def _names(self, script: str, serving: Sequence[str]) -> list[str]:
        """By which names the script's serving versions bind the namespace."""
        if not serving:
            return list(ask.bound_now(self.api, self.account, script, self.namespace))
        return sorted({name for version in serving for name in self._of_version(script, version)})

    def _version_urls(self, script: str, serving: frozenset[str]) -> Iterator[Bound]:
        """Versions that can be reached beside those that serve everybody."""
        place = Place(What.VERSIONS, script)
        if place in self.fenced:
            yield Bound(place)
            return
        count, unasked, names = 0, False, set[str]()
        for version in ask.versions(self.api, self.account, script):
            if version.id in serving or not version.reachable:
                continue
            if not self.left:
                unasked = True
                break
            self.left -= 1
            mine = self._of_version(script, version.id)
            count, names = count + bool(mine), names.union(mine)
        if count:
            yield Bound(place, sorted(names), count)
        elif unasked:
            said = f"not every version of Worker {script} with a URL was asked: there are too many"
            hint = "set preview_urls = false in its wrangler configuration and npx wrangler deploy"
            self.unseen.append(Refused(said, f"{hint}, or fence its version URLs off"))

    def _of_version(self, script: str, version: str) -> tuple[str, ...]:
        return ask.bound_by(self.api, self.account, script, version, self.namespace)

    def projects(self) -> Iterator[Bound]:
        """Pages projects: production, and everything else that they have deployed."""
        for project in ask.projects(self.api, self.account, self.namespace):
            if project.production:
                yield Bound(Place(What.PAGES, project.name), project.production)
            if not project.production and not project.previews:
                continue
            others = ask.other_deployments(self.api, self.account, project.name)
            if project.previews or others:
                yield Bound(Place(What.PREVIEWS, project.name), project.previews, others)
