"""action.yml: against the published schema, under another auditor's eyes, and run for real.

Installing it takes what the lock file names from the package index, once for all tests.
"""

import fcntl
import json
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.action.runner import ROOT, Done, Runner, action

WRANGLER = '[[kv_namespaces]]\nbinding = "CACHE"\nid = "1"\n'
ERROR = "export const f = (env, x) => env.CACHE.put(x, '1');\n"
WARNING = "export const f = (env, id) => env.CACHE.get(`spotify_session:${id}`);\n"
FINE = "export const f = (env, x) => env.CACHE.put(x, '1', { expirationTtl: 60 });\n"
EVIL = '"; touch pwned; "$(touch pwned)`touch pwned`;\' && touch pwned #'
ZIZMOR = Path(sysconfig.get_path("scripts")) / "zizmor"
UPLOAD = "github/codeql-action/upload-sarif"


@pytest.fixture(scope="module")
def temp(tmp_path_factory, worker_id):
    """RUNNER_TEMP with kvferry installed into it, as the action does; once for all workers of a run."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "runner temp"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "installed").exists():
            install(folder, tmp_path_factory.mktemp("hostile"))
            (folder / "installed").touch()
    return folder


def install(folder, workspace):
    for module in ("pip", "venv", "click", "migrate"):  # what is audited is never imported
        (workspace / f"{module}.py").write_text("open('pwned', 'w'); raise SystemExit(9)\n")
    done = Runner(folder, workspace).run({"python": sys.executable}, {"Set up Python", "Install kvferry"})
    assert (done.code, done.used) == (0, {}), done.log
    assert not (workspace / "pwned").exists()


@pytest.fixture
def workspace(tmp_path):
    """A checked out repository with a Worker in it."""
    folder = tmp_path / "work space"
    (folder / "src").mkdir(parents=True)
    (folder / "wrangler.toml").write_text(WRANGLER)
    subprocess.run(["git", "init", "-q", folder], check=True)
    return folder


@pytest.fixture
def audit(temp, workspace):
    def run(**inputs: str) -> Done:
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        steps = {"Audit", "Verify or gate", "Upload to code scanning"}
        return Runner(temp, workspace).run({"python": sys.executable, **given}, steps)

    return run


def schema_of_actions(path: Path) -> int:
    check = ("-m", "check_jsonschema", "--builtin-schema", "vendor.github-actions", path)
    return subprocess.run([sys.executable, *check], capture_output=True, check=False).returncode


def test_it_keeps_the_published_schema_of_actions(tmp_path):
    assert schema_of_actions(ROOT / "action.yml") == 0
    broken = tmp_path / "action.yml"
    broken.write_text((ROOT / "action.yml").read_text().replace("using: composite", "using: composit"))
    assert schema_of_actions(broken) == 1


def test_an_auditor_of_actions_finds_nothing_in_it_and_would(tmp_path):
    def findings(path: Path) -> list[str]:
        words = (ZIZMOR, "--offline", "--persona=auditor", "--format=json", path)
        return [one["ident"] for one in json.loads(subprocess.check_output(words, stderr=subprocess.DEVNULL))]

    assert findings(ROOT / "action.yml") == []
    broken = tmp_path / "action.yml"
    text = (ROOT / "action.yml").read_text().replace('"$INPUT_SELECT"', '"${{ inputs.select }}"')
    broken.write_text(re.sub("@[0-9a-f]{40} # v6.2.0", "@v6", text))
    words = (ZIZMOR, "--offline", "--persona=auditor", "--format=json", broken)
    told = subprocess.run(words, capture_output=True, check=False)
    assert {"template-injection", "unpinned-uses"} <= {one["ident"] for one in json.loads(told.stdout)}


def test_actions_of_others_are_pinned_to_a_commit_with_its_version():
    uses = re.findall(r"uses: (\S+)(.*)", (ROOT / "action.yml").read_text())
    assert {name.split("@")[0] for name, _ in uses} == {"actions/setup-python", UPLOAD}
    for name, comment in uses:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", name)
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment)


def test_every_input_is_described_and_used():
    text = (ROOT / "action.yml").read_text()
    for name, one in action()["inputs"].items():
        assert one["description"].endswith("."), name
        assert f"inputs.{name}" in text, name


def test_its_python_is_set_up_unless_one_is_given(tmp_path):
    runner = Runner(tmp_path / "temp", tmp_path)
    assert runner.run({}, {"Set up Python"}).used == {
        "actions/setup-python": {"python-version": "3.11", "update-environment": "False"}
    }
    assert runner.run({"python": "/usr/bin/python3"}, {"Set up Python"}).used == {}


def test_it_says_where_it_does_not_run(tmp_path):
    done = Runner(tmp_path / "temp", tmp_path, system="Windows").run({}, {"Install kvferry"})
    assert done.code == 2
    assert done.log.startswith("::error::kvferry runs on Linux and macOS")


def test_findings_fail_it_with_annotations_a_summary_and_sarif_to_upload(audit, workspace):
    (workspace / "src" / "a.ts").write_text(ERROR)
    done = audit()
    assert (done.code, done.outputs["exit-code"]) == (1, "1")
    assert "::error file=src/a.ts,line=1," in done.log
    assert done.summary.startswith("## kvferry audit\n")
    assert "src/a.ts:1" in done.summary
    log = json.loads(Path(done.outputs["sarif"]).read_text())
    assert [one["ruleId"] for one in log["runs"][0]["results"]] == ["KV002"]
    assert done.used == {UPLOAD: {"sarif_file": done.outputs["sarif"]}}
    assert workspace not in Path(done.outputs["sarif"]).parents


def test_nothing_found_passes_and_uploads_what_closes_old_alerts(audit, workspace):
    (workspace / "src" / "a.ts").write_text(FINE)
    done = audit()
    assert (done.code, done.outputs["exit-code"]) == (0, "0")
    assert "no findings" in done.summary
    assert UPLOAD in done.used


def test_nothing_to_audit_is_no_success(audit):
    assert audit().code == 3


def test_a_wrong_input_is_refused_and_nothing_is_uploaded(audit, workspace):
    (workspace / "src" / "a.ts").write_text(FINE)
    done = audit(severity="dreadful")
    assert (done.code, done.outputs) == (2, {"exit-code": "2", "sarif": "", "verdict": "", "report": ""})
    assert (done.summary, done.used) == ("", {})
    assert "dreadful" in done.log


def test_the_upload_can_be_left_out(audit, workspace):
    (workspace / "src" / "a.ts").write_text(ERROR)
    assert audit(upload="false").used == {}
    assert audit(upload="true").used != {}


def test_a_failed_upload_changes_nothing():
    (step,) = [step for step in action()["runs"]["steps"] if step.get("uses", "").startswith(UPLOAD)]
    assert step["continue-on-error"] is True
    assert "!cancelled()" in step["if"]
    assert action()["runs"]["steps"][-1] == step


def test_inputs_are_the_options_of_the_command(audit, workspace):
    (workspace / "src" / "a.ts").write_text(ERROR)
    (workspace / "src" / "b.ts").write_text(WARNING.replace("spotify_session:", "mine:"))
    assert audit(select="KV001").code == 0
    assert audit(select="KV001", session_prefix="yours:\nmine:\n").code == 1
    assert audit(ignore="put-without-ttl\nsession-kv-call").code == 0
    assert audit(select="KV001, KV002").code == 1
    assert audit(severity="error", fail_on="warning").code == 1
    assert audit(fail_on="never").code == 0
    assert "src/a.ts" not in audit(confidence="high", paths="src/b.ts").summary


def test_what_is_known_or_older_than_the_change_is_not_shown(audit, workspace):
    (workspace / "src" / "a.ts").write_text(ERROR)
    assert audit().code == 1
    somebody = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    for words in (("add", "-A"), ("commit", "-q", "-m", "begin")):
        subprocess.run(["git", *words], cwd=workspace, env=os.environ | somebody, check=True)
    assert audit(since="HEAD").code == 0
    kvferry = (sys.executable, "-c", "from migrate.main import main; main()", "audit")
    written = [*kvferry, "--write-baseline", "base line.json"]
    subprocess.run(written, cwd=workspace, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True)
    assert audit(baseline="base line.json").code == 0
    (workspace / "src" / "b.ts").write_text(ERROR)
    for known in ({"since": "HEAD"}, {"baseline": "base line.json"}):
        done = audit(**known)
        assert done.code == 1
        assert "src/b.ts:1" in done.summary
        assert "src/a.ts:1" not in done.summary


def test_the_configuration_of_the_repository_decides_what_no_input_says(audit, workspace):
    (workspace / "src" / "a.ts").write_text(ERROR)
    (workspace / "kvferry.toml").write_text('[audit]\nfail-on = "never"\n')
    assert audit().code == 0
    assert audit(fail_on="error").code == 1


def test_paths_may_hold_spaces_and_begin_with_a_dash(audit, workspace):
    for folder in ("my worker", "-other", "third"):
        (workspace / folder).mkdir()
        (workspace / folder / "a b.ts").write_text(ERROR)
    done = audit(paths="my worker/a b.ts\r\n\n-other\n")
    assert done.code == 1
    assert "::error file=my worker/a b.ts," in done.log
    assert "::error file=-other/a b.ts," in done.log
    assert "third" not in done.log


def test_the_sarif_file_goes_where_it_is_wanted(audit, workspace):
    (workspace / "src" / "a.ts").write_text(ERROR)
    done = audit(sarif="my audit.sarif")
    assert done.outputs["sarif"] == "my audit.sarif"
    assert json.loads((workspace / "my audit.sarif").read_text())["version"] == "2.1.0"


@pytest.mark.parametrize(
    "name", sorted(name for name in action()["inputs"] if name not in ("python", "upload"))
)
@pytest.mark.parametrize("value", [EVIL, "--exit-zero", f"x\nexit-code=0\n{EVIL}"])
def test_an_input_is_never_a_command(name, value, audit, workspace):
    (workspace / "src" / "a.ts").write_text(ERROR)
    done = audit(**{name: value})
    assert done.code in ((1,) if name in ("session-prefix", "sarif") else (2,))
    assert done.outputs["exit-code"] == str(done.code)
    assert not list(workspace.rglob("pwned"))


def test_a_python_is_never_a_command(tmp_path):
    done = Runner(tmp_path / "temp", tmp_path).run({"python": EVIL}, {"Install kvferry"})
    assert done.code == 127
    assert not (tmp_path / "pwned").exists()


def test_a_file_name_is_no_command_of_the_log(audit, workspace):
    for number in range(12):  # more than are shown as annotations
        (workspace / "src" / f"{number}.ts").write_text(ERROR)
    evil = workspace / "::stop-commands::x"
    evil.mkdir()
    (evil / "##[add-mask]a.ts").write_text(WARNING)
    (line,) = [line for line in audit().log.splitlines() if "stop-commands" in line]
    assert line.startswith("- ::stop-commands::x/## [add-mask]a.ts:1:")
