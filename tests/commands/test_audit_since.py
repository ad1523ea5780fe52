"""`kvferry audit --since` as it is typed, in real repositories."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from audits.formats import FORMATS
from audits.report import schema
from migrate.main import run

WRANGLER = '[[kv_namespaces]]\nbinding = "CACHE_KV"\nid = "1"\n'
PUT = "  await env.CACHE_KV.put(`a:${id}`, '1');\n"
ONE = f"export async function save(env: Env, id: string) {{\n{PUT}}}\n"
SAVE = "export const save = (kv: KVNamespace, k: string, o?: object) => kv.put(k, '1', o);\n"
OPTIONS = "export const options = () => ({ expirationTtl: 3600 });\n"
CALL = """\
import { save } from './save';
import { options } from './options';
export const f = (env: Env) => save(env.CACHE_KV, 'a', options());
"""


class Checkout:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.folder), *words], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def write(self, **files: str) -> None:
        for name, text in files.items():
            (self.folder / "src" / f"{name}.ts").write_text(text)

    def commit(self) -> str:
        self.git("add", "-A")
        self.git("commit", "-qm", "x", "--allow-empty")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True)
    (folder / "wrangler.toml").write_text(WRANGLER)
    (folder / ".gitignore").write_text("ignored.ts\n")
    monkeypatch.chdir(folder)
    made = Checkout(folder)
    made.git("init", "-qb", "main")
    made.git("config", "user.name", "a")
    made.git("config", "user.email", "a@example.com")
    return made


@pytest.fixture
def kvferry(capsys):
    def typed(*words):
        code = run(["audit", *words])
        out, err = capsys.readouterr()
        return code, out, err

    return typed


@pytest.fixture
def new(kvferry):
    """The paths and lines of the findings since a commit."""

    def found(ref, *words):
        code, out, err = kvferry("--json", "--since", ref, *words)
        assert code in (0, 1), err
        told = json.loads(out)
        Draft202012Validator(schema("audit-report")).validate(told)
        assert code == bool(told["findings"])
        return [(one["path"], one["line"]) for one in told["findings"]]

    return found


def test_only_what_the_change_brings_is_shown(checkout, new):
    checkout.write(old=ONE)
    base = checkout.commit()
    assert new(base) == []
    checkout.write(new=ONE)
    checkout.commit()
    assert new(base) == [("src/new.ts", 2)]


def test_a_helper_in_another_file_that_loses_its_ttl_is_a_change_of_the_put(checkout, new):
    checkout.write(save=SAVE, options=OPTIONS, call=CALL)
    base = checkout.commit()
    assert new(base) == []
    checkout.write(options=OPTIONS.replace("expirationTtl", "cacheTtl"))
    checkout.commit()
    assert new(base) == [("src/save.ts", 1)]


def test_a_binding_that_is_configured_later_is_a_change_of_the_code(checkout, new):
    checkout.write(a="export const f = (env, x) => env.THING_R2.put(x, '1');\n")
    base = checkout.commit()
    assert new(base) == []
    Path("wrangler.toml").write_text(WRANGLER.replace("CACHE_KV", "THING_R2"))
    assert new(base) == [("src/a.ts", 1)]


def test_what_is_not_committed_and_not_even_known_to_git_counts(checkout, new):
    checkout.write(a=ONE)
    base = checkout.commit()
    checkout.write(a=ONE + ONE.replace("save", "store"), b=ONE, ignored=ONE)
    assert new(base) == [("src/a.ts", 5), ("src/b.ts", 2)]


def test_of_two_equal_findings_the_new_one_is_shown(checkout, new):
    checkout.write(a=ONE)
    base = checkout.commit()
    checkout.write(a=ONE.replace(PUT, PUT.replace("'1'", "'2'") + PUT))
    assert new(base) == [("src/a.ts", 2)]
    checkout.write(a=ONE.replace(PUT, PUT + PUT.replace("'1'", "'2'")))
    assert new(base) == [("src/a.ts", 3)]


def test_moved_lines_and_renamed_files_bring_nothing(checkout, new):
    checkout.write(a=ONE, b=ONE.replace("save", "other"))
    base = checkout.commit()
    checkout.write(a="// a comment\n\n" + ONE)
    Path("src/b.ts").rename("src/c.ts")
    assert new(base) == []
    assert new(base, "src/c.ts") == []
    shutil.copy("src/c.ts", "src/d.ts")
    assert new(base) == [("src/d.ts", 2)]


def test_a_comment_that_excused_a_finding_and_is_gone_brings_it_back(checkout, new):
    checkout.write(a=ONE.replace(PUT, "  // kvferry: ignore[KV002] why\n" + PUT))
    base = checkout.commit()
    checkout.write(a=ONE)
    assert new(base) == [("src/a.ts", 2)]


def test_the_merge_base_is_compared_with_and_not_the_branch_itself(checkout, new):
    checkout.write(a=ONE)
    checkout.commit()
    checkout.git("switch", "-qc", "topic")
    checkout.write(b=ONE)
    checkout.commit()
    checkout.git("switch", "-q", "main")
    checkout.write(a=ONE.replace("'1'", "'1', { expirationTtl: 60 }"))
    checkout.commit()
    checkout.git("switch", "-q", "topic")
    assert new("main") == [("src/b.ts", 2)]


def test_a_part_of_a_repository_and_a_part_of_a_project(checkout, new, monkeypatch):
    app = checkout.folder / "apps" / "one"
    shutil.copytree("src", app / "src")
    (app / "wrangler.toml").write_text(WRANGLER)
    (app / "src" / "a.ts").write_text(ONE)
    (app / "src" / "made.ts").write_text(ONE)
    (checkout.folder / ".gitignore").write_text("/apps/one/src/made.ts\n")
    base = checkout.commit()
    monkeypatch.chdir(app)
    assert new(base) == []
    (app / "src" / "b.ts").write_text(ONE)
    (app / "src" / "c.ts").write_text(ONE)
    assert new(base) == [("src/b.ts", 2), ("src/c.ts", 2)]
    assert new(base, "src/b.ts") == [("src/b.ts", 2)]


def test_a_project_that_is_new_is_new_as_a_whole(checkout, new, monkeypatch):
    base = checkout.commit()
    app = checkout.folder / "app"
    app.mkdir()
    (app / "a.ts").write_text(ONE)
    monkeypatch.chdir(app)
    assert new(base) == [("a.ts", 2)]


def test_links_submodules_and_hostile_names_are_no_way_out(checkout, new, tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    other = Checkout(tmp_path / "other")
    (other.folder / "src").mkdir(parents=True)
    other.git("init", "-qb", "main")
    other.git("config", "user.name", "a")
    other.git("config", "user.email", "a@example.com")
    other.write(lib=ONE)
    other.commit()
    os.symlink("/etc/passwd", "src/link.ts")
    checkout.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other.folder), "lib")
    blob = checkout.git("hash-object", "-w", "wrangler.toml")
    base = checkout.commit()
    evil = subprocess.run(
        ["git", "mktree"],
        input=f"100644 blob {blob}\tevil.ts\n",
        check=True,
        capture_output=True,
        text=True,
        cwd=checkout.folder,
    ).stdout.strip()
    raw = b"40000 ..\0" + bytes.fromhex(evil)
    words = ["git", "hash-object", "-t", "tree", "-w", "--literally", "--stdin"]
    tree = subprocess.run(words, input=raw, check=True, capture_output=True, cwd=checkout.folder).stdout
    bad = checkout.git("commit-tree", tree.decode().strip(), "-m", "x")
    checkout.git("merge", "-q", "-s", "ours", "--allow-unrelated-histories", "-m", "x", bad)
    assert new(base) == []
    assert new(bad) == [("lib/src/lib.ts", 2)]
    assert list((tmp_path / "temporary").iterdir()) == []
    (checkout.folder / "lib" / "src" / "more.ts").write_text(ONE)
    assert new(base) == [("lib/src/more.ts", 2)]


@pytest.mark.parametrize("fmt", FORMATS)
def test_the_exit_code_does_not_depend_on_the_format_and_all_count_what_was_there(fmt, checkout, kvferry):
    checkout.write(a=ONE)
    base = checkout.commit()
    code, out, err = kvferry("--since", base, "--format", fmt)
    assert code == 0
    assert f"1 from before {base}" in out + err
    checkout.write(b=ONE)
    assert kvferry("--since", base, "--format", fmt)[0] == 1


def test_the_report_names_the_merge_base(checkout, kvferry):
    checkout.write(a=ONE)
    base = checkout.commit()
    told = json.loads(kvferry("--since", "HEAD", "--json")[1])
    assert (told["since"], told["unchanged"]) == ({"ref": "HEAD", "commit": base}, 1)


def test_with_a_baseline_one_old_finding_is_hidden_once(checkout, kvferry):
    checkout.write(a=ONE)
    base = checkout.commit()
    assert kvferry("--write-baseline", "b.json")[0] == 0
    checkout.write(a=ONE.replace(PUT, PUT.replace("'1'", "'2'") + PUT))
    told = json.loads(kvferry("--since", base, "--baseline", "b.json", "--json")[1])
    assert [one["line"] for one in told["findings"]] == [2]
    assert told["baselined"] + told["unchanged"] == 1


def test_without_a_cache_the_result_is_the_same(checkout, kvferry):
    checkout.write(a=ONE)
    base = checkout.commit()
    checkout.write(b=ONE)
    words = ("--since", base, "--json", "--quiet")
    assert (
        kvferry(*words) == kvferry(*words) == kvferry(*words, "--no-cache") == kvferry(*words, "--jobs", "1")
    )


def test_nothing_is_left_behind_and_nothing_in_the_checkout_changes(checkout, kvferry, tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    checkout.write(a=ONE)
    base = checkout.commit()
    checkout.write(b=ONE)
    before = sorted((path, path.stat().st_mtime_ns) for path in checkout.folder.rglob("*"))
    assert kvferry("--since", base)[0] == 1
    assert list((tmp_path / "temporary").iterdir()) == []
    assert sorted((path, path.stat().st_mtime_ns) for path in checkout.folder.rglob("*")) == before


@pytest.mark.parametrize(
    "ref", ["no-such-branch", "--all", "-n1", "HEAD:wrangler.toml", "^HEAD", "", "main..HEAD"]
)
def test_an_unknown_commit_is_refused_with_a_hint(ref, checkout, kvferry):
    checkout.write(a=ONE)
    checkout.commit()
    code, out, err = kvferry(f"--since={ref}")
    assert (code, out) == (2, "")
    assert err == (
        f"kvferry: git knows no commit {ref!r}\n"
        "  hint: name a branch, tag or commit, for example --since origin/main\n"
    )


def test_a_shallow_clone_is_told_to_fetch_its_history(checkout, kvferry, tmp_path, monkeypatch):
    checkout.write(a=ONE)
    base = checkout.commit()
    checkout.git("branch", "old")
    checkout.commit()
    shallow = tmp_path / "shallow"
    url = checkout.folder.as_uri()
    checkout.git("clone", "-q", "--depth=1", "--no-single-branch", url, str(shallow))
    monkeypatch.chdir(shallow)
    for ref, message in (
        ("HEAD~1", "git knows no commit 'HEAD~1'"),
        ("origin/old", "HEAD and origin/old have no commit in common in this shallow clone"),
    ):
        code, out, err = kvferry("--since", ref)
        assert (code, out) == (2, "")
        assert err.splitlines()[0] == f"kvferry: {message}"
        assert "fetch-depth: 0" in err
    Checkout(shallow).git("fetch", "-q", "--unshallow")
    assert kvferry("--since", base)[0] == 0


def test_without_a_history_in_common_it_is_refused(checkout, kvferry):
    checkout.write(a=ONE)
    checkout.commit()
    checkout.git("switch", "-q", "--orphan", "other")
    Path("src").mkdir(exist_ok=True)
    checkout.write(a=ONE)
    checkout.commit()
    code, _, err = kvferry("--since", "main")
    assert code == 2
    assert "HEAD and main have no commit in common\n" in err


def test_a_branch_without_a_commit_is_refused(checkout, kvferry):
    checkout.write(a=ONE)
    checkout.commit()
    checkout.git("switch", "-q", "--orphan", "other")
    code, _, err = kvferry("--since", "main")
    assert (code, "this branch has none" in err) == (2, True)


def test_outside_of_git_and_without_git_it_is_refused(checkout, kvferry, tmp_path, monkeypatch):
    checkout.write(a=ONE)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    shutil.rmtree(".git")
    code, out, err = kvferry("--since", "main")
    assert (code, out) == (2, "")
    assert "--since needs a git checkout: not a git repository" in err
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "--since needs a git checkout: git is not installed" in kvferry("--since", "main")[2]


def test_a_checkout_of_another_user_is_refused_with_what_allows_it(checkout, kvferry, monkeypatch):
    checkout.write(a=ONE)
    checkout.commit()
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    code, _, err = kvferry("--since", "HEAD")
    assert code == 2
    assert "--since needs a git checkout: detected dubious ownership" in err
    assert err.endswith(f"hint: git config --global --add safe.directory {checkout.folder}\n")


def test_objects_that_are_not_here_are_not_fetched(checkout, kvferry, tmp_path, monkeypatch):
    checkout.write(a=ONE)
    base = checkout.commit()
    checkout.write(a=ONE + ONE.replace("save", "store"))
    checkout.commit()
    checkout.git("config", "uploadpack.allowFilter", "true")
    partial = tmp_path / "partial"
    checkout.git("clone", "-q", "--filter=blob:none", checkout.folder.as_uri(), str(partial))
    monkeypatch.chdir(partial)
    code, _, err = kvferry("--since", base)
    assert (code, "are not here" in err) == (2, True)


def test_what_the_checkout_configures_is_not_run(checkout, kvferry):
    checkout.write(a=ONE)
    base = checkout.commit()
    trap = checkout.folder / ".git" / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {checkout.folder}/sprung\n")
    trap.chmod(0o755)
    for name in ("core.fsmonitor", "diff.external", "core.pager", "core.sshCommand", "core.editor"):
        checkout.git("config", name, str(trap))
    for name in ("filter.x.smudge", "filter.x.clean", "diff.x.textconv", "diff.x.command"):
        checkout.git("config", name, str(trap))
    (checkout.folder / ".gitattributes").write_text("* filter=x diff=x\n")
    hooks = checkout.folder / ".git" / "hooks"
    for name in ("post-checkout", "reference-transaction", "post-index-change"):
        (hooks / name).write_text(trap.read_text())
        (hooks / name).chmod(0o755)
    checkout.write(b=ONE)
    assert kvferry("--since", base)[0] == 1
    assert not (checkout.folder / "sprung").exists()
