"""Which files of a folder are read, and why the others are not: nothing is left out without a reason.

Dependencies, build output, what git ignores, links, and files that no person wrote (minified, larger
than 1 MB) are skipped. A folder that is skipped counts as one path with a slash at its end.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pathspec

from audits.js.files import gitignore
from audits.js.files.folder import Folder
from audits.js.files.gitignore import Rules
from audits.js.syntax import grammar

DEPENDENCIES = {"node_modules", "vendor", "bower_components", "jspm_packages", ".yarn", ".pnpm-store"}
BUILT = {
    "dist", "build", "out", "coverage", ".wrangler", ".next", ".svelte-kit", ".output", ".nuxt", ".vercel",
    ".turbo", ".cache", ".open-next", ".astro", ".mf", ".parcel-cache", ".vinxi", ".netlify",
    "storybook-static", "__generated__", ".react-router", ".vite",
}  # fmt: skip
_HIDDEN = {".git", ".hg", ".svn", ".venv", ".idea", ".vscode", "__pycache__"}
LARGEST = 1_000_000
_LONG_LINE = 20_000
_DATA = re.compile(rb"[\"'`,][\w+/=%-]{1000,}")
"""An image, a font or a module as text: the file around it may well be written by hand."""
_TEST = re.compile(
    r"(?:^|/)(?:__tests__|__mocks__|tests?|e2e|specs?|fixtures|mocks)/|[._-](?:test|spec|e2e|bench|mock)s?\.\w+$"
    r"|(?:^|/)(?:vitest|jest)[.-]"
)
OURS = "kvferry.toml"
_CONFIG = re.compile(r"wrangler(?:[._-][\w-]+)*\.(?:toml|jsonc?)(?:[._-][\w.-]+)?")
"""wrangler.toml; wrangler.staging.jsonc; wrangler.toml.example, where the real one is kept out of git."""


@dataclass
class Collected:
    """`files` are sorted paths with their sizes, relative to the root with `/`; `ours` are the
    configurations of the audit itself."""

    files: dict[str, int] = field(default_factory=dict)
    configurations: list[str] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)
    tsconfigs: list[str] = field(default_factory=list)
    ours: list[str] = field(default_factory=list)
    skipped: dict[str, list[str]] = field(default_factory=dict)

    def skip(self, reason: str, path: str) -> None:
        """Count a path that is not read."""
        self.skipped.setdefault(reason, []).append(path)

    def narrow(self, folder: str, include: Sequence[str], exclude: Sequence[str]) -> None:
        """Leave files of one folder out, by patterns that are about paths from there. The folder's
        path ends with a slash."""
        wanted = gitignore.asked(include)
        unwanted = gitignore.asked(exclude)
        for path in [path for path in self.files if path.startswith(folder)]:
            if unwanted.match_file(path[len(folder) :]):
                self.skip("excluded", path)
                del self.files[path]
            elif include and not wanted.match_file(path[len(folder) :]):
                self.skip("not included", path)
                del self.files[path]


def is_test(path: str) -> bool:
    """Does a file test the project rather than belong to it?"""
    return _TEST.search(path) is not None


def concerns(path: str) -> bool:
    """Can a file matter to an audit, as far as its path tells?"""
    *folders, name = path.split("/")
    return (name == ".gitignore" or _read(name)) and not {*folders} & (DEPENDENCIES | BUILT | _HIDDEN)


def collect(folder: Folder, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> Collected:
    """Walk the folder in a fixed order. `include` and `exclude` are patterns as in .gitignore."""
    found = Collected()
    wanted = gitignore.asked(include) if include else None
    unwanted = gitignore.asked(exclude) if exclude else None
    above = gitignore.above(folder.root)
    for path, entry in _walk(folder.root, "", above, found, unwanted):
        name = entry.name
        if _CONFIG.fullmatch(name):
            found.configurations.append(path)
        elif name == OURS:
            found.ours.append(path)
        elif name == "package.json":
            found.packages.append(path)
        elif name.endswith(".json") and ("tsconfig" in name or name == "jsconfig.json"):
            found.tsconfigs.append(path)
        elif grammar.suffix(name):
            given = folder.replaced.get(path)
            _take(path, _size(entry) if given is None else len(given), found, wanted)
    for path, given in folder.replaced.items():
        if not os.path.lexists(folder.root / path) and _reached(folder.root, path, above, found, unwanted):
            _take(path, len(given), found, wanted)
    found.files = dict(sorted(found.files.items()))
    return found


def _take(path: str, size: int | None, found: Collected, wanted: pathspec.GitIgnoreSpec | None) -> None:
    """Decide on a file of code that the walk has reached."""
    if not grammar.suffix(path):
        return
    if wanted is not None and not wanted.match_file(path):
        found.skip("not included", path)
    elif size is None:
        found.skip("unreadable", path)
    elif size > LARGEST:
        found.skip("larger than 1 MB", path)
    elif ".min." in path.rpartition("/")[2]:
        found.skip("minified", path)
    else:
        found.files[path] = size


def _walk(
    folder: Path, prefix: str, rules: Rules, found: Collected, unwanted: pathspec.GitIgnoreSpec | None
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    try:
        with os.scandir(folder) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError:
        found.skip("unreadable", prefix or "./")
        return
    if any(entry.name == ".gitignore" for entry in entries):
        rules = gitignore.within(folder, prefix, rules)
    for entry in entries:
        path = prefix + entry.name
        is_folder = _is_folder(entry)
        if not (is_folder or _read(entry.name)) or entry.name in _HIDDEN:
            continue
        shown = path + "/" if is_folder else path
        if entry.is_symlink():
            reason = "symbolic link"
        elif not (is_folder or entry.is_file()):
            reason = "no ordinary file"  # who opens a named pipe waits for a writer
        else:
            reason = _reason(entry.name, shown, rules, unwanted)
        if reason:
            found.skip(reason, shown)
        elif is_folder:
            yield from _walk(Path(entry.path), path + "/", rules, found, unwanted)
        else:
            yield path, entry


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Is an entry a folder or a link to one? A link to itself, or to where nobody may look, is neither."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _read(name: str) -> bool:
    """Is a file of this name code, or can it be a configuration?"""
    return (
        grammar.suffix(name) != ""
        or name.endswith(".json")
        or name == OURS
        or _CONFIG.fullmatch(name) is not None
    )


def _reached(
    root: Path, path: str, rules: Rules, found: Collected, unwanted: pathspec.GitIgnoreSpec | None
) -> bool:
    """Would the walk reach a file that is not there yet? Counts the reason when it would not."""
    prefix = ""
    for name in path.split("/"):
        rules = gitignore.within(root / prefix, prefix, rules)
        shown = prefix + name if prefix + name == path else f"{prefix}{name}/"
        reason = "hidden" if name in _HIDDEN else _reason(name, shown, rules, unwanted)
        if reason:
            if shown not in found.skipped.get(reason, ()):
                found.skip(reason, shown)
            return False
        prefix = shown
    return True


def _reason(name: str, path: str, rules: Rules, unwanted: pathspec.GitIgnoreSpec | None) -> str:
    """Why a path is skipped, "" when it is not; a folder's ends with a slash."""
    if path.endswith("/"):
        if name in DEPENDENCIES:
            return "dependency"
        if name in BUILT:
            return "build output"
    if unwanted is not None and unwanted.match_file(path):
        return "excluded"
    return "ignored by git" if gitignore.ignores(rules, path) else ""


def _size(entry: os.DirEntry[str]) -> int | None:
    try:
        return entry.stat().st_size
    except OSError:
        return None


def unfit(source: bytes) -> str:
    """Why a file's content is not read, "" when it is."""
    if source.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in source[:4096]:
        return "not UTF-8"
    if not source.isascii():
        try:
            source.decode("utf-8")
        except UnicodeDecodeError:
            return "not UTF-8"
    if _long(source) and _long(_DATA.sub(b"", source)):
        return "minified"
    return ""


def _long(source: bytes) -> bool:
    return len(source) > _LONG_LINE and max(map(len, source.split(b"\n"))) > _LONG_LINE
