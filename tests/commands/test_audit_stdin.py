"""`kvferry audit - --stdin-filename FILE` as an editor types it."""

import io
import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from audits.formats import FORMATS
from migrate.main import run

WRANGLER = '[[kv_namespaces]]\nbinding = "CACHE_KV"\nid = "1"\n'
SAVE = "export const save = (kv: KVNamespace, k: string, o?: object) => kv.put(k, '1', o);\n"
CALL = """\
import { save } from './save';
export const f = (env: Env) => save(env.CACHE_KV, 'a', { expirationTtl: 60 });
"""
PUT = "export const f = (env, x) => env.CACHE_KV.put(x, '1');\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True)
    (folder / "wrangler.toml").write_text(WRANGLER)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def kvferry(project, capsys, monkeypatch):
    def typed(text, *words):
        raw = text if isinstance(text, bytes) else text.encode()
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(raw)))
        code = run(["audit", *words])
        out, err = capsys.readouterr()
        return code, out, err

    return typed


def edited(kvferry, text, name, *words):
    code, out, err = kvferry(text, "-", "--stdin-filename", name, "--json", *words)
    assert code in (0, 1), err
    return [(one["path"], one["line"], one["rule"]) for one in json.loads(out)["findings"]]


def test_the_text_replaces_the_file_and_only_that_file_is_reported(kvferry):
    Path("src/a.ts").write_text("saved();\n")
    Path("src/b.ts").write_text(PUT)
    assert edited(kvferry, "\n" + PUT, "src/a.ts") == [("src/a.ts", 2, "put-without-ttl")]
    assert edited(kvferry, "", "src/b.ts") == []
    assert Path("src/b.ts").read_text() == PUT


def test_the_project_around_it_decides(kvferry):
    Path("src/save.ts").write_text(SAVE)
    Path("src/call.ts").write_text(CALL)
    assert edited(kvferry, SAVE, "src/save.ts") == []
    assert edited(kvferry, SAVE.replace(", o)", ")"), "src/save.ts") == [
        ("src/save.ts", 1, "put-without-ttl")
    ]
    Path("src/call.ts").write_text(CALL.replace("expirationTtl", "cacheTtl"))
    assert edited(kvferry, SAVE, "src/save.ts") == [("src/save.ts", 1, "put-without-ttl")]
    assert edited(kvferry, CALL, "src/call.ts") == []


def test_a_file_that_is_not_saved_yet_is_one_and_others_can_import_it(kvferry):
    assert edited(kvferry, PUT, "src/new/a.ts") == [("src/new/a.ts", 1, "put-without-ttl")]
    Path("src/call.ts").write_text(CALL.replace("expirationTtl", "cacheTtl"))
    assert edited(kvferry, SAVE, "src/save.ts") == [("src/save.ts", 1, "put-without-ttl")]


def test_what_is_cached_is_not_taken_for_the_text(kvferry):
    Path("src/a.ts").write_text(PUT)
    for _ in range(2):
        assert edited(kvferry, PUT + PUT.replace("f =", "g ="), "src/a.ts")[1][1] == 2
        assert edited(kvferry, PUT, "src/a.ts") == [("src/a.ts", 1, "put-without-ttl")]
        assert edited(kvferry, "", "src/a.ts") == []


def test_suppressions_and_source_lines_are_those_of_the_text(kvferry):
    Path("src/a.ts").write_text(PUT)
    assert edited(kvferry, "// kvferry: ignore[KV002] why\n" + PUT, "src/a.ts") == []
    out = kvferry(
        "\n\n" + PUT.replace("x)", "typed)").replace("(x", "(typed"), "-", "--stdin-filename", "src/a.ts"
    )[1]
    assert "3 | export const f = (env, typed) => env.CACHE_KV.put(typed, '1');" in out
    out = kvferry(
        PUT.replace("(x", "(`t:${x}`"), "-", "--stdin-filename", "src/a.ts", "--diff", "--ttl", "60"
    )[1]
    assert "+export const f" in out


@pytest.mark.parametrize("name", ["src/../src/a.ts", "./src/a.ts"])
def test_the_name_may_be_written_otherwise(name, kvferry, project):
    Path("src/a.ts").write_text("")
    assert edited(kvferry, PUT, name) == [("src/a.ts", 1, "put-without-ttl")]
    assert edited(kvferry, PUT, str(project / name)) == [("src/a.ts", 1, "put-without-ttl")]


def test_from_elsewhere_the_file_s_own_project_is_read(kvferry, project, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (project / "package.json").write_text("{}")
    assert edited(kvferry, PUT, str(project / "src" / "a.ts")) == [("src/a.ts", 1, "put-without-ttl")]


def test_a_test_file_that_is_named_is_meant(kvferry):
    assert edited(kvferry, PUT, "src/a.test.ts") == [("src/a.test.ts", 1, "put-without-ttl")]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("dist/a.ts", "build output"),
        ("src/a.md", ""),
        ("made/a.ts", "ignored by git"),
        ("src/w.ts", "not UTF-8"),
    ],
)
def test_what_would_not_be_read_is_not_audited(name, reason, kvferry):
    Path(".gitignore").write_text("made/\n")
    raw = PUT.encode("utf-16") if name == "src/w.ts" else PUT
    code, out, _ = kvferry(raw, "-", "--stdin-filename", name)
    assert code == 3
    assert reason in out


@pytest.mark.parametrize("fmt", FORMATS)
def test_the_exit_code_does_not_depend_on_the_format(fmt, kvferry):
    for text, wanted in ((PUT, 1), ("", 0)):
        assert kvferry(text, "-", "--stdin-filename", "src/a.ts", "--format", fmt)[0] == wanted


def test_with_since_only_what_was_typed_is_new(kvferry, project):
    Path("src/a.ts").write_text(PUT)
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    for words in (("init", "-q"), ("add", "."), (*identity, "commit", "-qm", "x")):
        subprocess.run(["git", *words], cwd=project, check=True)
    assert edited(kvferry, PUT, "src/a.ts", "--since", "HEAD") == []
    typed = edited(kvferry, PUT + PUT.replace("f =", "g ="), "src/a.ts", "--since", "HEAD")
    assert typed == [("src/a.ts", 2, "put-without-ttl")]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("-",), "--stdin-filename src/index.ts"),
        (("--stdin-filename", "src/a.ts"), "kvferry audit - --stdin-filename src/a.ts"),
        (("-", "src", "--stdin-filename", "src/a.ts"), "leave the other paths out"),
        (("-", "--stdin-filename", "src"), "--stdin-filename names a file"),
        (("-", "--stdin-filename", "src/a.ts", "--fix"), "--diff shows"),
        (("-", "--stdin-filename", "src/a.ts", "--write-baseline", "b.json"), "of all that there is"),
    ],
)
def test_a_wrong_call_is_refused(words, hint, kvferry):
    code, out, err = kvferry(PUT, *words)
    assert (code, out) == (2, "")
    assert hint in err
