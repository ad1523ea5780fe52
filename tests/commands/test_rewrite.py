"""`kvferry rewrite` as it is typed: what is printed, what is written, and the exit code."""

import os
import subprocess
from pathlib import Path

import pytest

from migrate.main import run

WRANGLER = '[[kv_namespaces]]\nbinding = "SESSIONS"\nid = "1"\n'
READ = "export const f = async (env: Env, id: string) => await env.SESSIONS.get(`session:${id}`, 'json');\n"
LIST = "export const g = (env: Env) => env.SESSIONS.list({ prefix: 'session:' });\n"
PREFIX_IS = "set KVFERRY_PREFIX to 'session:': ids are what follows it in a key\n"
FINE = "export const h = (n: number) => n + 1;\n"


def git(*words: str) -> None:
    who = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *words], check=True, capture_output=True)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True)
    (folder / "wrangler.toml").write_text(WRANGLER)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def kvferry(project, capfd):
    def typed(*words):
        code = run(["rewrite", "--to", "store", *words])
        out, err = capfd.readouterr()
        return code, out, err

    return typed


def source(text, name="index.ts"):
    Path("src", name).write_text(text)


def committed():
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "x")


@pytest.mark.parametrize(
    ("text", "codes"), [(READ, (1, 1, 0)), (READ + LIST, (1, 1, 3)), (LIST, (3, 3, 3)), (FINE, (0, 0, 0))]
)
def test_the_exit_code_says_what_is_to_be_done(text, codes, kvferry):
    source(text)
    committed()
    assert (kvferry("--diff")[0], kvferry("--check")[0], kvferry("--write")[0]) == codes


def test_the_diff_is_the_default_and_changes_nothing(kvferry):
    source(READ + LIST)
    code, out, err = kvferry()
    assert kvferry("--diff") == (code, out, err)
    assert Path("src/index.ts").read_text() == READ + LIST
    first, rest = out.split("\n", 1)
    assert first == (
        "# src/index.ts:2:45: left to you: the store has no list of sessions: "
        "env.SESSIONS.list({ prefix: 'session:' })"
    )
    assert rest.startswith("--- a/src/index.ts\n+++ b/src/index.ts\n@@ ")
    assert err == (
        "would rewrite 1 place in 1 file\nleft 1 place to you, listed above with the reason\n"
        "there is no src/session-store yet: put the session store there, or kvferry store init DIR first\n"
        f"{PREFIX_IS}"
    )
    subprocess.run(["git", "apply", "--check", "-"], input=out.encode(), check=True)
    assert kvferry("--quiet")[2] == ""


def test_a_check_names_the_files(kvferry):
    source(READ)
    source(FINE, "other.ts")
    assert kvferry("--check", "--quiet") == (1, "src/index.ts\n", "")


def test_writing_is_done_once(kvferry):
    source(READ)
    source("export const sessionStore = (env: Env): any => env;\n", "session-store.ts")
    committed()
    code, out, err = kvferry("--write")
    assert (code, out, err) == (0, "src/index.ts\n", f"rewrote 1 place in 1 file\n{PREFIX_IS}")
    text = Path("src/index.ts").read_text()
    assert text == (
        "import { sessionStore } from './session-store';\n\n"
        "export const f = async (env: Env, id: string) => (await sessionStore(env).get(id))?.data ?? null;\n"
    )
    git("commit", "-qam", "y")
    assert kvferry("--write") == (0, "", "rewrote 0 places in 0 files\n")


@pytest.mark.parametrize("state", ["no git", "changed", "untracked"])
def test_a_tree_that_git_could_not_bring_back_is_not_written(state, kvferry):
    source(READ)
    if state != "no git":
        committed()
    if state == "changed":
        source(READ + FINE)
    if state == "untracked":
        source(FINE, "new.ts")
    before = Path("src/index.ts").read_text()
    code, out, err = kvferry("--write")
    assert (code, out) == (2, "")
    assert "--allow-dirty" in err
    assert Path("src/index.ts").read_text() == before
    assert kvferry("--write", "--allow-dirty")[0] == 0
    assert "sessionStore(env)" in Path("src/index.ts").read_text()


def test_a_tree_may_be_dirty_when_nothing_is_written(kvferry):
    source(FINE)
    assert kvferry("--write")[0] == 0


def test_a_second_prefix_must_be_chosen(kvferry):
    source(READ)
    source(READ.replace("session:", "admin_session:"), "admin.ts")
    code, out, err = kvferry()
    assert (code, out) == (2, "")
    assert "the keys of sessions have 2 prefixes, and a store has one: 'admin_session:', 'session:'" in err
    code, out, _ = kvferry("--prefix", "session:")
    assert code == 1
    assert "+++ b/src/index.ts" in out
    assert "admin.ts:1:" in out


def test_a_path_narrows_what_is_rewritten(kvferry):
    source(READ)
    source(READ + LIST, "other.ts")
    _, out, _ = kvferry("--check", "src/index.ts", "--quiet")
    assert out == "src/index.ts\n"


def test_the_configuration_says_bindings_files_and_the_prefix(kvferry):
    source(READ.replace("SESSIONS", "THINGS"))
    assert kvferry("--check")[0] != 1
    Path("kvferry.toml").write_text('prefix = ["session:"]\n[audit]\nbindings = ["THINGS"]\n')
    assert kvferry("--check")[0] == 1
    Path("kvferry.toml").write_text('[audit]\nbindings = ["THINGS"]\nexclude = ["index.ts"]\n')
    assert kvferry("--check")[0] == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--diff", "--write"), "--diff, --check and --write exclude each other"),
        (("--check", "--diff"), "--diff, --check and --write exclude each other"),
        (("--allow-dirty",), "--allow-dirty is for --write"),
        (("no-such-folder",), "does not exist"),
    ],
)
def test_words_that_contradict_each_other_are_refused(words, said, kvferry):
    source(READ)
    code, out, err = kvferry(*words)
    assert (code, out) == (2, "")
    assert said in err


@pytest.mark.parametrize("words", [(), ("--to", "store", "--remove-fallback")])
def test_there_are_two_moments_and_one_is_chosen(words, project, capfd):
    assert run(["rewrite", *words]) == 2
    assert (
        "kvferry rewrite --to store, and at the end kvferry rewrite --remove-fallback"
        in capfd.readouterr().err
    )


def test_at_the_end_the_fallback_goes(project, capfd):
    Path("wrangler.toml").write_text(
        WRANGLER + '[[durable_objects.bindings]]\nname = "OBJECT"\nclass_name = "SessionObject"\n'
    )
    head = (
        "export async function f(env: Env, id: string) {\n"
        "  const stub = env.OBJECT.get(env.OBJECT.idFromName(id));\n"
    )
    source(
        f'{head}  if (!env.SESSIONS) return "kv_not_configured";\n'
        "  return (await stub.getSession(id)) ?? (await env.SESSIONS.get(`session:${id}`, 'json'));\n}\n"
    )
    committed()
    assert run(["rewrite", "--remove-fallback", "--check"]) == 1
    assert capfd.readouterr() == ("src/index.ts\n", "would rewrite 2 places in 1 file\n")
    assert run(["rewrite", "--remove-fallback", "--write"]) == 0
    assert Path("src/index.ts").read_text() == f"{head}  return await stub.getSession(id);\n}}\n"


def test_nothing_to_read_is_unfinished(kvferry):
    code, _, err = kvferry()
    assert code == 3
    assert "there is no code to rewrite here" in err
