"""The line that says which file and which of its values a command used."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from migrate.formats.report import validate
from migrate.main import run
from tests.flows.shell import PREFIX

FILE = f"""
source = "dump:sessions.ndjson"
target = "sqlite:sessions.db"
prefix = ["{PREFIX}", ""]
binding = "SESSIONS"

[export]
sweeps = 2

[verify]
exact = true
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    items = [{"key": f"{PREFIX}{number:02d}", "value": "v"} for number in range(9)]
    (tmp_path / "sessions.ndjson").write_text("".join(json.dumps(item) + "\n" for item in items))
    (tmp_path / "kvferry.toml").write_text(FILE)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The first line on standard error."""
    capsys.readouterr()
    run([*words])
    return capsys.readouterr().err.split("\n")[0]


def test_every_command_says_which_file_and_which_values_it_used(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    general = (
        f"source dump:sessions.ndjson, target sqlite:sessions.db, prefix {PREFIX} '', binding SESSIONS".split(
            ", "
        )
    )
    for command in (["export"], ["verify"], ["plan"], ["gate", "--for", "cleanup"], ["finish"]):
        line = said(capsys, *command)
        assert line.startswith("kvferry.toml: "), command
        assert set(general) <= set(line.removeprefix("kvferry.toml: ").split(", ")), command
    assert ", sweeps 2" in said(capsys, "export")
    assert ", exact true" in said(capsys, "verify")
    assert "sweeps" not in said(capsys, "verify")
    assert said(capsys, "status") == "kvferry.toml: target sqlite:sessions.db"
    assert said(capsys, "evidence", "export").startswith("kvferry.toml: source dump:")


def test_what_the_command_line_overrides_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = said(capsys, "export", "--target", "sqlite:other.db", "--binding=X")
    assert line.endswith(f"prefix {PREFIX} '', sweeps 2 (--target, --binding from the command line)") or (
        "(--binding, --target from the command line)" in line
    )
    assert "sessions.db" not in line
    assert said(capsys, "status", "--target", "sqlite:other.db").startswith(
        "kvferry.toml: nothing (--target from the command line)"
    )


def test_another_file_is_called_by_its_name(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.rename("kvferry.toml", "eu.toml")
    assert said(capsys, "export", "--config", "eu.toml").startswith("eu.toml: ")
    Path("pyproject.toml").write_text('[tool.kvferry]\ntarget = "sqlite:p.db"\n')
    assert said(capsys, "status") == "pyproject.toml, [tool.kvferry]: target sqlite:p.db"


def test_what_a_bridge_is_made_with_is_said_too(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("kvferry.toml").write_text('prefix = "a:"\nbinding = "KV"\n[export]\nlocation-hint = "weur"\n')
    line = said(capsys, "bridge", "init", "bridge", "--dry-run")
    assert line.removeprefix("kvferry.toml: ").split(", ") == ["prefix a:", "location-hint weur"]


def test_quiet_and_no_file_say_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "export", "--quiet") == ""
    os.remove("kvferry.toml")
    line = said(capsys, "export", "--source", "dump:sessions.ndjson", "--target", "sqlite:sessions.db")
    assert line.startswith("export: ")


def test_lists_that_no_option_says_are_counted(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = '[[project]]\nignore = "/lastAccessed"\nreason = "every read sets it"\n'
    Path("kvferry.toml").write_text('source = "dump:sessions.ndjson"\ntarget = "sqlite:s.db"\n' + entry)
    assert said(capsys, "export").endswith("target sqlite:s.db, [[project]] 1")


def test_for_a_program_it_is_an_object(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(said(capsys, "export", "--progress", "json"))
    assert (found["event"], found["text"].split(":")[0]) == ("note", "kvferry.toml")


def test_commands_on_code_say_it_too(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.ts").write_text("export const f = (env) => env.KV.get(`sess:${1}`);\n")
    Path("worker").mkdir()
    Path("worker/wrangler.toml").write_text('name = "w"\n')
    Path("worker/a.ts").write_text("export const a = 1;\n")
    Path("kvferry.toml").write_text('prefix = "sess:"\nbinding = "KV"\n[audit]\nselect = ["KV001"]\n')
    Path("worker/kvferry.toml").write_text('[audit]\nselect = ["KV002"]\n')
    assert said(capsys, "audit") == "kvferry.toml: session-prefix sess:, binding KV, select KV001"
    line = said(capsys, "audit", "--select", "KV001", "--binding", "X")
    assert line == "kvferry.toml: session-prefix sess: (--binding, --select from the command line)"
    run(["audit", "worker"])
    first, second = capsys.readouterr().err.split("\n")[:2]
    assert first == "worker/kvferry.toml: select KV002"
    assert second == "kvferry.toml: session-prefix sess:, binding KV"
    assert said(capsys, "audit", "--quiet") == ""
    assert said(capsys, "rewrite", "--to", "store") == "kvferry.toml: binding KV, prefix sess:"


def test_reports_say_it_too(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command, name in (("export", "export-report"), ("verify", "verify-report"), ("plan", "plan")):
        capsys.readouterr()
        run([command, "--json", "--target", "sqlite:other.db"])
        document = json.loads(capsys.readouterr().out)
        validate(document, name)
        found = document["config_file"]
        assert (found["name"], found["overridden"]) == ("kvferry.toml", ["target"]), command
        assert (found["used"]["source"], found["used"]["prefix"]) == ("dump:sessions.ndjson", f"{PREFIX} ''")
    os.remove("kvferry.toml")
    run(["plan", "--json", "--source", "dump:sessions.ndjson"])
    assert "config_file" not in json.loads(capsys.readouterr().out)


def test_values_are_not_commands_to_a_terminal(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("kvferry.toml").write_text('binding = "\\u001b[2Jx"\ntarget = "sqlite:s.db"\n')
    assert "\x1b" not in said(capsys, "plan", "--source", "dump:sessions.ndjson")
