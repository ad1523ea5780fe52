"""The configurations of other tools in the runbook about CI, against what those tools take."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.action.runner import ROOT, action
from tests.action.test_action import ZIZMOR

CI = (ROOT / "runbooks" / "audit-in-ci.md").read_text()
DOORS = (ROOT / "runbooks" / "doors.md").read_text()
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def configuration(heading: str) -> str:
    if heading == "doors":
        (text,) = re.findall(r"^```yaml\n(.*?)^```$", DOORS, re.DOTALL | re.MULTILINE)
        return text
    section = CI.split(f"\n### {heading}\n")[1].split("\n### ")[0]
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    return text


@pytest.mark.parametrize(
    ("heading", "schema"),
    [("GitHub", "github-workflows"), ("doors", "github-workflows"), ("GitLab", "gitlab-ci")],
)
def test_it_keeps_the_published_schema(heading, schema, tmp_path):
    file = tmp_path / "ci.yml"
    for text, wanted in ((configuration(heading), 0), ("kv-audit: {script: {}}", 1)):
        file.write_text(text)
        words = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", file)
        assert subprocess.run(words, capture_output=True, check=False).returncode == wanted, text


@pytest.mark.parametrize("heading", ["GitHub", "doors"])
def test_an_auditor_of_workflows_finds_nothing_in_those_for_github(heading, tmp_path):
    file = tmp_path / ".github" / "workflows" / "kv.yml"
    file.parent.mkdir(parents=True)
    file.write_text(configuration(heading).replace("@COMMIT", f"@{COMMIT}"))
    words = (ZIZMOR, "--offline", "--format=json", file)
    told = subprocess.run(words, capture_output=True, check=False)
    assert json.loads(told.stdout) == []


def test_the_workflow_gives_the_action_inputs_that_it_has():
    (*_, step) = yaml.safe_load(configuration("GitHub"))["jobs"]["kv-audit"]["steps"]
    assert set(step["with"]) <= set(action()["inputs"])


@pytest.mark.parametrize("job", ["door", "verify"])
def test_the_workflow_of_a_door_gives_the_action_inputs_that_it_has(job):
    (*_, step) = yaml.safe_load(configuration("doors"))["jobs"][job]["steps"]
    assert set(step["with"]) <= set(action()["inputs"])
    text = json.dumps(step["with"])
    assert "secrets." not in text, "credentials go through the environment"
    assert set(step.get("env", {})) <= {"CLOUDFLARE_API_TOKEN", "KVFERRY_BRIDGE_TOKEN"}


def test_pre_commit_takes_its_configuration(tmp_path):
    file = tmp_path / ".pre-commit-config.yaml"
    file.write_text(configuration("pre-commit"))
    words = (sys.executable, "-m", "pre_commit", "validate-config", file)
    home = {"PRE_COMMIT_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    assert subprocess.run(words, env=home, capture_output=True, check=False).returncode == 0
    (hook,) = yaml.safe_load(file.read_text())["repos"][0]["hooks"]
    assert hook["id"] in Path(ROOT / ".pre-commit-hooks.yaml").read_text()
