"""The way from the words of `kvferry audit` to what is asked of an audit."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migrate.commands import audit_config
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
    from audits.project_root import area
    from audits.rules.rule import Settings

    stdin = _check_stdin(paths, words["stdin_filename"])
    meant = area((stdin,) if stdin is not None else paths, Path.cwd())
    with refusals():
        baseline = _baseline(words["baseline"], words["write_baseline"])
        since = ancestor.find(meant.root, words["since"]) if words["since"] is not None else None
    request = Request(
        meant.root,
        meant.paths,
        settings=Settings(now=time.time(), ttl=words["ttl"]),
        jobs=words["jobs"] or os.cpu_count() or 1,
        cache=None if words["no_cache"] else words["cache_dir"] or cache_folder(),
        replaced={meant.paths[0]: sys.stdin.buffer.read()} if stdin is not None else {},
        baseline=baseline,
        since=since,
        configure=audit_config.for_folders(words, _taken),
    )
    return _taken(request, words)


def _taken(request: Request, words: Mapping[str, Any]) -> Request:
    """The request, with what the words say of rules, code and files; what they do not say stays."""
    from audits.finding import Severity
    from audits.operation import Confidence

    changed: dict[str, Any] = {name: _rules(words[name]) for name in ("select", "ignore") if name in words}
    if "severity" in words:
        changed["severity"] = Severity[words["severity"].upper()]
    if "confidence" in words:
        changed["confidence"] = Confidence[words["confidence"].upper()]
    for name, field in (("binding", "bindings"), ("include", "include"), ("exclude", "exclude")):
        if name in words:
            changed[field] = tuple(words[name])
    if "tests" in words:
        changed["tests"] = words["tests"]
    return replace(request, settings=_settings(request.settings, words), **changed)


def _settings(settings: Settings, words: Mapping[str, Any]) -> Settings:
    from audits.rules.rule import Settings as Plain

    changed: dict[str, Any] = {}
    if "session_prefix" in words:
        every = (*Plain().prefixes, *(prefix for prefix in words["session_prefix"] if prefix))
        changed["prefixes"] = tuple(dict.fromkeys(every))
    if "forever" in words:
        changed["forever"] = tuple(words["forever"])
    if "pedantic" in words:
        changed["pedantic"] = words["pedantic"]
    return replace(settings, **changed)


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


def cache_folder() -> Path | None:
    """The user's cache folder, None when there is no home to have one."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    try:
        base = Path(given) if os.path.isabs(given) else Path.home() / ".cache"
    except RuntimeError:
        return None
    return base / "kvferry" / "audit"
