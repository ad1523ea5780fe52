"""`kvferry audit --diff` and `--fix` as they are typed."""

import subprocess
from pathlib import Path

import pytest

from migrate.main import run

WRANGLER = '[[kv_namespaces]]\nbinding = "CACHE"\nid = "1"\n'
SOURCE = """\
export const f = (env, x) => env.CACHE.put(`x:${x}`, '1');\r
export const g = (env) => env.CACHE.put('config', '1');\r
export const h = (env, x) => env.CACHE.get(x, { cacheTtl: 5 });\r
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True)
    (folder / "wrangler.toml").write_text(WRANGLER)
    monkeypatch.chdir(folder)
    source = Path("src", "index.ts")
    source.write_bytes(b"\xef\xbb\xbf" + SOURCE.encode())
    return source


@pytest.fixture
def kvferry(capfd):
    def typed(*words):
        code = run(["audit", *words])
        out, err = capfd.readouterr()
        return code, out, err

    return typed


def test_a_diff_changes_nothing_and_marks_what_is_unsafe(place, kvferry):
    before = place.read_bytes()
    code, out, err = kvferry("--diff", "--ttl", "3600")
    assert code == 1
    assert place.read_bytes() == before
    heads = [line.split(" src/")[0] for line in out.splitlines() if line.startswith("#")]
    assert heads == [
        "# unsafe, left out: KV002 put-without-ttl",
        "# fix: KV002 put-without-ttl",
        "# fix: KV003 ttl-out-of-range",
    ]
    assert out.count("\n+e") + out.count("\n+\N{BOM}e") == 2
    assert err == "could fix 2 findings in 1 file\n1 unsafe fix left out: --unsafe-fixes takes them too\n"
    _, every, _ = kvferry("--diff", "--ttl", "3600", "--unsafe-fixes", "--quiet")
    assert "# unsafe fix: KV002 put-without-ttl src/index.ts:2:" in every
    assert "+export const g = (env) => env.CACHE.put('config', '1', { expirationTtl: 3600 });" in every


def test_a_diff_of_a_project_below_applies_where_it_was_typed(place, kvferry, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    _, out, _ = kvferry("project", "--diff")
    (tmp_path / "a.patch").write_bytes(out.encode())
    subprocess.run(["git", "apply", "a.patch"], check=True)
    _, shown, _ = kvferry("project", "--format", "concise")
    assert {line.partition(":")[0] for line in shown.splitlines()} == {"project/src/index.ts"}
    assert b"cacheTtl: 30" in (tmp_path / "project" / place).read_bytes()


def test_without_a_ttl_the_text_says_what_would_offer_one(place, kvferry):
    _, out, err = kvferry("--diff")
    assert "put-without-ttl" not in out
    assert "no fix for 2 puts without an expiration: --ttl SECONDS offers one\n" in err
    assert "KV003" in out


BEYOND = """\
export const a = (env, x, opts) => env.CACHE.put(`x:${x}`, '1');
const none = { metadata: 1 };
export const b = (env, x) => env.CACHE.put(`x:${x}`, '1', none);
export const c = (env, x) => env.CACHE.put(`x:${x}`, '1', { ...none });
export const d = (env, x) => env.CACHE.put(`x:${x}`, '1', { expirationTtl: undefined });
export const e = (env, x) => env.CACHE.put(`x:${x}`, '1', x ? { expirationTtl: 60 } : {});
export const f = (env, x) => env.CACHE.put(...[`x:${x}`, '1']);
"""
NO_FIX = [
    "no fix for 1 put without an expiration: only some ways have none",
    "no fix for 2 puts without an expiration: the options are not written out in the call",
    "no fix for 1 put without an expiration: the options name one that has no value",
]


def test_puts_that_no_fix_can_give_an_end_are_counted_with_the_reason(place, kvferry):
    place.write_text(BEYOND)
    said = kvferry("--diff")[2].splitlines()
    assert said[1:] == ["no fix for 1 put without an expiration: --ttl SECONDS offers one", *NO_FIX]
    said = kvferry("--fix", "--ttl", "3600")[2].splitlines()
    assert said[:4] == ["fixed 1 finding in 1 file", *NO_FIX]


def test_fixes_are_written_and_what_is_left_is_reported(place, kvferry):
    place.chmod(0o640)
    code, out, err = kvferry("--fix", "--ttl", "3600", "--format", "concise")
    assert code == 1
    assert out.startswith("src/index.ts:2:37: KV002 error")
    assert out.count("\n") == 1
    assert err.startswith("fixed 2 findings in 1 file\n1 unsafe fix left out")
    text = place.read_bytes()
    assert text.startswith(b"\xef\xbb\xbf")
    assert text.count(b"\r\n") == text.count(b"\n") == 3
    assert b"'1', { expirationTtl: 3600 });\r\n" in text
    assert b"{ cacheTtl: 30 }" in text
    assert place.stat().st_mode & 0o777 == 0o640
    assert kvferry("--fix", "--unsafe-fixes", "--ttl", "3600")[0] == 0
    after = place.read_bytes()
    assert kvferry("--fix", "--unsafe-fixes", "--ttl", "3600", "--quiet")[::2] == (0, "")
    assert place.read_bytes() == after


def test_suppressed_findings_are_not_fixed(place, kvferry):
    place.write_text(
        "// kvferry: ignore[put-without-ttl] it lives for ever\n"
        "export const f = (env, x) => env.CACHE.put(`x:${x}`, '1');\n"
    )
    assert kvferry("--diff", "--ttl", "60")[:2] == (0, "")


def test_only_selected_rules_are_fixed(place, kvferry):
    _, out, _ = kvferry("--diff", "--ttl", "60", "--select", "KV003")
    assert ("KV003" in out, "KV002" in out) == (True, False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--diff", "--fix"), "--diff and --fix exclude each other"),
        (("--diff", "--json"), "--diff prints a diff"),
        (("--diff", "--format", "sarif"), "--diff prints a diff"),
        (("--diff", "--output", "json=a.json"), "--diff prints a diff"),
        (("--diff", "--inventory"), "--diff prints a diff"),
        (("--fix", "--show-files"), "--fix is about findings"),
        (("--ttl", "60"), "--ttl is for --diff and --fix"),
        (("--unsafe-fixes",), "--unsafe-fixes is for --diff and --fix"),
        (("--fix", "--ttl", "59"), "59 is not in the range"),
    ],
)
def test_words_that_contradict_each_other_are_refused(words, said, place, kvferry):
    before = place.read_bytes()
    code, out, err = kvferry(*words)
    assert (code, out) == (2, "")
    assert said in err
    assert place.read_bytes() == before


def test_a_file_that_changed_in_between_is_not_touched(place, kvferry, monkeypatch):
    from audits import replacing

    def slow(root, changed):
        place.write_text("somebody else's\n")
        return true_one(root, changed)

    true_one = replacing.replace
    monkeypatch.setattr(replacing, "replace", slow)
    code, _, err = kvferry("--fix", "--ttl", "60")
    assert code == 3
    assert "src/index.ts was not fixed: it has changed since it was read" in err
    assert place.read_text() == "somebody else's\n"
