"""The hook as `pre-commit` runs it: cloned, installed from the package index, and asked at a commit.

Installing takes the versions of the lock file; it happens once for all workers of a run.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from audits.js.syntax import grammar

ROOT = Path(__file__).parents[2]
PARTS = ("migrate", "audits", "pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml")
WRANGLER = '[[kv_namespaces]]\nbinding = "CACHE"\nid = "1"\n'
KEEP = (
    "export const keep = (kv: KVNamespace, k: string, ttl?: number) =>\n"
    "  kv.put(k, '1', { expirationTtl: ttl });\n"
)
FINE = "import { keep } from './keep';\nexport const f = (env: Env, x: string) => keep(env.CACHE, x, 60);\n"
BAD = FINE.replace(", 60", "")


def manifest() -> dict[str, object]:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    return hook


def environment(home: Path) -> dict[str, str]:
    """Nothing of whoever runs the tests but the way to the package index; versions as they are locked."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GIT_"))}
    pins = re.findall(r"^([\w.-]+==[\w.]+)", (ROOT / "tests" / "lock" / "runtime.txt").read_text(), re.M)
    home.mkdir(exist_ok=True)
    (home / "constraints.txt").write_text("\n".join(pins))
    names = {f"GIT_{who}_{what}": "somebody" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return (
        kept
        | names
        | {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "PIP_CONSTRAINT": str(home / "constraints.txt"),
            "PRE_COMMIT_COLOR": "never",
            "PRE_COMMIT_HOME": str(home / "pre-commit"),
            "XDG_CACHE_HOME": str(home / "cache"),
        }
    )


def git(folder: Path, *words: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "-c", "init.defaultBranch=main", *words],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def hook(tmp_path_factory, worker_id):
    """A repository with the hook, `(folder, commit, environment)`, and pre-commit's memory beside it."""
    base = tmp_path_factory.getbasetemp()
    home = (base if worker_id == "master" else base.parent) / "pre-commit"
    env = environment(home)
    folder = home / "repository"
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            folder.mkdir()
            for part in PARTS:
                copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
                copy(ROOT / part, folder / part)
            for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "hook")):
                assert git(folder, *words, env=env).returncode == 0
    return folder, git(folder, "rev-parse", "HEAD", env=env).stdout.strip(), env


@pytest.fixture
def project(tmp_path, hook):
    """A Worker's repository with the hook configured, installed, and everything committed."""
    folder, commit, env = hook
    (tmp_path / "src").mkdir()
    (tmp_path / "wrangler.toml").write_text(WRANGLER)
    (tmp_path / "src" / "keep.ts").write_text(KEEP)
    (tmp_path / "src" / "a.ts").write_text(FINE)
    config = {"repos": [{"repo": str(folder), "rev": commit, "hooks": [{"id": "kvferry-audit"}]}]}
    (tmp_path / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "begin")):
        assert git(tmp_path, *words, env=env).returncode == 0
    with (folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended = pre_commit(tmp_path, "install", "--install-hooks", env=env)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return tmp_path


def pre_commit(folder: Path, *words: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pre_commit", *words],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_manifest_is_one_that_pre_commit_takes(tmp_path):
    words = ("validate-manifest", str(ROOT / ".pre-commit-hooks.yaml"))
    assert pre_commit(tmp_path, *words, env=environment(tmp_path / "home")).returncode == 0


def test_it_runs_for_every_file_that_an_audit_reads_and_for_no_other():
    files = re.compile(str(manifest()["files"]))
    for suffix in grammar.SUFFIXES:
        assert files.search(f"src/a{suffix}"), suffix
    for name in ("wrangler.toml", "apps/api/wrangler.jsonc", "wrangler.json"):
        assert files.search(name), name
    for name in ("README.md", "a.ts.md", "package.json", "old-wrangler.toml", "a.css", "jts"):
        assert not files.search(name), name


def test_a_commit_that_takes_a_ttl_away_is_refused_even_if_the_put_is_in_another_file(project, hook):
    env = hook[2]
    (project / "src" / "a.ts").write_text(BAD)
    git(project, "add", "-A", env=env)
    ended = git(project, "commit", "-m", "forget", env=env)
    assert ended.returncode == 1
    assert "src/keep.ts:2:6: error KV002 put-without-ttl" in ended.stdout + ended.stderr
    (project / "src" / "a.ts").write_text(FINE + "// kept\n")
    git(project, "add", "-A", env=env)
    ended = git(project, "commit", "-m", "remember", env=env)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_what_is_not_staged_is_not_audited(project, hook):
    env = hook[2]
    (project / "src" / "b.ts").write_text("export {};\n")
    git(project, "add", "-A", env=env)
    (project / "src" / "a.ts").write_text(BAD)
    assert git(project, "commit", "-m", "other", env=env).returncode == 0
    assert (project / "src" / "a.ts").read_text() == BAD


def test_it_is_not_run_for_files_that_decide_nothing(project, hook):
    env = hook[2]
    (project / "README.md").write_text("words\n")
    git(project, "add", "-A", env=env)
    ended = git(project, "commit", "-m", "words", env=env)
    assert ended.returncode == 0
    assert "(no files to check)Skipped" in ended.stdout + ended.stderr


def test_its_arguments_are_those_of_the_command(project, hook):
    env = hook[2]
    config = project / ".pre-commit-config.yaml"
    said = yaml.safe_load(config.read_text())
    said["repos"][0]["hooks"][0]["args"] = ["--fail-on", "never", "src"]
    config.write_text(yaml.safe_dump(said))
    (project / "src" / "a.ts").write_text(BAD)
    ended = pre_commit(project, "run", "--all-files", "--verbose", env=env)
    assert ended.returncode == 0, ended.stdout
    assert "KV002" in ended.stdout
