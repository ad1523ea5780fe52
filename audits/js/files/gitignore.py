"""What git ignores: .gitignore files of a folder, of those in it, and of those above it up to `.git`.

A folder's rules go before those of the folders above it. Patterns of the user's own configuration are
not asked: the same project must give the same findings everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pathspec

from audits.refusal import Refused

_NO_PATTERN = (ValueError, re.error)


@dataclass(frozen=True, slots=True)
class Ruled:
    """The rules of one file. Its patterns are about paths from its own folder: of a path from the
    audited folder, `inside` is taken off the beginning, and `outside` is put there."""

    inside: str
    outside: str
    spec: pathspec.GitIgnoreSpec


Rules = Sequence[Ruled]
"""Those of the outermost folder first."""


def above(root: Path) -> Rules:
    """The rules that hold in `root` already: of the folders above it, up to the repository's top.

    None when `root` is ignored itself: whoever asks for it by name wants it read.
    """
    top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), None)
    if top is None:
        return ()
    rules: list[Ruled] = []
    for folder in [top, *reversed([one for one in root.parents if top in one.parents])]:
        outside = f"{root.relative_to(folder).as_posix()}/" if folder != root else ""
        if folder == top:
            rules += _ruled(folder / ".git" / "info" / "exclude", "", outside)
        if folder != root:
            rules += _ruled(folder / ".gitignore", "", outside)
    return () if ignores(rules, "") else rules


def within(folder: Path, prefix: str, rules: Rules) -> Rules:
    """The rules that hold in a folder below: `prefix` is its path, with a slash at its end."""
    own = _ruled(folder / ".gitignore", prefix, "")
    return [*rules, *own] if own else rules


def ignores(rules: Rules, path: str) -> bool:
    """Is a path ignored? A folder's ends with a slash."""
    for rule in reversed(rules):
        verdict = rule.spec.check_file(rule.outside + path[len(rule.inside) :]).include
        if verdict is not None:
            return verdict
    return False


def _ruled(path: Path, inside: str, outside: str) -> list[Ruled]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [Ruled(inside, outside, _spec(lines))] if lines else []


def _spec(lines: Sequence[str]) -> pathspec.GitIgnoreSpec:
    """The rules of a file; a line that is no pattern matches nothing, as in git."""
    try:
        return pathspec.GitIgnoreSpec.from_lines(lines)
    except _NO_PATTERN:
        return pathspec.GitIgnoreSpec.from_lines(filter(_is_pattern, lines))


def _is_pattern(line: str) -> bool:
    try:
        pathspec.GitIgnoreSpec.from_lines([line])
    except _NO_PATTERN:
        return False
    return True


def asked(patterns: Sequence[str]) -> pathspec.GitIgnoreSpec:
    """Patterns of our own user; Refused for one that is none."""
    for pattern in patterns:
        if not _is_pattern(pattern):
            raise Refused(f"{pattern!r} is no pattern as in .gitignore", "for example --exclude 'legacy/**'")
    return pathspec.GitIgnoreSpec.from_lines(patterns)
