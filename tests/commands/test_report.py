"""`kvferry report` as it is typed: of a ledger, of a bundle without anything else, and its exit codes."""

from __future__ import annotations

import copy
import json
import re
import stat
from pathlib import Path

import pytest

from migrate.core.document import Document
from migrate.formats import report
from migrate.main import run
from tests.gate.test_gate import STORES, here, reports

__all__ = ["here", "reports"]


@pytest.fixture
def evidence(here: Path, reports: dict[str, Document]) -> Path:
    """A bundle with a verdict, and nothing else of the migration left."""
    assert run(["gate", "--for", "object-first", *STORES, "--output", "json=verdict.json"]) == 3
    assert run(["evidence", "export", *STORES, "--output", "json=evidence.json"]) == 0
    return here / "evidence.json"


def bare(folder: Path) -> None:
    """As in CI: no stores, no ledger."""
    for name in ("sessions.ndjson", "sessions.db", ".kvferry/ledger.db"):
        (folder / name).unlink()


def as_json(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Document]:
    capsys.readouterr()
    code = run(["report", *words, "--json"])
    document = json.loads(capsys.readouterr().out)
    report.validate(document, "report")
    assert document["exit"] == code
    return code, document


def test_ledger_and_bundle_give_the_same_report(here, evidence, capsys):
    _, one = as_json(capsys, *STORES)
    before = {path.name for path in (here / ".kvferry").iterdir()}
    bare(here)
    _, other = as_json(capsys, "--evidence", "evidence.json")
    assert not (here / ".kvferry/ledger.db").exists()
    assert "ledger.db" in before
    for name in ("waivers", "timeline", "exports", "verifies", "traffic", "cost", "finished"):
        assert one[name] == other[name], name
    assert [door["verdicts"] for door in one["doors"]] == [door["verdicts"] for door in other["doors"]]
    assert (one["of"]["place"], other["of"]["place"]) == ("ledger", "bundle")
    assert one["of"]["documents"] == other["of"]["documents"]
    assert len(other["unseen"]) == len(one["unseen"]) + 1


def test_every_output_is_written_privately_and_markdown_goes_to_standard_output(here, evidence, capsys):
    bare(here)
    files = ["--output", "html=report.html", "--output", "markdown=report.md", "--output", "json=report.json"]
    assert run(["report", "--evidence", "evidence.json", *files]) == 0
    told = capsys.readouterr().out
    assert told == Path("report.md").read_text()
    assert told.startswith("## kvferry: may the fallback be deleted?")
    assert Path("report.html").read_text().startswith("<!doctype html>")
    report.read("report.json", "report")
    for name in ("report.html", "report.md", "report.json"):
        assert stat.S_IMODE(Path(name).stat().st_mode) == 0o600


def test_the_next_commands_repeat_what_was_typed(here, evidence, capsys):
    _, document = as_json(capsys, *STORES, "--prefix", "spotify_session:", "--rate", "7/10")
    cleanup = document["doors"][2]
    assert cleanup["next"] == (
        "kvferry gate --for cleanup --source dump:sessions.ndjson --target sqlite:sessions.db"
        " --prefix spotify_session: --rate 7/10"
    )


def test_a_verdict_in_a_file_is_shown_and_one_that_was_edited_is_refused(here, evidence, capsys):
    code, document = as_json(capsys, "--evidence", "evidence.json", "--verdict", "verdict.json")
    (verdict,) = document["doors"][0]["verdicts"]
    assert (code, verdict["refused"]) == (0, None)
    told = json.loads(Path("verdict.json").read_text())
    told |= {"verdict": "open", "exit": 0}
    Path("edited.json").write_text(json.dumps(told))
    code, document = as_json(capsys, "--evidence", "evidence.json", "--verdict", "edited.json")
    assert (code, {one["verdict"]: one["refused"] is None for one in document["doors"][0]["verdicts"]}) == (
        1,
        {"open": False, "unproven": True},
    )
    assert document["doors"][0]["state"] == "unproven"
    for fmt in ("markdown", "html"):
        assert (
            run(["report", "--evidence", "evidence.json", "--verdict", "edited.json", "--format", fmt]) == 1
        )
        assert re.search("refused", capsys.readouterr().out, re.IGNORECASE)


def tampered(bundle: Document, how: str) -> Document:
    told = copy.deepcopy(bundle)
    match how:
        case "a document":
            told["documents"][0]["document"]["note"] = "all is well"
        case "a document less":
            del told["documents"][0]
        case "a verdict less":
            told["history"]["verdicts"].clear()
    return told


@pytest.mark.parametrize("how", ["a document", "a document less", "a verdict less"])
def test_a_bundle_that_is_not_what_it_was_is_refused(here, evidence, capsys, how):
    told = tampered(json.loads(evidence.read_text()), how)
    evidence.write_text(json.dumps(told))
    capsys.readouterr()
    assert run(["report", "--evidence", "evidence.json"]) == 2
    told_out = capsys.readouterr()
    assert told_out.out == ""
    assert "kvferry evidence export" in told_out.err


def test_a_bundle_of_an_earlier_release_is_accepted(here, evidence, capsys):
    told = json.loads(evidence.read_text())
    del told["history"]
    evidence.write_text(json.dumps(told))
    code, document = as_json(capsys, "--evidence", "evidence.json")
    assert code == 0
    assert {door["state"] for door in document["doors"]} == {"unasked"}
    assert any("earlier release" in one for one in document["unseen"])


def test_a_bundle_from_the_future_is_refused(here, evidence, capsys):
    told = json.loads(evidence.read_text())
    told["made"]["unix"] += 86_400
    evidence.write_text(json.dumps(told))
    assert run(["report", "--evidence", "evidence.json"]) == 2
    assert "future" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--source", "dump:sessions.ndjson"], "no target"),
        (["--evidence", "verdict.json"], "verdict.json"),
        (["--evidence", "evidence.json", "--verdict", "evidence.json"], "evidence.json"),
        (["--evidence", "evidence.json", "--format", "pdf"], "there is no format 'pdf'"),
    ],
)
def test_what_cannot_be_made_ends_with_2_and_says_why(here, evidence, capsys, words, said):
    assert run(["report", *words]) == 2
    assert said in capsys.readouterr().err


def test_without_a_ledger_there_is_no_report_and_no_ledger_is_made(here, evidence, capsys):
    assert run(["report", *STORES, "--ledger", "elsewhere.db"]) == 2
    assert "there is no ledger elsewhere.db" in capsys.readouterr().err
    assert not Path("elsewhere.db").exists()
