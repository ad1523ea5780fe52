"""From the code to every finding that no comment excuses.

analyse ─▶ operations ─▶ rules ─▶ suppressions ─▶ marks ─▶ Judged
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from audits import fingerprint, suppression, vendored
from audits.finding import Finding
from audits.fingerprint import Mark
from audits.js.analysis import Analysis, analyse
from audits.js.files import collect
from audits.js.files.folder import Folder
from audits.known import Known, known
from audits.operation import Branch, Operation, Unread
from audits.request import Request
from audits.suppression import Suppressed


@dataclass(frozen=True, slots=True)
class Reported:
    """A finding with what tells it from others, and `source`, the line that it begins on."""

    finding: Finding
    mark: Mark
    source: str = ""

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits that no other finding has."""
        return self.mark.fingerprint

    @property
    def known(self) -> Known:
        """What is remembered of it."""
        return known(self.finding, self.mark, self.source)


@dataclass(frozen=True, slots=True)
class Judged:
    """The request with its parts, `operations` of the files that are reported on, every finding of
    theirs sorted by place, and `collected`, the files that were asked about. `migration`: those of the
    session store that kvferry wrote, as far as they touch namespaces; no rule speaks of them."""

    request: Request
    analysis: Analysis
    operations: tuple[Operation, ...]
    findings: tuple[Reported, ...]
    suppressed: tuple[Suppressed, ...]
    collected: tuple[str, ...]
    migration: frozenset[str] = frozenset()


def judge(request: Request) -> Judged:
    """Run the rules over the folder, however little of it is to be shown."""
    collected = collect.collect(request.folder, request.include, request.exclude)
    request = request.configured(collected.ours)
    for folder, part in sorted(request.parts.items()):
        collected.narrow(folder, part.include, part.exclude)
    analysis = analyse(
        request.root,
        paths=request.paths,
        jobs=request.jobs,
        cache=request.cache,
        bindings=request.bindings,
        replaced=request.replaced,
        found=collected,
        local={folder: part.bindings for folder, part in request.parts.items()},
    )
    ours = _migrations(request.folder, (*analysis.operations, *analysis.branches, *analysis.unread))
    operations = tuple(
        replace(one, migration=True) if one.place.path in ours else one
        for one in analysis.operations
        if request.meant(one.place.path)
    )
    theirs = tuple(one for one in operations if not one.migration)
    branches = tuple(one for one in analysis.branches if _theirs(one, request, ours))
    unread = tuple(one for one in analysis.unread if _theirs(one, request, ours))
    found = sorted(set(_found(request, theirs, branches, unread)), key=order)
    comments = suppression.read(request.folder, (path for path in analysis.marked if request.reports(path)))
    kept, suppressed, unused = suppression.apply(found, comments.suppressions, request.runs)
    kept += (one for one in (*unused, *comments.bad) if request.runs(one.rule, one.place.path))
    # Equal findings are counted before any is excused: the others keep their fingerprints.
    every = sorted({*found, *kept}, key=order)
    marks = dict(zip(every, fingerprint.marks(every, operations), strict=True))
    kept.sort(key=order)
    lines = dict(_lines(request.folder, kept))
    return Judged(
        request,
        analysis,
        operations,
        tuple(Reported(one, marks[one], lines.get((one.place.path, one.place.line), "")) for one in kept),
        tuple(suppressed),
        tuple(path for path in analysis.collected if request.covers(path)),
        ours,
    )


def _migrations(folder: Folder, found: Iterable[Operation | Branch | Unread]) -> frozenset[str]:
    """Of the files that something was found in, those of the session store, as kvferry wrote them."""
    return frozenset(path for path in {one.place.path for one in found} if _is_migrations(folder, path))


def _is_migrations(folder: Folder, path: str) -> bool:
    try:
        return vendored.is_migrations(path, folder.read(path))
    except OSError:
        return False


def _theirs(one: Branch | Unread, request: Request, ours: frozenset[str]) -> bool:
    return request.meant(one.place.path) and one.place.path not in ours


def _found(
    request: Request,
    operations: Sequence[Operation],
    branches: Sequence[Branch],
    unread: Sequence[Unread],
) -> Iterator[Finding]:
    """What the rules say, those of each part of the project of that part."""
    for part in (request, *request.parts.values()):
        mine = [one for one in operations if request.at(one.place.path) is part]
        unbound = [one for one in branches if request.at(one.place.path) is part]
        unclear = [one for one in unread if request.at(one.place.path) is part]
        for rule in part.rules:
            yield from rule.check(mine, part.settings)
            if rule.check_branches is not None:
                yield from rule.check_branches(unbound, part.settings)
            if rule.check_unread is not None:
                yield from rule.check_unread(unclear, part.settings)


def order(finding: Finding) -> tuple[object, ...]:
    """Findings in the order of files and lines."""
    return finding.place, finding.code, finding.message


def _lines(folder: Folder, findings: Sequence[Finding]) -> Iterator[tuple[tuple[str, int], str]]:
    """The lines on which findings begin."""
    wanted: dict[str, set[int]] = {}
    for finding in findings:
        wanted.setdefault(finding.place.path, set()).add(finding.place.line)
    for path, numbers in wanted.items():
        try:
            lines = folder.read(path).removeprefix(codecs.BOM_UTF8).split(b"\n")
        except OSError:
            continue
        for number in numbers:
            if number <= len(lines):
                yield (path, number), lines[number - 1].decode("utf-8", "replace").rstrip("\r")
