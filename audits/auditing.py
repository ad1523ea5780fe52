"""One audit: a folder and what is asked of it in, findings out.

    analyse ─▶ operations ─▶ rules ─▶ suppressions ─▶ fingerprints ─▶ Audit

Nothing disappears: what is skipped, suppressed, hidden or not decidable is counted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from audits import fingerprint, suppression
from audits.finding import Finding, Severity
from audits.js.analysis import Analysis, analyse
from audits.js.collect import is_test
from audits.js.folder import Folder
from audits.operation import Branch, Confidence, Has, Operation
from audits.rules import RULES
from audits.rules.rule import Rule, Settings
from audits.suppression import Suppressed

_INDIFFERENT = ("now", "ttl")
"""Settings that say when the audit is made and what may be done about findings, not what is found."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked. `paths`: parts of `root` that are reported on, relative, empty for all of it.

    `select` and `ignore`: names of rules, an empty `select` means every rule. `severity` and
    `confidence`: the least that is shown. `tests`: also report on test files. `replaced`: texts that
    are read instead of files.
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

    @property
    def folder(self) -> Folder:
        """Where everything is read from."""
        return Folder(self.root, self.replaced)

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that change with everything that can change the findings."""
        settings = {name: value for name, value in asdict(self.settings).items() if name not in _INDIFFERENT}
        decisive = (
            *(self.paths, sorted(self.select), sorted(self.ignore), self.severity, self.confidence, settings),
            *(sorted(self.bindings), self.include, self.exclude, self.tests),
        )
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Reported:
    """A finding with its fingerprint, and `source`, the line that it begins on."""

    finding: Finding
    fingerprint: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Audit:
    """The result. `findings` are sorted by place; `hidden` are below the severity or confidence that
    was asked for; `undetermined` puts have options that cannot be seen; `collected` is what was
    audited of the paths that were asked for."""

    request: Request
    analysis: Analysis
    operations: tuple[Operation, ...]
    findings: tuple[Reported, ...]
    suppressed: tuple[Suppressed, ...]
    hidden: int
    undetermined: int
    collected: tuple[str, ...]


def audit(request: Request) -> Audit:
    """Run the rules over the folder."""
    analysis = analyse(
        request.root,
        paths=request.paths,
        jobs=request.jobs,
        cache=request.cache,
        bindings=request.bindings,
        include=request.include,
        exclude=request.exclude,
        replaced=request.replaced,
    )
    collected = tuple(path for path in analysis.collected if _asked(path, request))
    operations = tuple(one for one in analysis.operations if _meant(one.place.path, request))
    ran = tuple(_ran(request))
    branches = tuple(one for one in analysis.branches if _meant(one.place.path, request))
    found = {finding for rule in ran for finding in _checked(rule, operations, branches, request.settings)}
    marked = (path for path in analysis.marked if _asked(path, request) and _meant(path, request))
    comments = suppression.read(request.folder, marked)
    names = {rule.name for rule in ran}
    kept, suppressed, unused = suppression.apply(sorted(found, key=order), comments.suppressions, ran)
    every = [*kept, *(one for one in (*unused, *comments.bad) if one.rule in names)]
    shown = [
        one for one in every if one.severity >= request.severity and one.confidence >= request.confidence
    ]
    shown.sort(key=order)
    prints = fingerprint.fingerprints(shown, operations)
    sources = dict(_sources(request.folder, shown))
    return Audit(
        request,
        analysis,
        operations,
        tuple(
            Reported(one, mark, sources.get((one.place.path, one.place.line), ""))
            for one, mark in zip(shown, prints, strict=True)
        ),
        tuple(suppressed),
        len(every) - len(shown),
        sum(one.ttl is not None and one.ttl.has is Has.UNKNOWN for one in operations),
        collected,
    )


def _checked(
    rule: Rule, operations: Sequence[Operation], branches: Sequence[Branch], settings: Settings
) -> Iterator[Finding]:
    yield from rule.check(operations, settings)
    if rule.check_branches is not None:
        yield from rule.check_branches(branches, settings)


def order(finding: Finding) -> tuple[object, ...]:
    """Findings in the order of files and lines."""
    return finding.place, finding.code, finding.message


def _ran(request: Request) -> Iterator[Rule]:
    for rule in RULES:
        wanted = (
            rule.name in request.select if request.select else not rule.pedantic or request.settings.pedantic
        )
        if wanted and rule.name not in request.ignore:
            yield rule


def _asked(path: str, request: Request) -> bool:
    return not request.paths or any(
        one in ("", ".", path) or path.startswith(one + "/") for one in request.paths
    )


def _meant(path: str, request: Request) -> bool:
    """Test files are reported on when that is asked for, or one is named itself."""
    return request.tests or path in request.paths or not is_test(path)


def _sources(folder: Folder, findings: list[Finding]) -> Iterator[tuple[tuple[str, int], str]]:
    """The lines on which findings begin."""
    wanted: dict[str, set[int]] = {}
    for finding in findings:
        wanted.setdefault(finding.place.path, set()).add(finding.place.line)
    for path, numbers in wanted.items():
        try:
            lines = folder.read(path).split(b"\n")
        except OSError:
            continue
        for number in numbers:
            if number <= len(lines):
                yield (path, number), lines[number - 1].decode("utf-8", "replace").rstrip("\r")
