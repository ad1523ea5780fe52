"""Reads the hand-written cases: a small project each, with the findings that a careful reviewer expects.

A case is one text file, `cases/STYLE/NAME.case`: a header, then files.

    # what it shows
    rules: KV001 KV002          which codes are judged (these two are the default)
    options: prefix=sess:, binding=LEGACY, forever=config:*
    open: why the audit does not see it yet
    -- src/index.ts --
    await env.STORE.put("a", "b"); //! KV002 error

The marker stands at the end of the line with the method's name; a code without a severity accepts
any. What is not marked is expected to be silent. Markers are gone before the audit sees the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from audits.auditing import Audit, Request, audit
from audits.rules import RULES
from audits.rules.rule import Settings

FOLDER = Path(__file__).parent / "cases"
JUDGED = ("KV001", "KV002")
NOW = 1_790_000_000.0
_PART = re.compile(r"^-- (\S+) --\n", re.MULTILINE)
_MARKER = re.compile(r"[ \t]*//! (.*)$", re.MULTILINE)
_EXPECTED = re.compile(r"(KV\d{3})(?: (error|warning|note))?")
_HEADS = ("rules", "options", "open")


class BadCase(ValueError):
    """A case file that does not say what it means."""


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """A finding, expected or found: `severity` is "" where any will do."""

    path: str
    line: int
    code: str
    severity: str = ""

    def __str__(self) -> str:
        """`src/index.ts:12 KV002 error`."""
        return f"{self.path}:{self.line} {self.code} {self.severity}".rstrip()

    @property
    def place(self) -> tuple[str, int, str]:
        """What makes it the same finding, however severe."""
        return self.path, self.line, self.code


@dataclass(frozen=True)
class Case:
    """One case. `name` is `STYLE/NAME`, `files` are texts by path, without their markers."""

    name: str
    about: str
    files: Mapping[str, str]
    expected: tuple[Spot, ...]
    rules: tuple[str, ...] = JUDGED
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    open: str = ""

    @property
    def style(self) -> str:
        """The folder it is in."""
        return self.name.partition("/")[0]

    @property
    def kind(self) -> str:
        """`err` when something is expected, else `ok`."""
        return "err" if self.expected else "ok"

    @cached_property
    def settings(self) -> Settings:
        """The settings of a default run, with the options of the header."""
        prefixes = (*Settings().prefixes, *self.options.get("prefix", ()))
        pedantic = any(rule.pedantic and rule.code in self.rules for rule in RULES)
        return Settings(prefixes, self.options.get("forever", ()), now=NOW, pedantic=pedantic)


def read(folder: Path = FOLDER) -> tuple[Case, ...]:
    """Every case, in the order of their names."""
    return tuple(
        parse(path.relative_to(folder).with_suffix("").as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*/*.case"))
    )


def parse(name: str, text: str) -> Case:
    """One case from its text. BadCase tells what is wrong with it."""
    head, *parts = _PART.split(text)
    about, heads = _header(name, head)
    if not parts:
        raise BadCase(f"{name}: no file; begin one with `-- path --`")
    files: dict[str, str] = {}
    expected: list[Spot] = []
    for path, body in zip(parts[::2], parts[1::2], strict=True):
        if path in files:
            raise BadCase(f"{name}: {path} stands there twice")
        files[path] = _MARKER.sub("", body)
        if "//!" in files[path]:
            raise BadCase(f"{name}: {path} has a marker that is not one; write `//! KV002 error`")
        expected += _marked(name, path, body)
    rules = tuple(heads.get("rules", "").split()) or JUDGED
    if unjudged := {spot.code for spot in expected} - {*rules}:
        raise BadCase(f"{name}: {', '.join(sorted(unjudged))} is marked but not among its rules")
    options: dict[str, list[str]] = {}
    for option in filter(None, map(str.strip, heads.get("options", "").split(","))):
        key, equals, value = option.partition("=")
        if not equals or key not in ("prefix", "binding", "forever"):
            raise BadCase(f"{name}: {option} is no option; there are prefix=, binding=, forever=")
        options.setdefault(key, []).append(value)
    frozen = {key: tuple(values) for key, values in options.items()}
    return Case(name, about, files, tuple(sorted(expected)), rules, frozen, heads.get("open", ""))


def _header(name: str, text: str) -> tuple[str, dict[str, str]]:
    about: list[str] = []
    heads: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("#"):
            about.append(line.removeprefix("#").strip())
            continue
        key, colon, value = line.partition(":")
        if not colon or key not in _HEADS or not value.strip():
            raise BadCase(f"{name}: its header has `{line}`; there are #, {', '.join(_HEADS)}")
        heads[key] = value.strip()
    if not about:
        raise BadCase(f"{name}: it does not say what it shows; begin with `# …`")
    return " ".join(about), heads


def _marked(name: str, path: str, body: str) -> Iterator[Spot]:
    for number, line in enumerate(body.split("\n"), 1):
        marker = _MARKER.search(line)
        for said in marker[1].split(",") if marker else ():
            match = _EXPECTED.fullmatch(said.strip())
            if match is None:
                raise BadCase(f"{name}: {path}:{number} marks `{said.strip()}`; write `KV002 error`")
            yield Spot(path, number, match[1], match[2] or "")


def write(root: Path, files: Mapping[str, str]) -> None:
    """The files of a case, in a folder."""
    for path, text in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8", newline="")


def run(case: Case, root: Path, files: Mapping[str, str] | None = None) -> Audit:
    """Audit a case, or other files in its stead, in an empty folder, as a default run would."""
    write(root, case.files if files is None else files)
    return audit(Request(root, settings=case.settings, bindings=case.options.get("binding", ())))


def found(case: Case, result: Audit) -> tuple[Spot, ...]:
    """The findings of an audit that the case judges."""
    findings = [one.finding for one in result.findings]
    return tuple(
        Spot(one.place.path, one.place.line, one.code, one.severity.name.lower())
        for one in findings
        if one.code in case.rules
    )


def difference(case: Case, seen: tuple[Spot, ...], result: Audit | None = None) -> str:
    """What was missed, what was not expected and what is of another severity, "" when all is right."""
    expected, places = {spot.place: spot for spot in case.expected}, {spot.place: spot for spot in seen}
    lines = []
    for spot in case.expected:
        other = places.get(spot.place)
        if other is None:
            lines.append(f"missed      {spot}\n{_quoted(case, spot)}")
        elif spot.severity not in ("", other.severity):
            lines.append(f"severity    {spot}, but found as {other.severity}\n{_quoted(case, spot)}")
    messages = {
        (one.finding.place.path, one.finding.place.line, one.finding.code): one.finding.message
        for one in (result.findings if result is not None else ())
    }
    for spot in seen:
        if spot.place not in expected:
            lines.append(f"unexpected  {spot}: {messages.get(spot.place, '')}\n{_quoted(case, spot)}")
    return "\n".join([f"{case.name}: {case.about}", *lines]) if lines else ""


def _quoted(case: Case, spot: Spot) -> str:
    return "            | " + case.files[spot.path].split("\n")[spot.line - 1].strip()
