"""What decides nothing changes no verdict of the cases, and the end of a put decides its own."""

import tempfile
from functools import cache
from pathlib import Path

import pytest

from audits.auditing import Audit
from audits.js.syntax import grammar
from audits.operation import Has, Method, Operation
from tests.audits.case_changes import reformatted, windows, with_end, without_end
from tests.audits.case_files import moved
from tests.audits.case_names import rebound, renamed
from tests.audits.case_trees import tree
from tests.audits.cases_reader import JUDGED, Case, Spot, found, read, run

CASES = [case for case in read() if {*case.rules} <= {*JUDGED} and not case.open]
MARKED = [case for case in CASES if any(spot.code == "KV002" for spot in case.expected)]
SAME_LINES = {"other names": renamed, "other bindings": rebound, "line ends of Windows": windows}


def each(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in cases])


@cache
def as_written(name: str) -> Audit:
    """The audit of a case as it is, made once for all tests of it."""
    case = next(case for case in CASES if case.name == name)
    with tempfile.TemporaryDirectory() as folder:
        return run(case, Path(folder))


def by_text(case: Case, result: Audit) -> list[tuple[str, str, str]]:
    """Findings by the text of their lines, wherever those stand."""
    return sorted(
        (one.finding.code, one.finding.severity.name, one.source.strip().removeprefix("export "))
        for one in result.findings
        if one.finding.code in case.rules
    )


def by_byte(case: Case, result: Audit, back) -> list[tuple[str, str, str, int]]:
    """Findings by the offsets of their methods in the text as it was."""
    return sorted(
        (one.code, one.severity.name, one.place.path, back(one.place.path, one.place.start))
        for one in (reported.finding for reported in result.findings)
        if one.code in case.rules
    )


def broken(files) -> set[str]:
    return {path for path, text in files.items() if grammar.suffix(path) and tree(path, text).has_error}


@each(CASES)
def test_the_changed_code_is_as_whole_as_before(case):
    """A change that breaks the syntax would be forgiven by an analyser that survives it."""
    before = broken(case.files)
    for name, change in (*SAME_LINES.items(), ("moved", moved)):
        assert (name, broken(change(case.files))) == (name, before)
    assert broken(reformatted(case.files, seed=len(case.about))[0]) == before


@each(CASES)
def test_what_decides_nothing_changes_no_verdict(case, tmp_path):
    before = as_written(case.name)
    wanted = found(case, before)
    for name, change in SAME_LINES.items():
        files = change(case.files)
        if files != case.files:
            assert (name, found(case, run(case, tmp_path / name, files))) == (name, wanted)
    files, moves = reformatted(case.files, seed=len(case.about))
    assert by_byte(
        case, run(case, tmp_path / "reformatted", files), lambda path, offset: moves[path].back(offset)
    ) == by_byte(case, before, lambda _, offset: offset)
    files = moved(case.files)
    if files != case.files:
        assert by_text(case, run(case, tmp_path / "moved", files)) == by_text(case, before)


def puts(result: Audit) -> list[Operation]:
    return [one for one in result.operations if one.method is Method.PUT]


def endless(case: Case, result: Audit, path: str) -> list[Spot]:
    return [spot for spot in found(case, result) if (spot.path, spot.code) == (path, "KV002")]


@each(MARKED)
def test_an_end_makes_the_finding_go_and_no_other(case, tmp_path):
    before = as_written(case.name)
    for number, put in enumerate(puts(before)):
        path, line = put.place.path, put.place.line
        files = with_end(case.files, put)
        there = endless(case, before, path)
        if files is None or not any(spot.line == line for spot in there):
            continue
        after = endless(case, run(case, tmp_path / str(number), files), path)
        assert after == [spot for spot in there if spot.line != line]


@each([case for case in CASES if not case.options.get("forever")])
def test_a_put_that_loses_its_end_is_found(case, tmp_path):
    for number, put in enumerate(puts(as_written(case.name))):
        files = without_end(case.files, put) if put.ttl is not None and put.ttl.has is Has.YES else None
        if files is None:
            continue
        after = endless(case, run(case, tmp_path / str(number), files), put.place.path)
        assert put.place.line in [spot.line for spot in after]


def test_the_changes_reach_most_cases():
    """A change that changes nothing would let every test above pass."""
    for change, least in ((renamed, 0.95), (rebound, 0.8), (moved, 0.35)):
        assert sum(change(case.files) != case.files for case in CASES) > least * len(CASES), change
