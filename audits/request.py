"""What is asked of an audit: which folder, which rules, what is known already."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from audits.ancestor import Ancestor
from audits.baseline import Baseline
from audits.finding import Finding, Severity
from audits.js.files.collect import is_test
from audits.js.files.folder import Folder
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
    or were there then, are not shown. `configure` turns a request into that for the folder of a
    kvferry.toml within `root`; `parts` are those requests by folder (with a slash at its end), which
    decide on the rules, settings, bindings, patterns and least severity there.
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
    configure: Callable[[Request, str], Request] | None = None
    parts: Mapping[str, Request] = field(default_factory=dict)

    def configured(self, files: Iterable[str]) -> Request:
        """The request with its parts: `files` are the paths of all kvferry.toml, that of `root` too."""
        whole = self
        for path in sorted(files, key=lambda path: (path.count("/"), path)):
            folder = path.rpartition("/")[0] + "/"
            if self.configure is not None and folder != "/":
                part = replace(self.configure(whole.at(path), path), parts={}, configure=None)
                whole = replace(whole, parts={**whole.parts, folder: part})
        return replace(whole, configure=None)

    def at(self, path: str) -> Request:
        """The request that decides on a file."""
        folder = max((one for one in self.parts if path.startswith(one)), key=len, default=None)
        return self if folder is None else self.parts[folder]

    @property
    def folder(self) -> Folder:
        """Where everything is read from."""
        return Folder(self.root, self.replaced)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that are to speak, in the order of their codes."""
        return tuple(rule for rule in RULES if self._wants(rule) and rule.name not in self.ignore)

    def runs(self, rule: str, path: str) -> bool:
        """Is a rule, given by its name, to speak of a file?"""
        return rule in {one.name for one in self.at(path).rules}

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
        return self.at(path).tests or path in self.paths or not is_test(path)

    def shows(self, finding: Finding) -> bool:
        """Is it bad and certain enough?"""
        part = self.at(finding.place.path)
        return finding.severity >= part.severity and finding.confidence >= part.confidence

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that change with everything of the configuration that can change the
        findings; what a baseline or an earlier commit hides is told beside it."""
        settings = {name: value for name, value in asdict(self.settings).items() if name not in _INDIFFERENT}
        decisive = (
            *(self.paths, sorted(self.select), sorted(self.ignore), self.severity, self.confidence, settings),
            *(sorted(self.bindings), self.include, self.exclude, self.tests),
            *((folder, part.digest) for folder, part in sorted(self.parts.items())),
        )
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]
