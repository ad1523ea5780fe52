"""Where an import leads: relative paths, tsconfig's paths, package imports, workspaces.

Only names and configuration decide; no file of code is opened here.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from audits import jsonc
from audits.js.evaluation.bindings import above

_ENDINGS = (
    ".ts",
    ".tsx",
    ".mts",
    ".cts",
    ".js",
    ".jsx",
    ".mjs",
    ".cjs",
    ".d.ts",
    ".vue",
    ".svelte",
    ".astro",
)
_SWAPS = {
    ".js": (".ts", ".tsx", ".jsx", ".d.ts"),
    ".jsx": (".tsx",),
    ".mjs": (".mts", ".d.mts"),
    ".cjs": (".cts",),
}
_ALIASES = {
    "@/": ("src/", "", "app/"),
    "~/": ("app/", "src/", ""),
    "~~/": ("",),
    "@@/": ("",),
    "$lib/": ("src/lib/",),
}
_BUILT = ("dist/", "build/", "lib/", "out/", "esm/", "cjs/")


@dataclass
class Resolver:
    """Finds files of the project. `read` gives the text of a configuration file."""

    files: frozenset[str]
    packages: Iterable[str]
    tsconfigs: frozenset[str]
    read: Callable[[str], str]
    _packages: dict[str, Mapping[str, object]] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)
    _tsconfigs: dict[str, tuple[str, Mapping[str, object]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in sorted(self.packages):
            data = self._json(path)
            folder = posixpath.dirname(path)
            self._packages[folder] = data
            name = data.get("name")
            if isinstance(name, str):
                self._names.setdefault(name, folder)

    def resolve(self, path: str, spec: str) -> str | None:
        """The path of the file that `spec` means in the file at `path`, None: not the project's."""
        spec = spec.partition("?")[0]
        if spec.startswith("."):
            return self.file(posixpath.normpath(posixpath.join(posixpath.dirname(path), spec)))
        if spec.startswith("#") and (found := self._private(path, spec)) is not None:
            return found
        if (found := self._mapped(path, spec)) is not None:
            return found
        return self._workspace(spec) or self._alias(path, spec)

    def file(self, base: str) -> str | None:
        """The file that a path without its ending, or a folder, stands for."""
        base = base.removeprefix("./")
        if base.startswith(".."):
            return None
        if base in self.files:
            return base
        stem, ending = posixpath.splitext(base)
        for other in _SWAPS.get(ending, ()):
            if stem + other in self.files:
                return stem + other
        for ending in _ENDINGS:
            if base + ending in self.files:
                return base + ending
        folder = base + "/index" if base not in ("", ".") else "index"
        return next((folder + ending for ending in _ENDINGS if folder + ending in self.files), None)

    def _private(self, path: str, spec: str) -> str | None:
        """package.json's `imports`."""
        for folder in above(path):
            if folder not in self._packages:
                continue
            table = self._packages[folder].get("imports")
            for pattern, target in table.items() if isinstance(table, dict) else ():
                rest = _matched(pattern, spec)
                for choice in _targets(target) if rest is not None else ():
                    if (found := self._built(folder, choice.replace("*", rest or ""))) is not None:
                        return found
            return None
        return None

    def _mapped(self, path: str, spec: str) -> str | None:
        """tsconfig's `paths` and `baseUrl`."""
        for folder in above(path):
            for name in ("tsconfig.json", "jsconfig.json"):
                config = posixpath.join(folder, name)
                if config not in self.tsconfigs:
                    continue
                base, options = self._options(config)
                if (found := self._by_paths(base, options, spec)) is not None:
                    return found
        return None

    def _by_paths(self, folder: str, options: Mapping[str, object], spec: str) -> str | None:
        base_url, paths = options.get("baseUrl"), options.get("paths")
        base = posixpath.join(folder, base_url) if isinstance(base_url, str) else folder
        for pattern, targets in paths.items() if isinstance(paths, dict) else ():
            rest = _matched(pattern, spec)
            for target in targets if rest is not None and isinstance(targets, list) else ():
                found = self.file(
                    posixpath.normpath(posixpath.join(base, str(target).replace("*", rest or "")))
                )
                if found is not None:
                    return found
        return (
            self.file(posixpath.normpath(posixpath.join(base, spec))) if isinstance(base_url, str) else None
        )

    def _options(self, path: str, seen: int = 0) -> tuple[str, Mapping[str, object]]:
        """The folder that paths count from, and the options, those of `extends` included."""
        if path in self._tsconfigs:
            return self._tsconfigs[path]
        data = self._json(path)
        own = data.get("compilerOptions")
        folder, options = posixpath.dirname(path), dict(own) if isinstance(own, dict) else {}
        extends = data.get("extends")
        for parent in [extends] if isinstance(extends, str) else extends if isinstance(extends, list) else []:
            if "paths" in options or seen > 8 or not str(parent).startswith("."):
                continue
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), str(parent)))
            for config in (target, target + ".json", target + "/tsconfig.json"):
                if config in self.tsconfigs:
                    above_folder, inherited = self._options(config, seen + 1)
                    if "paths" in inherited or "baseUrl" in inherited:
                        folder, options = above_folder, {**inherited, **options}
        self._tsconfigs[path] = (folder, options)
        return folder, options

    def _workspace(self, spec: str) -> str | None:
        """A package of the same repository by its name, `name/sub/path` included."""
        parts = spec.split("/")
        name = "/".join(parts[:2]) if spec.startswith("@") else parts[0]
        folder = self._names.get(name)
        if folder is None:
            return None
        rest = spec[len(name) :].lstrip("/")
        data = self._packages[folder]
        for choice in self._entries(data, rest):
            if (found := self._built(folder, choice)) is not None:
                return found
        return None

    def _entries(self, data: Mapping[str, object], rest: str) -> Iterator[str]:
        exports = data.get("exports")
        wanted = "./" + rest if rest else "."
        if not rest and isinstance(exports, (str, list)):
            yield from _targets(exports)
        for pattern, target in exports.items() if isinstance(exports, dict) else ():
            found = _matched(pattern, wanted)
            for choice in _targets(target) if found is not None else ():
                yield choice.replace("*", found or "")
        if not rest:
            if isinstance(exports, dict) and not any(str(key).startswith(".") for key in exports):
                yield from _targets(exports)
            yield from (
                str(data[key])
                for key in ("source", "module", "main", "types")
                if isinstance(data.get(key), str)
            )
        yield rest or "index"
        yield "src/" + (rest or "index")

    def _built(self, folder: str, target: str) -> str | None:
        """The file itself, or the source that it is built from."""
        path = target.removeprefix("./")
        found = self.file(posixpath.normpath(posixpath.join(folder, path)))
        for built in _BUILT if found is None else ():
            if path.startswith(built):
                source = "src/" + path[len(built) :]
                found = self.file(posixpath.normpath(posixpath.join(folder, source)))
        return found

    def _alias(self, path: str, spec: str) -> str | None:
        """Aliases that frameworks define in files that are not there before a build."""
        if spec == "$lib":
            spec = "$lib/index"
        for head, choices in _ALIASES.items():
            if not spec.startswith(head):
                continue
            for folder in above(path):
                for choice in choices:
                    base = posixpath.normpath(posixpath.join(folder, choice + spec[len(head) :]))
                    if (found := self.file(base)) is not None:
                        return found
        return None

    def _json(self, path: str) -> Mapping[str, object]:
        try:
            data = jsonc.loads(self.read(path))
        except (OSError, ValueError):
            return {}
        return data if isinstance(data, dict) else {}


def _matched(pattern: str, spec: str) -> str | None:
    """What stands for the star, "" for a pattern without one, None when it does not match."""
    head, star, tail = pattern.partition("*")
    if not star:
        return "" if spec == pattern else None
    if spec.startswith(head) and spec.endswith(tail) and len(spec) >= len(head) + len(tail):
        return spec[len(head) : len(spec) - len(tail)]
    return None


def _targets(target: object) -> Iterator[str]:
    """The paths of a conditional export, sources before builds."""
    if isinstance(target, str):
        yield target
    elif isinstance(target, list):
        for part in target:
            yield from _targets(part)
    elif isinstance(target, dict):
        for part in target.values():
            yield from _targets(part)
