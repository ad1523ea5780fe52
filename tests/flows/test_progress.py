"""`--progress json` of real commands: every line of standard error is an object of the schema."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.fake_api import FakeServer, Reply
from tests.flows.shell import KV, PREFIX, kvferry, variables

SCHEMA = json.loads((resources.files("migrate") / "schemas" / "progress.v1.json").read_text())
STORES = ("--source", KV, "--target", "sqlite:sessions.db", "--rate", "100000/1", "--json")
JSON = ("--progress", "json")


@pytest.fixture
def filled(fake: FakeServer) -> FakeServer:
    for number in range(250):
        fake.api.namespace.put(f"{PREFIX}{number:04d}", b"v", None, 4_000_000_000)
    return fake


def events(errors: str) -> list[dict[str, Any]]:
    """Every line as an object; an interrupt leaves an empty one."""
    found = [json.loads(line) for line in errors.splitlines() if line]
    for one in found:
        Draft202012Validator(SCHEMA).validate(one)
    return found


def test_export_and_verify_tell_a_program_how_far_they_are(filled: FakeServer, tmp_path: Path) -> None:
    env = variables(filled)
    for command in ("export", "verify"):
        done = kvferry(command, *STORES, *JSON, cwd=tmp_path, env=env)
        found = events(done.stderr)
        assert (done.returncode, found[0]["event"], found[-1]["event"]) == (0, "start", "end")
        assert (found[-1]["task"], found[-1]["done"]) == (command, 250)
        quiet = kvferry(command, *STORES, *JSON, "--quiet", cwd=tmp_path, env=env)
        assert (quiet.returncode, quiet.stderr) == (0, "")


def test_an_error_and_a_stop_are_objects_too(filled: FakeServer, tmp_path: Path) -> None:
    env = variables(filled)
    filled.api.faults.add(Reply(403), on="list")
    refused = kvferry("export", *STORES, *JSON, cwd=tmp_path, env=env)
    assert events(refused.stderr)[-1] | {"at": 0} == {
        "schema": "kvferry/progress",
        "version": 1,
        "event": "error",
        "at": 0,
        "text": events(refused.stderr)[-1]["text"],
        "hint": events(refused.stderr)[-1]["hint"],
        "exit": refused.returncode,
    }
    assert refused.returncode == 2
    (tmp_path / ".kvferry" / "stop").touch()
    stopped = kvferry("export", *STORES, "--progress=json", cwd=tmp_path, env=env)
    [last] = events(stopped.stderr)
    assert (last["exit"], stopped.returncode) == (2, 2)
    assert last["hint"] == "remove it, then run the same command again"
