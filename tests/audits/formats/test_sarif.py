import json

from sarif import loader  # a reader by other people

from audits.formats import render
from audits.rules import RULES


def test_another_reader_finds_what_we_found(reported, tmp_path):
    path = tmp_path / "audit.sarif"
    report = reported(prefix="apps/one/")
    path.write_text(render(report, "sarif"), encoding="utf-8")
    read = loader.load_sarif_file(str(path))
    assert read.get_distinct_tool_names() == ["kvferry"]
    assert read.get_result_count() == len(report.audit.findings)
    assert sorted(record["Severity"] for record in read.get_records()) == [
        "error",
        "error",
        "warning",
        "warning",
    ]
    places = {(record["Location"], record["Line"]) for record in read.get_records()}
    assert ("apps/one/src/save.ts", 2) in places


def results(report):
    return json.loads(render(report, "sarif"))["runs"][0]["results"]


def test_paths_are_addresses_from_the_top_of_the_repository(reported):
    uris = {
        one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for one in results(reported(prefix="x/"))
    }
    assert uris == {"x/src/a%20b.ts", "x/src/save.ts"}


def test_the_worst_comes_first_and_the_suppressed_not_at_all(reported):
    found = results(reported())
    assert [one["level"] for one in found] == ["error", "error", "warning", "warning"]
    assert "counter" not in json.dumps(found)


def test_fingerprints_and_related_places_are_there(reported):
    report = reported()
    marks = {one.fingerprint for one in report.audit.findings}
    assert {one["partialFingerprints"]["kvferry/v1"] for one in results(report)} == marks
    (related,) = [one["relatedLocations"] for one in results(report) if "relatedLocations" in one]
    assert related[0]["physicalLocation"]["region"]["startLine"] == 4


def test_a_result_spans_from_the_name_to_the_end_of_the_call(reported):
    (one,) = [one for one in results(reported()) if one["ruleId"] == "KV003"]
    region = one["locations"][0]["physicalLocation"]["region"]
    assert (region["startLine"], region["startColumn"], region["endLine"], region["endColumn"]) == (
        4,
        19,
        5,
        10,
    )


def test_every_rule_brings_its_documentation(reported):
    driver = json.loads(render(reported(), "sarif"))["runs"][0]["tool"]["driver"]
    assert [rule["id"] for rule in driver["rules"]] == [rule.code for rule in RULES]
    for rule in driver["rules"]:
        assert "## Remedy" in rule["help"]["markdown"]
    for one in results(reported()):
        assert driver["rules"][one["ruleIndex"]]["id"] == one["ruleId"]


def test_an_audit_of_nothing_was_not_successful(reported):
    (run,) = json.loads(render(reported({}, exit_code=3), "sarif"))["runs"]
    assert run["invocations"][0]["executionSuccessful"] is False
