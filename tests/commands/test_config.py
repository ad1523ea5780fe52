"""`kvferry config`: the file from its first line to what it means for each command."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from migrate.config import COMMANDS, load, schema
from migrate.main import run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = run(["config", *words])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_the_file_that_it_writes_is_one_that_it_accepts(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = ("--target", "do+https://bridge.example.com")
    odd = 'a"\\\x7fé:'
    assert said(capsys, "init", *target, "--prefix", odd, "--binding", "KV", "--env", "production")[0] == 0
    assert load(None, here)["export"] == {
        "source": "kv:",
        "target": "do+https://bridge.example.com",
        "prefix": [odd],
        "binding": "KV",
        "env": "production",
    }
    code, out, _ = said(capsys, "check")
    assert (code, out) == (
        0,
        "kvferry.toml: 5 values for all commands, 1 for one; nothing against them\n",
    )
    written = Path("kvferry.toml").read_text()
    assert said(capsys, "init", *target)[0] == 2
    assert Path("kvferry.toml").read_text() == written


@pytest.mark.parametrize("words", [("--target", "nowhere"), ("--prefix", "a", "--env", "")])
def test_it_writes_nothing_that_it_would_refuse(
    here: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert said(capsys, "init", *words)[0] == 2
    assert not list(here.iterdir())


def test_a_table_in_pyproject_is_a_configuration_too(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("pyproject.toml").write_text('[tool.kvferry]\nsource = "kv:"\n[tool.kvferry.export]\nsweeps = 2\n')
    assert said(capsys, "init")[0] == 2
    assert said(capsys, "check")[1].startswith("pyproject.toml, [tool.kvferry]: 1 values")
    _, out, _ = said(capsys, "show", "export")
    assert re.search(r"^  sweeps +2 +pyproject.toml, \[tool.kvferry.export\]$", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[export]\nlocation-hint = 'mars'", "kvferry.toml: export.location-hint must be one of wnam, enam"),
        ("target = 'nowhere'", "kvferry.toml: target: "),
        (
            "target = 'do+https://u:PLANTED@bridge.example.com'",
            "kvferry.toml: target: an address holds no",
        ),
        ("rate = '0/300'", "kvferry.toml: rate: "),
        ("budget = ['reads=1/hour']", "kvferry.toml: budget: "),
        ("[plan]\nschema = 'gone.json'", "kvferry.toml, [plan]: schema: there is no such file"),
        ("source = 'sqlite:a'\ntarget = 'sqlite:a'", "kvferry.toml: target is the source"),
        ("sorce = 'kv:'", "kvferry.toml: unknown key sorce, did you mean source"),
        (
            "[[project]]\nignore = '/a'\nreason = 'x'\n[[project]]\nignore = '/a'\nreason = 'y'",
            "kvferry.toml: project: ",
        ),
    ],
)
def test_a_check_says_what_a_command_would_refuse(
    here: Path, capsys: pytest.CaptureFixture[str], text: str, complaint: str
) -> None:
    Path("kvferry.toml").write_text(text)
    code, out, err = said(capsys, "check")
    assert (code, out) == (2, "")
    assert complaint in err
    assert err.count("kvferry.toml") == 1, "once, though it concerns several commands"
    assert "PLANTED" not in err


def test_without_a_file_it_says_how_to_begin(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (("check",), ("show",)):
        code, _, err = said(capsys, *words)
        assert (code, "kvferry config init" in err) == (2, True)


def test_every_value_is_shown_with_the_place_that_says_it(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("eu.toml").write_text(
        'source = "kv:"\nrate = "900/300"\nprefix = ["a:", "b c:"]\n[export]\nrate = "60/300"\n'
        '[audit]\nselect = ["KV002"]\n[[project]]\nignore = "/a"\nreason = "x"\n'
    )
    code, out, _ = said(capsys, "show", "--config", "eu.toml")
    assert (code, out.splitlines()[0]) == (0, "eu.toml")
    sections = {
        name: [line.split() for line in body.splitlines()]
        for name, body in re.findall(r"^(\w+)\n((?:  .*\n)+)", out, re.MULTILINE)
    }
    assert set(sections) == set(COMMANDS) - {"demo"}, "no option of a demo may stand in the file"
    assert ["rate", "60/300", "eu.toml,", "[export]"] in sections["export"]
    assert ["rate", "900/300", "eu.toml"] in sections["verify"]
    assert ["ledger", ".kvferry/ledger.db", "default"] in sections["status"]
    assert ["prefix", "a:", "'b", "c:'", "eu.toml"] in sections["plan"]
    assert ["[[project]]", "1", "eu.toml"] in sections["verify"]
    assert sections["audit"] == [["select", "KV002", "eu.toml,", "[audit]"]]
    assert not any(row[0] in ("fresh", "limit", "json") for rows in sections.values() for row in rows)
    _, less, _ = said(capsys, "show", "status", "--config", "eu.toml")
    assert re.findall(r"^\w+$", less, re.MULTILINE) == ["status"]
    assert said(capsys, "show", "zebra", "--config", "eu.toml")[0] == 2


def test_the_schema_is_the_one_that_files_are_held_against(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = json.loads(said(capsys, "schema")[1])
    assert printed == schema()
    said(capsys, "init")
    text = Path("kvferry.toml").read_text()
    assert text.startswith("#:schema ./kvferry.schema.json\n"), "as editors look for it"
    Draft202012Validator(printed).validate(tomllib.loads(text))
