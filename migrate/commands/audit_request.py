"""The way from the words of `kvferry audit` to what is asked of an audit."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migrate.errors import ConfigError

if TYPE_CHECKING:
    from audits.auditing import Request
    from audits.baseline import Baseline
    from audits.rules.rule import Settings

_STDIN = Path("-")


@contextmanager
def refusals() -> Iterator[None]:
    """What the audits refuse is a fault of the call here."""
    from audits.refusal import Refused

    try:
        yield
    except Refused as error:
        raise ConfigError(error.message, error.hint) from None


def request_of(paths: tuple[Path, ...], words: dict[str, Any]) -> Request:
    """The request; ConfigError for a rule, a commit or a baseline that there is not."""
    from audits import ancestor
    from audits.auditing import Request
    from audits.finding import Severity
    from audits.operation import Confidence
    from audits.project_root import area

    stdin = _check_stdin(paths, words["stdin_filename"])
    meant = area((stdin,) if stdin is not None else paths, Path.cwd())
    with refusals():
        baseline = _baseline(words["baseline"], words["write_baseline"])
        since = ancestor.find(meant.root, words["since"]) if words["since"] is not None else None
    return Request(
        meant.root,
        meant.paths,
        select=_rules(words["select"]),
        ignore=_rules(words["ignore"]),
        severity=Severity[words["severity"].upper()],
        confidence=Confidence[words["confidence"].upper()],
        settings=_settings(words),
        bindings=tuple(words["binding"]),
        include=tuple(words["include"]),
        exclude=tuple(words["exclude"]),
        tests=words["tests"],
        jobs=words["jobs"] or os.cpu_count() or 1,
        cache=None if words["no_cache"] else words["cache_dir"] or _cache(),
        replaced={meant.paths[0]: sys.stdin.buffer.read()} if stdin is not None else {},
        baseline=baseline,
        since=since,
    )


def _check_stdin(paths: tuple[Path, ...], name: Path | None) -> Path | None:
    """The file that standard input stands in for, None when it is not read."""
    if _STDIN not in paths:
        if name is not None:
            raise ConfigError(
                "--stdin-filename is for a file on standard input", f"kvferry audit - --stdin-filename {name}"
            )
        return None
    if len(paths) > 1:
        raise ConfigError(
            "- stands alone: only the file on standard input is reported on", "leave the other paths out"
        )
    if name is None:
        raise ConfigError("which file is on standard input?", "kvferry audit - --stdin-filename src/index.ts")
    if name.is_dir():
        raise ConfigError(f"{name} is a folder", "--stdin-filename names a file")
    return name


def _settings(words: dict[str, Any]) -> Settings:
    from audits.rules.rule import Settings

    prefixes = (*Settings().prefixes, *(prefix for prefix in words["session_prefix"] if prefix))
    return Settings(
        prefixes=tuple(dict.fromkeys(prefixes)),
        forever=tuple(words["forever"]),
        now=time.time(),
        pedantic=words["pedantic"],
        ttl=words["ttl"],
    )


def _baseline(file: Path | None, written: Path | None) -> Baseline | None:
    """The baseline to go by; one that is to be written need not be there yet."""
    from audits import baseline

    if written is not None:
        return baseline.read(written) if written.exists() else baseline.Baseline(str(written))
    return baseline.read(file) if file is not None else None


def _rules(names: Iterable[str]) -> tuple[str, ...]:
    """Names of rules for names or codes, which may be separated by commas."""
    from audits.rules import lookup

    found: list[str] = []
    for name in (part for word in names for part in word.split(",") if part.strip()):
        rule = lookup(name)
        if rule is None:
            raise ConfigError(f"there is no rule {name.strip()!r}", "kvferry rules lists them")
        found.append(rule.name)
    return tuple(dict.fromkeys(found))


def _cache() -> Path | None:
    """The user's cache folder, None when there is no home to have one."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    try:
        base = Path(given) if os.path.isabs(given) else Path.home() / ".cache"
    except RuntimeError:
        return None
    return base / "kvferry" / "audit"
