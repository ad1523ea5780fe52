import csv
import io
import json

from jsonschema import Draft202012Validator

from audits.formats import render
from audits.report import schema
from audits.vendored import stamped


def test_the_document_keeps_its_schema_and_has_every_operation(reported):
    report = reported()
    document = json.loads(render(report, "json", inventory=True))
    assert [
        error.message for error in Draft202012Validator(schema("audit-inventory")).iter_errors(document)
    ] == []
    assert len(document["operations"]) == len(report.audit.operations) == 5
    first = document["operations"][0]
    assert (first["method"], first["binding"], first["keys"]) == (
        "get",
        "SESSIONS",
        ["spotify_session:{sessionId}"],
    )
    assert first["evidence"][0]["kind"]
    assert [one["ttl"]["has"] for one in document["operations"] if one["ttl"]] == ["no", "yes", "no", "maybe"]


def test_the_text_has_the_evidence_for_each(reported):
    text = render(reported(), "text", inventory=True)
    assert "src/a b.ts:1:66  get  SESSIONS  spotify_session:{sessionId}\n    high: SESSIONS is bound" in text
    assert "put  STORE  é  ttl yes (30)\n" in text
    assert "1  get\n4  put\n" in text


def test_the_table_has_a_row_for_each(reported):
    rows = list(csv.DictReader(io.StringIO(render(reported(), "csv", inventory=True))))
    assert [row["method"] for row in rows] == ["get", "put", "put", "put", "put"]
    assert rows[2]["expirationTtl"] == "30"
    assert rows[4]["keys"] == "a or b"


def test_a_key_is_no_formula(reported):
    text = render(
        reported({"src/a b.ts": "await env.STORE.get('=1+1');", "src/save.ts": ""}), "csv", inventory=True
    )
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["keys"] == "'=1+1"


def test_a_key_holds_no_command_for_a_terminal(reported):
    text = render(
        reported({"src/a b.ts": r"await env.STORE.get('\x1b[2J\n');", "src/save.ts": ""}),
        "csv",
        inventory=True,
    )
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["keys"] == r"\x1b[2J\n"


def test_calls_of_the_session_store_are_the_migrations(reported):
    store = stamped(
        "export const put = async (env: Env) => await env.STORE.put('a', '1');\n", "1.2.3", "a.ts"
    )
    report = reported({"src/a.ts": store})
    document = json.loads(render(report, "json", inventory=True))
    Draft202012Validator(schema("audit-inventory")).validate(document)
    assert [one["migration"] for one in document["operations"]] == [True]
    text = render(report, "text", inventory=True)
    assert "  put  STORE  a  ttl no  (the migration's)\n" in text
    assert "with 1 KV operation, 1 of them the migration's\n" in text
    (row,) = csv.DictReader(io.StringIO(render(report, "csv", inventory=True)))
    assert row["migration"] == "yes"
