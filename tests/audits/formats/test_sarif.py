import json
from dataclasses import replace

import pytest
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


def many(report, number):
    """The same report with its findings so often, the slightest first."""
    found = report.audit.findings
    slightest_first = sorted(found, key=lambda one: one.finding.severity)
    repeated = tuple(slightest_first[at * len(found) // number] for at in range(number))
    return replace(report, audit=replace(report.audit, findings=repeated))


@pytest.mark.parametrize(
    ("number", "kept", "told"),
    [
        (5_000, 5_000, []),
        (5_001, 5_001, ["1 more: GitHub shows the first 5,000"]),
        (
            25_002,
            25_000,
            [
                "20,002 more: GitHub shows the first 5,000",
                "2 more: GitHub takes 25,000, the rest is left out",
            ],
        ),
    ],
)
def test_what_github_does_not_show_is_the_slightest_and_is_told(reported, number, kept, told):
    (run,) = json.loads(render(many(reported(), number), "sarif"))["runs"]
    levels = [one["level"] for one in run["results"]]
    assert len(levels) == kept
    assert levels == sorted(levels, key=["error", "warning", "note"].index)
    warned = [
        note["message"]["text"]
        for note in run["invocations"][0]["toolExecutionNotifications"]
        if note["level"] == "warning"
    ]
    assert warned == told
