"""What the names in `env` are bound to, by every configuration of a project.

The configuration nearest above a file has the first word, then those further up, then all others:
shared packages have none of their own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from audits import wrangler

_OWN = ("wrangler.toml", "wrangler.json", "wrangler.jsonc")
_TOOLS = re.compile(r"\"(?:wrangler|@cloudflare/[\w-]+|@opennextjs/cloudflare|miniflare)\"\s*:")
_FLAG = re.compile(r"--kv[= ]+[\"']?([A-Za-z_]\w*)")


@dataclass(frozen=True, slots=True)
class Bindings:
    """Kinds of bindings by folder (`""` is the root): `{folder: {name: (kind, file)}}`. `configured`:
    there is a configuration of wrangler's, or a package.json that asks for one of
    Cloudflare's tools; `triggers`: its cron triggers, by folder as well."""

    folders: Mapping[str, Mapping[str, tuple[str, str]]] = field(default_factory=dict)
    given: frozenset[str] = frozenset()
    durable_classes: frozenset[str] = frozenset()
    broken: Mapping[str, str] = field(default_factory=dict)
    configured: bool = False
    triggers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def crons(self, path: str) -> tuple[str, ...]:
        """The cron triggers of the nearest configuration above a file that has any."""
        return next((self.triggers[folder] for folder in above(path) if self.triggers.get(folder)), ())

    def kind(self, path: str, name: str) -> tuple[str, str]:
        """The kind of a name as seen from a file, with the configuration's path; `("", "")`: unbound."""
        if name in self.given:
            return "option", ""
        for folder in above(path):
            found = self.folders.get(folder, {}).get(name)
            if found is not None:
                return found
        said = [names[name] for _, names in sorted(self.folders.items()) if name in names]
        everywhere = [found for found in said if found[0] != "option"]  # which is about its folder only
        spaces = [found for found in everywhere if found[0] == "kv_namespaces"]
        return next(iter(spaces or everywhere), ("", ""))

    @property
    def namespaces(self) -> frozenset[str]:
        """Every name that some configuration binds to a namespace."""
        spaces = (n for names in self.folders.values() for n, k in names.items() if k[0] in _SPACES)
        return self.given | frozenset(spaces)


_SPACES = ("kv_namespaces", "script", "option")


def above(path: str) -> Iterator[str]:
    """The folders above a path, the nearest first, the root (`""`) last."""
    yield (path := path.rpartition("/")[0])
    while path:
        yield (path := path.rpartition("/")[0])


def read(
    root: Path,
    configurations: Iterable[str],
    packages: Iterable[str],
    given: Iterable[str],
    local: Mapping[str, Iterable[str]] | None = None,
) -> Bindings:
    """Read all of them. One that cannot be read is noted in `broken` and says nothing. `given` names are
    namespaces everywhere, `local` ones in a folder (its path ends with a slash)."""
    folders: dict[str, dict[str, tuple[str, str]]] = {
        folder.rstrip("/"): dict.fromkeys(names, ("option", "")) for folder, names in (local or {}).items()
    }
    classes: set[str] = set()
    broken: dict[str, str] = {}
    configurations = list(configurations)
    triggers: dict[str, set[str]] = {}
    for path in sorted(configurations, key=_rank):
        names = folders.setdefault(path.rpartition("/")[0], {})
        try:
            config = wrangler.read(root / path)
        except wrangler.WranglerError as error:
            broken[path] = error.message
            continue
        said: dict[str, tuple[str, str]] = {}
        for environment in (config.top, *config.environments):
            _take(environment, path, said)
            classes |= {durable.class_name for durable in environment.durable_objects}
            triggers.setdefault(path.rpartition("/")[0], set()).update(environment.crons)
        for name, kind in said.items():
            names.setdefault(name, kind)
    configured = bool(configurations)
    for path in sorted(packages):
        names = folders.setdefault(path.rpartition("/")[0], {})
        package = _text(root / path)
        configured = configured or _TOOLS.search(package) is not None
        for name in _flags(package):
            names.setdefault(name, ("script", path))
    crons = {folder: tuple(sorted(found)) for folder, found in triggers.items()}
    return Bindings(folders, frozenset(given), frozenset(classes), broken, configured, crons)


def _rank(path: str) -> tuple[bool, str]:
    """wrangler's own configuration goes before examples of it and those of other environments."""
    return path.rpartition("/")[2] not in _OWN, path


def _take(environment: wrangler.Environment, path: str, names: dict[str, tuple[str, str]]) -> None:
    for space in environment.kv_namespaces:
        names[space.binding] = ("kv_namespaces", path)
    for durable in environment.durable_objects:
        names.setdefault(durable.name, ("durable_objects", path))
    for binding in environment.bindings:
        names.setdefault(binding.name, (binding.kind, path))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _flags(package: str) -> list[str]:
    """Namespaces that scripts pass on the command line: `wrangler pages dev --kv SESSIONS`."""
    try:
        scripts = json.loads(package).get("scripts", {}) if "--kv" in package else {}
    except (ValueError, AttributeError):
        return []
    lines = scripts.values() if isinstance(scripts, dict) else ()
    return [name for line in lines if isinstance(line, str) for name in _FLAG.findall(line)]
