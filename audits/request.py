"""What is asked of an audit: which folder, which rules, what is known already."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from audits.ancestor import Ancestor
from audits.baseline import Baseline
from audits.finding import Finding, Severity
from audits.js.collect import is_test
from audits.js.folder import Folder
from audits.operation import Confidence
from audits.rules import RULES
from audits.rules.rule import Rule, Settings

_INDIFFERENT = ("now", "ttl")
"""Settings that say when the audit is made and what may be done about findings, not what is found."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked. `paths`: parts of `root` that are reported on, relative, empty for all of it.

    `select` and `ignore`: names of rules, an empty `select` means every rule that is not pedantic.
    `severity` and `confidence`: the least that is shown. `tests`: also report on test files.
    `replaced`: texts that are read instead of files. `baseline` and `since`: findings that are in it,
    or were there then, are not shown.
    """

    root: Path
    paths: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severity: Severity = Severity.NOTE
    confidence: Confidence = Confidence.LOW
    settings: Settings = field(default_factory=Settings)
    bindings: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    tests: bool = False
    jobs: int = 1
    cache: Path | None = None
    replaced: Mapping[str, bytes] = field(default_factory=dict)
    baseline: Baseline | None = None
    since: Ancestor | None = None

    @property
    def folder(self) -> Folder:
        """Where everything is read from."""
        return Folder(self.root, self.replaced)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that are to speak, in the order of their codes."""
        return tuple(rule for rule in RULES if self._wants(rule) and rule.name not in self.ignore)

    def _wants(self, rule: Rule) -> bool:
        return rule.name in self.select if self.select else not rule.pedantic or self.settings.pedantic

    def covers(self, path: str) -> bool:
        """Is a file in the parts that are reported on?"""
        return not self.paths or any(
            one in ("", ".", path) or path.startswith(one + "/") for one in self.paths
        )

    def reports(self, path: str) -> bool:
        """Is it reported on? Test files are when that is asked for, or one is named itself."""
        return self.covers(path) and self.meant(path)

    def meant(self, path: str) -> bool:
        """Is it no test file, or one that is asked for?"""
        return self.tests or path in self.paths or not is_test(path)

    def shows(self, finding: Finding) -> bool:
        """Is it bad and certain enough?"""
        return finding.severity >= self.severity and finding.confidence >= self.confidence

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that change with everything of the configuration that can change the
        findings; what a baseline or an earlier commit hides is told beside it."""
        settings = {name: value for name, value in asdict(self.settings).items() if name not in _INDIFFERENT}
        decisive = (
            *(self.paths, sorted(self.select), sorted(self.ignore), self.severity, self.confidence, settings),
            *(sorted(self.bindings), self.include, self.exclude, self.tests),
        )
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]
