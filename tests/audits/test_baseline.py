"""The file of a baseline: stable, and refused when it is not what it seems."""

import itertools
import json

import pytest
from jsonschema import Draft202012Validator

from audits.baseline import Baseline, read
from audits.finding import Severity
from audits.known import Known
from audits.refusal import Refused
from audits.report import schema

VALID = Draft202012Validator(schema("audit-baseline"))


def known(path, identity="0" * 32, severity=Severity.ERROR, **more):
    return Known(
        path, "put-without-ttl", "save: KV.put(a)", severity, more.pop("callers", 0), identity, **more
    )


SOME = (known("b.ts"), known("a.ts", "1" * 32), known("b.ts"), known("b.ts", severity=Severity.WARNING))


def test_what_is_written_is_read_again(tmp_path):
    file = tmp_path / "baseline.json"
    file.write_text(Baseline("", SOME).text())
    assert read(file) == Baseline(str(file), tuple(sorted(SOME)))


def test_the_text_keeps_its_schema_and_has_a_line_for_each_group():
    text = Baseline("", SOME).text()
    VALID.validate(json.loads(text))
    lines = [line.strip() for line in text.splitlines() if "fingerprint" in line]
    assert [json.loads(line.rstrip(","))["path"] for line in lines] == ["a.ts", "b.ts", "b.ts"]
    assert [json.loads(line.rstrip(","))["count"] for line in lines] == [1, 1, 2]
    VALID.validate(json.loads(Baseline("").text()))


def test_the_text_is_the_same_in_any_order_and_knows_no_lines_of_code():
    moved = [known("b.ts", source="x", shape="y"), *SOME[1:]]
    texts = {Baseline("", some).text() for some in itertools.permutations(SOME)}
    assert texts == {Baseline("", tuple(moved)).text()}


def test_a_name_that_is_no_utf8_can_be_kept(tmp_path):
    file = tmp_path / "baseline.json"
    odd = (known("\udcff.ts"), known("ü.ts", "1" * 32))
    file.write_text(Baseline("", odd).text(), encoding="utf-8")
    assert read(file).known == tuple(sorted(odd))
    assert "ü" in file.read_text(encoding="utf-8")


def document(**changes):
    told = json.loads(Baseline("", SOME).text())
    told["findings"][0] |= changes
    return told


BROKEN = {
    "no JSON": "<<<<<<< HEAD",
    "no object": "[]",
    "another document": json.dumps(document() | {"schema": "kvferry/audit-report"}),
    "no version": json.dumps({k: v for k, v in document().items() if k != "version"}),
    "a version that is no number": json.dumps(document() | {"version": True}),
    "an older version": json.dumps(document() | {"version": 0}),
    "no findings": json.dumps(document() | {"findings": {}}),
    "another key": json.dumps(document() | {"hash": "x"}),
    "a finding that is none": json.dumps(document() | {"findings": [1]}),
    "a finding with another key": json.dumps(document(line=3)),
    "no path": json.dumps(document(path="")),
    "a severity that is none": json.dumps(document(severity="fatal")),
    "a rule that is none": json.dumps(document(rule="KV002")),
    "a count of nothing": json.dumps(document(count=0)),
    "a count that is no number": json.dumps(document(count=True)),
    "a count that would fill the memory": json.dumps(document(count=10**9)),
    "callers below none": json.dumps(document(callers=-1)),
    "a fingerprint that is none": json.dumps(document(fingerprint="0" * 31)),
    "nested too deeply": "[" * 100_000,
    "no UTF-8": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_with_a_hint(name, tmp_path):
    file, raw = tmp_path / "b.json", BROKEN[name]
    file.write_bytes(raw.encode() if isinstance(raw, str) else raw)
    with pytest.raises(Refused, match=r"b\.json is not a baseline: ") as caught:
        read(file)
    assert f"kvferry audit --write-baseline {file}" in caught.value.hint
    assert "\n" not in caught.value.message
    if isinstance(raw, str) and raw.startswith("{") and name != "another key":
        assert not VALID.is_valid(json.loads(raw))


def test_a_file_of_a_later_version_is_refused_as_such(tmp_path):
    file = tmp_path / "b.json"
    file.write_text(json.dumps(document() | {"version": 2, "more": 1}))
    with pytest.raises(Refused, match="version 2, and this kvferry knows 1") as caught:
        read(file)
    assert caught.value.hint == "update kvferry"


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(Refused, match="there is no baseline"):
        read(tmp_path / "gone.json")
    with pytest.raises(Refused, match="cannot be read: is a directory"):
        read(tmp_path)


def test_a_group_that_a_merge_left_twice_counts_once(tmp_path):
    told = document()
    twice = told["findings"][2]
    told["findings"] += [twice | {"count": 1}, twice]
    file = tmp_path / "b.json"
    file.write_text(json.dumps(told))
    assert len(read(file).known) == len(SOME)
