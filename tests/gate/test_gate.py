"""Gates over real reports: what they say, what they keep, and what nobody can pass off as evidence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.core.document import Document
from migrate.core.gate.policy import Policy
from migrate.core.gate.verdict import Door
from migrate.errors import ConfigError
from migrate.formats import report
from migrate.gate.bundle import Bundle, bundle_document, of_document
from migrate.gate.exhibits import EXPORT, LIVE, VERIFY, Exhibit, evidence
from migrate.gate.verdicts import judge_bundle, verdict
from migrate.main import run
from tests.core.gate.world import STAGES
from tests.flows.shell import PREFIX
from tests.gate.exhibited import HOUR, NOW, asked_afresh, at, live

STORES = ["--source", "dump:sessions.ndjson", "--target", "sqlite:sessions.db"]
SECRET = "planted-id"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID"):
        monkeypatch.delenv(name, raising=False)
    items = [{"key": f"{PREFIX}{SECRET}-{number:02d}", "value": "planted-value"} for number in range(9)]
    (tmp_path / "sessions.ndjson").write_text("".join(json.dumps(item) + "\n" for item in items))
    return tmp_path


@pytest.fixture
def reports(here: Path) -> dict[str, Document]:
    """Of a real export and a real verify."""
    for verb in ("export", "verify"):
        assert run([verb, *STORES, "--quiet", "--output", f"json={verb}.json"]) == 0
    return {
        EXPORT: json.loads(Path("export.json").read_text()),
        VERIFY: json.loads(Path("verify.json").read_text()),
    }


def gate(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Document]:
    capsys.readouterr()
    code = run(["gate", *words, "--json", "--quiet"])
    document = json.loads(capsys.readouterr().out)
    report.validate(document, "verdict")
    assert document["exit"] == code
    return code, document


def open_bundle(reports: dict[str, Document], door: Door, **verified: Any) -> Bundle:
    """With real reports of another time, and all else that the door asks for."""
    settled = {"settle_seconds": 120.0, "rehearsal": None, "stage": STAGES[door].value, "foreign": 0}
    lifetimes = {"longest_seconds": 30 * 86_400, "never": 0}
    exported = at(reports[EXPORT], NOW - 5 * HOUR, NOW - 4 * HOUR)
    checked = at(reports[VERIFY], NOW - 2 * HOUR, NOW - HOUR, lifetimes=lifetimes, **settled, **verified)
    runs = [Exhibit(EXPORT, NOW - 4 * HOUR, exported), Exhibit(VERIFY, NOW - HOUR, checked)]
    told = reports[VERIFY]
    return Bundle(told["source"], told["target"], tuple(told["prefixes"]), (*runs, *asked_afresh(door)))


def standings(document: Document) -> dict[str, str]:
    return {one["name"]: one["standing"] for one in document["conditions"]}


def test_a_store_that_knows_nothing_of_live_traffic_is_unproven_never_open(here, reports, capsys):
    code, document = gate(capsys, "--for", "object-first", *STORES)
    assert (code, document["verdict"]) == (3, "unproven")
    found = standings(document)
    assert found["export-complete"] == found["stores-agree"] == found["nothing-that-kv-lacks"] == "passed"
    assert found["stage-everywhere"] == found["one-version"] == found["audit-clean"] == "unproven"
    assert "failed" not in found.values()
    assert "this target has no statistics of live traffic" in document["notes"]


@pytest.mark.parametrize("door", Door)
def test_without_any_evidence_every_condition_is_unproven(here, capsys, door):
    assert run(["export", *STORES, "--quiet", "--ledger", "other.db"]) == 0
    code, document = gate(capsys, "--for", door.value, *STORES)
    assert (code, set(standings(document).values())) == (3, {"unproven"})


def test_a_difference_shuts_the_door_and_the_text_says_what_to_do(here, reports, capsys):
    lines = Path("sessions.ndjson").read_text().splitlines()
    Path("sessions.ndjson").write_text(
        "\n".join([lines[0].replace("planted-value", "other"), *lines[1:]]) + "\n"
    )
    assert run(["verify", *STORES, "--quiet"]) == 1
    code, document = gate(capsys, "--for", "object-first", *STORES)
    assert (code, document["verdict"], standings(document)["stores-agree"]) == (1, "shut", "failed")
    assert run(["gate", "--for", "object-first", *STORES]) == 1
    text = capsys.readouterr().out
    assert text.startswith("gate object-first: SHUT, 1 condition has FAILED")
    assert "1 session differs" in text
    assert "→ kvferry export --lift-fence --source dump:sessions.ndjson" in text
    assert "next: kvferry export --lift-fence --source dump:sessions.ndjson" in text


def test_no_key_and_no_value_is_in_what_a_gate_writes(here, reports, capsys):
    for door in Door:
        run(["gate", "--for", door.value, *STORES])
    run(["evidence", "export", *STORES])
    told = capsys.readouterr()
    assert "planted" not in told.out + told.err


@pytest.mark.parametrize("door", Door)
def test_a_bundle_opens_the_door_that_its_evidence_opens(reports, door):
    found = verdict(door, open_bundle(reports, door), Policy(), NOW, "")
    report.validate(found, "verdict")
    assert [(one["name"], one["said"]) for one in found["conditions"] if one["standing"] != "passed"] == []
    assert found["verdict"] == "open"
    assert len(found["evidence"]) <= len(open_bundle(reports, door).exhibits)


def test_a_verdict_ends_with_the_oldest_of_its_evidence(reports):
    found = verdict(Door.OBJECT_FIRST, open_bundle(reports, Door.OBJECT_FIRST), Policy(), NOW, "")
    assert found["expires"]["unix"] == NOW - 4 * HOUR + 24 * HOUR


@pytest.mark.parametrize("ahead", [-300.0, 300.0])
def test_the_statistics_clock_is_moved_onto_ours(ahead):
    one, other = (evidence([Exhibit(LIVE, NOW, live(Door.OBJECT_FIRST, by))]).live for by in (0.0, ahead))
    assert one is not None
    assert other is not None
    assert replace(one, document="") == replace(other, document="")


def test_a_bundle_in_a_file_is_judged_without_ledger_and_stores(reports, here, capsys):
    bundle = open_bundle(reports, Door.OBJECT_FIRST)
    written = bundle_document(bundle, NOW)
    report.validate(written, "evidence")
    Path("evidence.json").write_text(json.dumps(written))
    ended = judge_bundle(Door.OBJECT_FIRST, Path("evidence.json"), Policy(), NOW)
    assert ended.document["verdict"] == "open"
    digests = [sorted(one.digest for one in one_of.exhibits) for one_of in (of_document(written), bundle)]
    assert digests[0] == digests[1]
    for name in ("sessions.ndjson", "sessions.db"):
        Path(name).unlink()
    code, document = gate(capsys, "--for", "object-first", "--evidence", "evidence.json")
    assert (code, document["verdict"]) == (3, "unproven")  # years later
    assert all("ago" in one["said"] for one in document["conditions"] if one["at"] is not None)


def test_what_the_ledger_knows_is_bundled_and_judged_the_same(here, reports, capsys):
    _, before = gate(capsys, "--for", "object-first", *STORES)
    assert run(["evidence", "export", *STORES, "--output", "json=evidence.json"]) == 0
    _, after = gate(capsys, "--for", "object-first", "--evidence", "evidence.json")
    assert standings(after) == standings(before)
    assert after["evidence_digest"] == before["evidence_digest"]


def tampered(document: Document, how: str) -> Document:
    """A bundle that somebody helped along."""
    documents = document["documents"]
    match how:
        case "edited":
            verify = next(one for one in documents if one["kind"] == VERIFY)
            verify["document"]["classes"]["value"]["settled"] = 0
            verify["document"]["note"] = "all is well"
        case "dropped":
            del documents[0]
        case "relabelled":
            documents[0]["kind"], documents[1]["kind"] = documents[1]["kind"], documents[0]["kind"]
    return document


@pytest.mark.parametrize("how", ["edited", "dropped", "relabelled"])
def test_evidence_that_was_changed_is_refused(here, reports, capsys, how):
    written = bundle_document(open_bundle(reports, Door.OBJECT_FIRST), NOW)
    Path("evidence.json").write_text(json.dumps(tampered(written, how)))
    assert run(["gate", "--for", "object-first", "--evidence", "evidence.json"]) == 2
    assert "evidence" in capsys.readouterr().err


def test_a_bundle_with_less_in_a_document_is_refused(here, reports):
    bundle = open_bundle(reports, Door.OBJECT_FIRST)
    poor = Exhibit(LIVE, NOW, {"asked": {"unix": NOW, "iso": ""}})
    Path("evidence.json").write_text(json.dumps(bundle_document(replace(bundle, exhibits=(poor,)), NOW)))
    with pytest.raises(ConfigError):
        judge_bundle(Door.OBJECT_FIRST, Path("evidence.json"), Policy(), NOW)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--waive", "audit-clean"], "--reason"),
        (["--waive", "audit-clean", "--reason", " "], "--reason"),
        (["--waive", "no-such", "--reason", "because"], "no-such is no condition of this door"),
        (["--waive", "kv-quiet", "--reason", "because"], "kv-quiet is no condition of this door"),
    ],
)
def test_a_waiver_names_a_condition_of_the_door_and_a_reason(here, reports, capsys, words, said):
    assert run(["gate", "--for", "object-first", *STORES, *words]) == 2
    assert said in capsys.readouterr().err


def test_a_waiver_is_in_the_verdict(here, reports, capsys):
    _, document = gate(
        capsys, "--for", "object-first", *STORES, "--waive", "audit-clean", "--reason", "it is elsewhere"
    )
    (waived,) = [one for one in document["conditions"] if one["waived"] is not None]
    assert (waived["name"], waived["standing"], waived["waived"]) == (
        "audit-clean",
        "unproven",
        "it is elsewhere",
    )
    assert run(["gate", "--for", "object-first", *STORES, "--waive", "audit-clean", "--reason", "x"]) == 3
    assert "unproven, and waived: x" in capsys.readouterr().out


def test_a_target_must_be_named(here, capsys):
    assert run(["gate", "--for", "cleanup", "--source", "dump:sessions.ndjson"]) == 2
    assert "--target" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"stage": "object-first", "exact": True, "configuration": "0" * 12}, True),
        ({"project": [{"ignore": "/seen", "reason": "one"}]}, False),
        ({"ignored_names": ["admin:*"]}, False),
        ({"authority": "target"}, False),
        ({"prefixes": [PREFIX, "other:"]}, False),
    ],
)
def test_export_and_verify_go_by_the_same_rules_whatever_the_stage(reports, changes, same):
    bundle = [Exhibit(EXPORT, 1.0, reports[EXPORT]), Exhibit(VERIFY, 2.0, reports[VERIFY] | changes)]
    found = evidence(bundle)
    assert (found.exports[0].configuration == found.verifies[0].configuration) == same


def test_the_reason_for_a_rule_is_no_rule(reports):
    one, other = (
        evidence([Exhibit(EXPORT, 1.0, reports[EXPORT] | {"project": [{"ignore": "/seen", "reason": why}]})])
        for why in ("one", "another")
    )
    assert one.exports[0].configuration == other.exports[0].configuration
