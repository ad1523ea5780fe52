"""The action's verify and gate, run for real: against files, against an account, and without any."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.formats.report import validate
from tests.action.runner import ROOT, Done, Runner, action
from tests.action.test_action import EVIL, temp, workspace  # noqa: F401  fixtures
from tests.fake_api import TOKEN, FakeServer
from tests.flows.shell import COMMAND, KV, PREFIX

Judge = Callable[..., Done]
SESSION, VALUE = "planted-5e55104id", "planted-valu3"
AUDITS = {"paths", "select", "ignore", "severity", "confidence", "fail-on", "baseline", "since", "sarif"}
AUDITS |= {"session-prefix"}
OURS = {"config", "source", "target", "prefix", "env", "stage", "door", "evidence", "ledger"}


@pytest.fixture
def judge(temp: Path, workspace: Path) -> Judge:  # noqa: F811
    """Runs the action's steps behind the installation in a repository with sessions in a file."""
    items = [{"key": f"{PREFIX}{SESSION}{number}", "value": VALUE} for number in range(3)]
    (workspace / "sessions.ndjson").write_text("".join(json.dumps(one) + "\n" for one in items))
    (workspace / "kvferry.toml").write_text(
        'source = "dump:sessions.ndjson"\ntarget = "sqlite:sessions.db"\n'
    )

    def run(command: str, **inputs: str) -> Done:
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        steps = {"Audit", "Verify or gate", "Upload to code scanning"}
        return Runner(temp, workspace).run({"command": command, **given}, steps)

    return run


def kvferry(folder: Path, *words: str) -> None:
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([*COMMAND, *words], cwd=folder, env=env, check=True, capture_output=True)


def told(done: Done) -> str:
    """Everything that the action shows or leaves."""
    return done.log + done.summary + Path(done.outputs["report"]).read_text() + str(done.outputs)


def test_a_verify_passes_with_a_summary_and_a_report_and_fails_on_differences(
    judge: Judge,
    workspace: Path,  # noqa: F811
    temp: Path,  # noqa: F811
) -> None:
    kvferry(workspace, "export")
    done = judge("verify")
    assert (done.code, done.outputs["exit-code"], done.outputs["verdict"]) == (0, "0", "clean")
    assert done.summary.startswith("## kvferry verify\n\n**clean**\n")
    assert "| equal | 3 | 0 | no |" in done.summary
    validate(json.loads(Path(done.outputs["report"]).read_text()), "verify-report")
    assert (done.used, done.outputs["sarif"]) == ({}, "")
    assert "kvferry.toml: source dump:sessions.ndjson" in done.log

    one = {"key": f"{PREFIX}{SESSION}9", "value": VALUE}
    with (workspace / "sessions.ndjson").open("a") as file:
        file.write(json.dumps(one) + "\n")
    done = judge("verify", target="sqlite:sessions.db")
    assert (done.code, done.outputs["exit-code"], done.outputs["verdict"]) == (1, "1", "differences")
    assert "| missing | 1 | 1 | yes |" in done.summary
    assert not [secret for secret in (SESSION, VALUE) if secret in told(done)]
    assert not list(temp.glob("kvferry-*/ledger.db*")), "it held keys"
    assert not (workspace / ".kvferry" / "pause").exists()


def test_credentials_come_from_the_environment_and_are_not_shown(
    judge: Judge,
    workspace: Path,  # noqa: F811
    fake: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(3):
        fake.api.namespace.put(f"{PREFIX}{SESSION}{number}", VALUE.encode(), None, 4_000_000_000)
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
    monkeypatch.setenv("CLOUDFLARE_API_BASE_URL", fake.url)
    kvferry(workspace, "export", "--source", KV, "--rate", "100000/1")
    (workspace / "ci.toml").write_text('target = "sqlite:sessions.db"\nrate = "100000/1"\n')
    done = judge("verify", source=KV, config="ci.toml", prefix=PREFIX)
    assert (done.code, done.outputs["verdict"]) == (0, "clean")
    assert not [secret for secret in (SESSION, VALUE, TOKEN) if secret in told(done)]
    monkeypatch.delenv("CLOUDFLARE_API_TOKEN")
    refused = judge("verify", source=KV, config="ci.toml")
    assert (refused.code, refused.summary, refused.outputs["verdict"]) == (2, "", "")


def test_a_gate_judges_a_bundle_without_a_credential_or_a_ledger(
    judge: Judge,
    workspace: Path,  # noqa: F811
) -> None:
    kvferry(workspace, "export")
    kvferry(workspace, "verify")
    kvferry(workspace, "evidence", "export", "--output", "json=evidence.json")
    for name in (".kvferry", "sessions.db", "sessions.ndjson"):
        subprocess.run(["rm", "-r", name], cwd=workspace, check=True)
    done = judge("gate", door="object-first", evidence="evidence.json")
    assert (done.code, done.outputs["exit-code"], done.outputs["verdict"]) == (3, "3", "unproven")
    assert done.summary.startswith("## kvferry gate object-first\n\n**unproven**\n")
    assert "| ok | export-complete |" in done.summary
    assert "| unproven | stage-everywhere |" in done.summary
    assert "\n## kvferry: may the fallback be deleted?\n" in done.summary, "and the whole report"
    assert not [secret for secret in (SESSION, VALUE) if secret in told(done)]
    validate(json.loads(Path(done.outputs["report"]).read_text()), "verdict")
    edited = (workspace / "evidence.json").read_text().replace('"listed": 3', '"listed": 4')
    (workspace / "evidence.json").write_text(edited)
    refused = judge("gate", door="object-first", evidence="evidence.json")
    assert (refused.code, refused.outputs["verdict"], refused.outputs["report"]) == (2, "", "")


@pytest.mark.parametrize(
    ("command", "inputs"),
    [
        ("verify", {"door": "cleanup"}),
        ("verify", {"evidence": "evidence.json"}),
        ("gate", {"stage": "shadow-read", "door": "cleanup"}),
        ("gate", {}),
        ("gate", {"door": "back"}),
        ("gate", {"door": "cleanup", "severity": "error"}),
        ("export", {}),
        ("", {}),
        ("verify", {"paths": "src"}),
        ("audit", {"ledger": "x"}),
    ],
)
def test_an_input_that_is_for_another_command_is_refused(
    judge: Judge, command: str, inputs: dict[str, str]
) -> None:
    done = judge(command, **inputs)
    assert (done.code, done.outputs["exit-code"], done.used) == (2, "2", {})
    assert "::error::" in done.log or "Error: " in done.log


def test_every_input_is_for_some_command_and_refused_by_the_others() -> None:
    assert set(action()["inputs"]) == AUDITS | OURS | {"command", "python", "upload"}
    steps = {step["name"]: step for step in action()["runs"]["steps"]}
    for name, foreign in (("Audit", OURS), ("Verify or gate", AUDITS)):
        assert set(re.findall(r"inputs\.([\w-]+)", steps[name]["env"]["OTHERS"])) == foreign


@pytest.mark.parametrize("name", sorted(OURS | {"command"}))
def test_no_input_is_a_command(name: str, judge: Judge, workspace: Path) -> None:  # noqa: F811
    command = "verify" if name == "stage" else "gate"
    value = f"x\nverdict=open\nexit-code=0\n{EVIL}"
    given = {"command": command, "door": "cleanup", "evidence": "gone.json", name: value}
    if command == "verify":
        del given["door"], given["evidence"]
    done = judge(**given)
    assert (done.code, done.outputs["exit-code"]) == (2, "2")
    assert done.outputs["verdict"] == ""
    assert not list(workspace.rglob("pwned"))
