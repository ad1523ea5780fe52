"""The way from the words of `kvferry audit` to what is asked of an audit."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migrate.errors import ConfigError

if TYPE_CHECKING:
    from audits.auditing import Request


def request_of(paths: tuple[Path, ...], words: dict[str, Any]) -> Request:
    """The request; ConfigError for a rule that there is not."""
    from audits.auditing import Request
    from audits.finding import Severity
    from audits.operation import Confidence
    from audits.project_root import area
    from audits.rules.rule import Settings

    meant = area(paths, Path.cwd())
    prefixes = (*Settings().prefixes, *(prefix for prefix in words["session_prefix"] if prefix))
    return Request(
        meant.root,
        meant.paths,
        select=_rules(words["select"]),
        ignore=_rules(words["ignore"]),
        severity=Severity[words["severity"].upper()],
        confidence=Confidence[words["confidence"].upper()],
        settings=Settings(
            prefixes=tuple(dict.fromkeys(prefixes)),
            forever=tuple(words["forever"]),
            now=time.time(),
            ttl=words["ttl"],
        ),
        bindings=tuple(words["binding"]),
        include=tuple(words["include"]),
        exclude=tuple(words["exclude"]),
        tests=words["tests"],
        jobs=words["jobs"] or os.cpu_count() or 1,
        cache=None if words["no_cache"] else words["cache_dir"] or _cache(),
    )


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
