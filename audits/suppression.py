"""Comments that excuse a finding: `// kvferry: ignore[put-without-ttl] a counter that lives for ever`.

    files that hold the marker ─▶ comments (from the parser) ─▶ Suppression | bad-suppression
    findings × suppressions ─▶ kept, suppressed, unused-suppression

Behind code, a comment is about its own line; on a line of its own, about the next line of code; and
on any line of a call, about that call. Only a comment's first words count, so prose that mentions the
marker is prose.
"""

from __future__ import annotations

import bisect
import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audits.finding import Finding
from audits.js.files.candidates import MARKER
from audits.js.files.folder import Folder
from audits.operation import Confidence, Place
from audits.rules import bad_suppression, lookup, unused_suppression
from audits.rules.rule import Rule

if TYPE_CHECKING:
    from audits.js.syntax import grammar

_COMMENT = re.compile(r"^(?://+|/\*+)\s*kvferry:(?P<rest>.*)$", re.DOTALL)
_IGNORE = re.compile(r"^\s*ignore\s*\[(?P<rules>[^\]]*)\](?P<reason>.*)$", re.DOTALL)


@dataclass(frozen=True, slots=True, order=True)
class Suppression:
    """One rule that one comment excuses. `place` is the comment's; `line` the code's that it is about."""

    place: Place
    rule: str
    reason: str
    line: int


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A finding that a comment excuses."""

    finding: Finding
    suppression: Suppression


@dataclass(frozen=True, slots=True)
class Read:
    """What the comments of some files say, and what is wrong with them."""

    suppressions: tuple[Suppression, ...] = ()
    bad: tuple[Finding, ...] = ()


def read(folder: Folder, paths: Iterable[str]) -> Read:
    """The suppressions in these files, which should be those that hold the marker."""
    suppressions: list[Suppression] = []
    bad: list[Finding] = []
    for path in paths:
        try:
            raw = folder.read(path)
        except OSError:
            continue
        for comment in _comments(path, raw):
            said = _said(comment)
            suppressions += said.suppressions
            bad += said.bad
    return Read(tuple(sorted(suppressions)), tuple(sorted(bad, key=lambda one: one.place)))


def apply(
    findings: Iterable[Finding], suppressions: Sequence[Suppression], ran: Callable[[str, str], bool]
) -> tuple[list[Finding], list[Suppressed], list[Finding]]:
    """Findings that stay, those that are excused, and a finding for each suppression of a rule
    that was run on the file (`ran` says so of a rule and a path) and had nothing to excuse."""
    by_line: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for number, one in enumerate(suppressions):
        about = by_line.setdefault((one.place.path, one.rule), [])
        about += ((line, number) for line in {one.line, one.place.line})
    for about in by_line.values():
        about.sort()
    kept: list[Finding] = []
    suppressed: list[Suppressed] = []
    used: set[Suppression] = set()
    for finding in findings:
        about = by_line.get((finding.place.path, finding.rule), [])
        matching = [suppressions[number] for number in sorted(_matching(about, finding))]
        used.update(matching)
        if matching:
            suppressed.append(Suppressed(finding, matching[0]))
        else:
            kept.append(finding)
    unused = [_unused(one) for one in suppressions if one not in used and ran(one.rule, one.place.path)]
    return kept, suppressed, unused


def _matching(about: list[tuple[int, int]], finding: Finding) -> set[int]:
    """Which of the suppressions, given as pairs of a line and a number, are about a finding's lines."""
    call = finding.call
    first, last = min(call.line, finding.place.line), max(call.end_line, finding.place.end_line)
    begin, end = bisect.bisect_left(about, (first, -1)), bisect.bisect_left(about, (last + 1, -1))
    return {number for _, number in about[begin:end]}


def _unused(one: Suppression) -> Finding:
    return _finding(
        unused_suppression.RULE, one.place, f"there is no {one.rule} here to ignore; delete the comment"
    )


def _finding(rule: Rule, place: Place, message: str) -> Finding:
    return Finding(rule.name, rule.code, place, place, rule.severity, Confidence.HIGH, message)


# ---------------------------------------------------------------- reading comments


@dataclass(frozen=True, slots=True)
class _Comment:
    text: str
    place: Place
    line: int


def _comments(path: str, raw: bytes) -> Iterator[_Comment]:
    """Comments whose text holds the marker, each with the line of code that it is about; the last first."""
    from audits.js.syntax import grammar

    ending = grammar.suffix(path)
    source = grammar.script(raw, ending)
    if MARKER not in source:
        return
    lines = source.split(b"\n")
    mark = len(codecs.BOM_UTF8) if source.startswith(codecs.BOM_UTF8) else 0
    found = [node for node in _nodes(grammar.parse(source, ending)) if MARKER in (node.text or b"")]
    covered: set[int] = set()  # lines that hold nothing but a comment with the marker
    for node in found:
        if not lines[node.start_point[0]][: node.start_point[1]].strip(b" \t{"):
            rest = lines[node.end_point[0]][node.end_point[1] :].strip(b" \t\r}")
            if not rest:
                covered.update(range(node.start_point[0], node.end_point[0] + 1))
    ends: dict[int, int] = {}
    for node in reversed(found):  # so that those that stand above others need not look past them
        (row, start), (end_row, end) = node.start_point, node.end_point
        about = row
        if row in covered:
            about = end_row + 1
            while about < len(lines) and (about in covered or _blank(lines[about])):
                about = ends.get(about, about + 1)
            ends.update((line, about) for line in range(row, end_row + 1))
        place = Place(
            path,
            row + 1,
            _column(lines[row], start, 0 if row else mark),
            end_row + 1,
            _column(lines[end_row], end, 0 if end_row else mark),
            node.start_byte,
            node.end_byte,
        )
        yield _Comment((node.text or b"").decode("utf-8", "replace"), place, about + 1)


def _blank(line: bytes) -> bool:
    """Nothing, or one more comment on a line of its own."""
    text = line.strip()
    return text.startswith(b"//") or (text.startswith((b"/*", b"{/*")) and text.endswith((b"*/", b"*/}")))


def _column(line: bytes, offset: int, mark: int) -> int:
    return len(line[mark:offset].decode("utf-8", "replace")) + 1


def _nodes(root: grammar.Node) -> Iterator[grammar.Node]:
    """Every comment of a syntax tree, in order, without recursion."""
    cursor = root.walk()
    while True:
        node = cursor.node
        if node is not None and node.type == "comment":
            yield node
        if cursor.goto_first_child() or cursor.goto_next_sibling():
            continue
        while cursor.goto_parent():
            if cursor.goto_next_sibling():
                break
        else:
            return


def _said(comment: _Comment) -> Read:
    match = _COMMENT.match(comment.text.removesuffix("*/"))
    if match is None:
        return Read()
    ignore = _IGNORE.match(match["rest"])
    if ignore is None:
        return _wrong(comment, "a suppression is written: kvferry: ignore[RULE] REASON")
    names = [name.strip() for name in ignore["rules"].split(",") if name.strip()]
    if not names:
        return _wrong(comment, "the suppression names no rule")
    unknown = [name for name in names if lookup(name) is None]
    if unknown:
        return _wrong(comment, f"there is no rule {unknown[0]!r}; kvferry rules lists them")
    reason = " ".join(ignore["reason"].replace("*", " ").split()).lstrip(":-–— ")
    if not reason:
        return _wrong(comment, "the suppression gives no reason")
    rules = dict.fromkeys(rule.name for name in names if (rule := lookup(name)) is not None)
    return Read(tuple(Suppression(comment.place, name, reason, comment.line) for name in rules))


def _wrong(comment: _Comment, message: str) -> Read:
    return Read(bad=(_finding(bad_suppression.RULE, comment.place, message),))
