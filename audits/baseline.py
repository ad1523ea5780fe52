"""The baseline: findings that were there when a project began to be audited, in a file that is committed.

    {"schema": "kvferry/audit-baseline", "version": 1, "findings": [
      {"path": …, "rule": …, "about": …, "severity": …, "callers": 0, "count": 1, "fingerprint": …}
    ]}

A line for each group of equal findings, sorted, without lines or columns of the code and without the
time, so that it changes only with the findings. The schema is audits/schemas/audit-baseline.v1.json.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from audits.finding import Severity
from audits.known import Known
from audits.refusal import Refused

VERSION = 1
_SCHEMA = "kvferry/audit-baseline"
_FIELDS = {"path", "rule", "about", "severity", "callers", "count", "fingerprint"}
_SEVERITIES = {level.name.lower(): level for level in Severity}
_PRINT = re.compile(r"[0-9a-f]{32}\Z")
_RULE = re.compile(r"[a-z]+(-[a-z]+)*\Z")


@dataclass(frozen=True, slots=True)
class Baseline:
    """`file`: its name as it was given; `known`: its findings, sorted, equal ones repeated."""

    file: str
    known: tuple[Known, ...] = ()

    def text(self) -> str:
        """The file's text; the same for the same findings in any order."""
        lines = ",\n    ".join(map(_line, grouped(self.known)))
        findings = f"[\n    {lines}\n  ]" if lines else "[]"
        return (
            f'{{\n  "$schema": "urn:kvferry:schema:audit-baseline:{VERSION}",\n'
            f'  "schema": "{_SCHEMA}",\n  "version": {VERSION},\n  "findings": {findings}\n}}\n'
        )


def grouped(known: Iterable[Known]) -> list[dict[str, object]]:
    """Equal findings together and counted, sorted, as they stand in the file."""
    counted = Counter(replace(one, shape="", source="") for one in known)
    return [
        {
            "path": one.path,
            "rule": one.rule,
            "about": one.about,
            "severity": one.severity.name.lower(),
            "callers": one.callers,
            "count": count,
            "fingerprint": one.identity,
        }
        for one, count in sorted(counted.items())
    ]


def read(path: Path) -> Baseline:
    """The baseline in a file. Refused when it cannot be read, is none, or is of a later version."""
    document = _document(path)
    groups: dict[tuple[str, Severity, int], tuple[Known, int]] = {}
    for number, said in enumerate(_findings(path, document), 1):
        group = _group(said)
        if group is None:
            raise _broken(path, f"finding {number} is not one")
        one, count = group
        # A group that stands there twice was merged from two branches: both accepted the same findings.
        key = one.identity, one.severity, one.callers
        groups[key] = one, max(count, groups[key][1] if key in groups else 0)
    return Baseline(str(path), tuple(sorted(one for one, count in groups.values() for _ in range(count))))


def _document(path: Path) -> dict[str, object]:
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise Refused(f"there is no baseline {path}", _written(path)) from None
    except OSError as error:
        reason = (error.strerror or "error").lower()
        raise Refused(f"{path} cannot be read: {reason}", "name a file with --baseline") from None
    except json.JSONDecodeError as error:
        raise _broken(path, f"it is no JSON, line {error.lineno}") from None
    except (ValueError, RecursionError):
        raise _broken(path, "it is no JSON") from None
    if not isinstance(document, dict) or document.get("schema") != _SCHEMA:
        raise _broken(path, f"its schema is not {_SCHEMA}")
    return document


def _findings(path: Path, document: dict[str, object]) -> list[object]:
    version, found = document.get("version"), document.get("findings")
    if type(version) is int and version > VERSION:
        raise Refused(
            f"{path} is a baseline of version {version}, and this kvferry knows {VERSION}", "update kvferry"
        )
    if type(version) is not int or version != VERSION or not isinstance(found, list):
        raise _broken(path, f"version {VERSION} has a list of findings")
    if unknown := sorted(document.keys() - {"$schema", "schema", "version", "findings"}):
        raise _broken(path, f"unknown key {unknown[0]!r}")
    return found


def _group(said: object) -> tuple[Known, int] | None:
    if not isinstance(said, dict) or said.keys() != _FIELDS:
        return None
    path, rule, about, mark = said["path"], said["rule"], said["about"], said["fingerprint"]
    severity, callers, count = said["severity"], said["callers"], said["count"]
    if not all(isinstance(text, str) and text for text in (path, rule, about, mark, severity)):
        return None
    if severity not in _SEVERITIES or not _PRINT.match(mark) or not _RULE.match(rule):
        return None
    if type(callers) is not int or type(count) is not int or callers < 0 or not 1 <= count <= 1_000_000:
        return None
    return Known(path, rule, about, _SEVERITIES[severity], callers, mark), count


def _line(group: dict[str, object]) -> str:
    text = json.dumps(group, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # a file's name that is no UTF-8
        return json.dumps(group)
    return text


def _broken(path: Path, why: str) -> Refused:
    return Refused(f"{path} is not a baseline: {why}", f"restore it, or delete it and {_written(path)}")


def _written(path: Path) -> str:
    return f"write it with kvferry audit --write-baseline {path}"
