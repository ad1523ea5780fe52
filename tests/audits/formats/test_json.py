import copy
import json

import pytest
from jsonschema import Draft202012Validator

from audits.formats import render
from audits.report import schema


def errors(document, name="audit-report"):
    return [error.message for error in Draft202012Validator(schema(name)).iter_errors(document)]


def test_the_schemas_are_schemas():
    for name in ("audit-report", "audit-finding", "audit-inventory", "audit-baseline"):
        Draft202012Validator.check_schema(schema(name))
        assert schema(name)["$id"] == f"urn:kvferry:schema:{name}:1"


def test_the_document_keeps_its_schema_and_its_own_account(reported):
    document = json.loads(render(reported(), "json"))
    assert errors(document) == []
    assert document["counts"] == {"error": 2, "warning": 2, "note": 0}
    assert sum(document["counts"].values()) == sum(one["count"] for one in document["by_rule"]) == 4
    assert document["files"]["audited"] == 3
    assert document["skipped"] == [{"reason": "dependency", "count": 1, "paths": ["node_modules/"]}]
    assert document["suppressed"] == [
        {
            "rule": "put-without-ttl",
            "code": "KV002",
            "path": "src/a b.ts",
            "line": 7,
            "reason": "counts for ever",
        }
    ]


def test_a_finding_is_flat_and_says_where_the_name_of_the_method_is(reported):
    document = json.loads(render(reported(), "json"))
    second = document["findings"][1]
    assert {
        name: second[name] for name in ("rule", "code", "path", "line", "column", "end_line", "severity")
    } == {
        "rule": "put-without-ttl",
        "code": "KV002",
        "path": "src/a b.ts",
        "line": 3,
        "column": 18,
        "end_line": 3,
        "severity": "error",
    }
    assert document["findings"][3]["related"][0]["line"] == 4


@pytest.mark.parametrize("field", ["path", "line", "fingerprint", "severity", "signals"])
def test_the_schema_refuses_a_finding_without(field, reported):
    document = json.loads(render(reported(), "json"))
    broken = copy.deepcopy(document)
    del broken["findings"][0][field]
    assert errors(broken) != []


def test_the_document_of_nothing_is_valid_too(reported):
    document = json.loads(render(reported({}, exit_code=3), "json"))
    assert errors(document) == []
    assert (document["exit"], document["findings"]) == (3, [])


def test_lines_are_the_findings_of_the_document(reported):
    report = reported()
    lines = [json.loads(line) for line in render(report, "jsonl").splitlines()]
    assert [error for line in lines for error in errors(line, "audit-finding")] == []
    assert {(line.pop("schema"), line.pop("version")) for line in lines} == {("kvferry/audit-finding", 1)}
    assert lines == json.loads(render(report, "json"))["findings"]
    assert render(reported({}), "jsonl").count("\n") == 4  # the same files are still there


def test_a_finding_of_a_line_is_one_of_the_document():
    whole, line = schema("audit-report")["$defs"], schema("audit-finding")
    own = {name: line["properties"].pop(name) for name in ("schema", "version")}
    assert own == {"schema": {"const": "kvferry/audit-finding"}, "version": {"const": 1}}
    assert line["properties"] == whole["finding"]["properties"]
    assert line["required"] == ["schema", "version", *whole["finding"]["required"]]
    assert all(line["$defs"][name] == whole[name] for name in line["$defs"])


def test_the_same_audit_is_the_same_bytes(reported):
    assert render(reported(), "json") == render(reported(), "json")
