"""Runs a composite action's shell steps as GitHub's runner does, on this machine.

The environment of a step is made of `env` with its expressions, and of the files and folders that the
runner promises; `uses` steps are recorded, not run. A step that has failed skips those behind it whose
`if` does not ask for the job's state.
"""

from __future__ import annotations

import os
import re
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_STATE = re.compile(r"\b(?:always|cancelled|failure|success)\(\)")


def action() -> dict[str, Any]:
    """action.yml as YAML."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
    return found


@dataclass
class Done:
    """What came of a run. `used`: the actions that would have run, with their inputs."""

    code: int
    log: str
    summary: str
    outputs: dict[str, str]
    used: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Runner:
    """`temp` is RUNNER_TEMP, `workspace` the checked out repository, in which steps run."""

    temp: Path
    workspace: Path
    system: str = "Linux"

    def run(self, inputs: Mapping[str, str], steps: set[str] | None = None) -> Done:
        """Run the action with these inputs, or only those of its steps that have one of these names."""
        described = action()
        unknown = set(inputs) - set(described["inputs"])
        assert not unknown, f"the action has no input {unknown}"
        given = {name: one.get("default", "") for name, one in described["inputs"].items()} | dict(inputs)
        known = {f"inputs.{name}": value for name, value in given.items()}
        used: dict[str, dict[str, str]] = {}
        code, log, summary = 0, "", ""
        for step in described["runs"]["steps"]:
            condition = str(step.get("if", "success()"))
            if (steps is not None and step["name"] not in steps) or not _holds(condition, known, code):
                continue
            if "uses" in step:
                name = step["uses"].split("@")[0]
                used[name] = {key: _text(str(value), known) for key, value in step.get("with", {}).items()}
                continue
            ended, said, told, outputs = self._shell(step, known)
            code, log, summary = code or ended, log + said, summary + told
            known |= {f"steps.{step.get('id')}.outputs.{name}": value for name, value in outputs.items()}
        made = {name: _text(one["value"], known) for name, one in described["outputs"].items()}
        return Done(code, log, summary, made, used)

    def _shell(self, step: dict[str, Any], known: dict[str, str]) -> tuple[int, str, str, dict[str, str]]:
        assert step["shell"] == "bash"
        assert not _EXPRESSION.search(step["run"]), "an expression in a script is how inputs become code"
        self.temp.mkdir(parents=True, exist_ok=True)
        script, output, summary = (
            self.temp / f"{what}-{uuid.uuid4().hex}" for what in ("run", "output", "summary")
        )
        script.write_text(step["run"])
        output.touch()
        summary.touch()
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "GITHUB_", "RUNNER_", "INPUT_", "GIT_"))
        }
        environment = kept | {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
            "GITHUB_WORKSPACE": str(self.workspace),
            "RUNNER_OS": self.system,
            "RUNNER_TEMP": str(self.temp),
        }
        environment |= {name: _text(str(value), known) for name, value in step.get("env", {}).items()}
        ended = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
            cwd=self.workspace,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
        return ended.returncode, ended.stdout, summary.read_text(), outputs


def _text(text: str, known: Mapping[str, str]) -> str:
    """A text with its expressions: names, and the first of several that is not empty."""

    def meant(found: re.Match[str]) -> str:
        return next((value for name in found[1].split(" || ") if (value := known.get(name, ""))), "")

    return _EXPRESSION.sub(meant, text)


def _holds(condition: str, known: Mapping[str, str], code: int) -> bool:
    """Comparisons joined by &&; without a word on the job's state, it is that all went well so far."""
    condition = _EXPRESSION.sub(r"\1", condition)
    if not _STATE.search(condition):
        condition = f"success() && {condition}"
    return all(_one(part.strip(), known, code) for part in condition.split("&&"))


def _one(part: str, known: Mapping[str, str], code: int) -> bool:
    if part in ("success()", "!cancelled()", "always()"):
        return code == 0 or part != "success()"
    compared = re.fullmatch(r"(\S+) (==|!=) '([^']*)'", part)
    assert compared, f"this runner does not know the condition {part!r}"
    return (known.get(compared[1], "").lower() == compared[3].lower()) == (compared[2] == "==")
