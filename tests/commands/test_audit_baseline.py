"""`kvferry audit --baseline` and `--write-baseline` as they are typed."""

import json
import os
import stat
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from audits.formats import FORMATS
from audits.report import schema
from migrate.main import run

WRANGLER = '[[kv_namespaces]]\nbinding = "CACHE_KV"\nid = "1"\n'
PUT = "  await env.CACHE_KV.put(`a:${id}`, '1');\n"
ONE = f"export async function save(env: Env, id: string) {{\n{PUT}}}\n"
TWO = ONE.replace(PUT, PUT + PUT.replace("'1'", "'2'"))
HELPER = """\
export const save = (kv: KVNamespace, k: string, ttl?: number) =>
  kv.put(k, '1', ttl ? { expirationTtl: ttl } : undefined);
"""
CALLS = """\
import { save } from './save';
export const f = (env: Env) => [save(env.CACHE_KV, 'a', 60), %s];
"""


@pytest.fixture
def kvferry(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True)
    (folder / "wrangler.toml").write_text(WRANGLER)
    monkeypatch.chdir(folder)

    def typed(*words):
        code = run(["audit", *words])
        out, err = capsys.readouterr()
        return code, out, err

    return typed


def source(text, name="a.ts"):
    Path("src", name).write_text(text)


def report(kvferry, *words, exit_code):
    code, out, _ = kvferry("--json", *words)
    assert code == exit_code
    told = json.loads(out)
    Draft202012Validator(schema("audit-report")).validate(told)
    assert told["exit"] == code
    return told


def test_what_is_in_the_baseline_is_not_shown_and_is_counted(kvferry):
    source(TWO)
    code, out, err = kvferry("--write-baseline", "b.json")
    assert (code, err) == (0, "wrote 2 findings to b.json: 2 new, 0 gone and dropped\n")
    assert "no findings (2 in the baseline)" in out
    told = report(kvferry, "--baseline", "b.json", exit_code=0)
    assert (told["findings"], told["baselined"]) == ([], 2)
    assert told["baseline"] == {"file": "b.json", "findings": 2, "stale": []}


def test_of_two_equal_findings_of_which_one_is_in_the_baseline_one_is_shown(kvferry):
    source(ONE)
    kvferry("--write-baseline", "b.json")
    source(TWO)
    told = report(kvferry, "--baseline", "b.json", exit_code=1)
    assert (len(told["findings"]), told["baselined"]) == (1, 1)


def test_moved_lines_and_other_formatting_bring_nothing(kvferry):
    source(TWO)
    kvferry("--write-baseline", "b.json")
    source("// a comment\n\n" + TWO.replace("(`a", "(\n    `a"))
    assert report(kvferry, "--baseline", "b.json", exit_code=0)["baselined"] == 2


@pytest.mark.parametrize(("old", "new"), [("a:${id}", "b:${id}"), ("save(", "store("), ("id", "key")])
def test_another_call_is_new_and_the_old_one_gone(old, new, kvferry):
    source(ONE)
    kvferry("--write-baseline", "b.json")
    source(ONE.replace(old, new))
    told = report(kvferry, "--baseline", "b.json", exit_code=1)
    assert len(told["findings"]) == 1
    assert [one["path"] for one in told["baseline"]["stale"]] == ["src/a.ts"]


def test_a_put_that_loses_the_ttl_it_had_on_some_way_is_new(kvferry):
    source(HELPER, "save.ts")
    source(CALLS % "save(env.CACHE_KV, 'b')")
    kvferry("--write-baseline", "b.json")
    assert report(kvferry, "--baseline", "b.json", exit_code=0)["baselined"] == 1
    source(HELPER.replace("ttl ? { expirationTtl: ttl } : undefined", "{}"), "save.ts")
    told = report(kvferry, "--baseline", "b.json", exit_code=1)
    assert [(one["path"], one["severity"]) for one in told["findings"]] == [("src/save.ts", "error")]


def test_one_more_caller_without_a_ttl_is_new_and_one_less_is_not(kvferry):
    source(HELPER, "save.ts")
    bad = "save(env.CACHE_KV, 'b')"
    source(CALLS % f"{bad}, {bad}")
    kvferry("--write-baseline", "b.json")
    source(CALLS % bad)
    assert report(kvferry, "--baseline", "b.json", exit_code=0)["baselined"] == 1
    source(CALLS % f"{bad}, {bad}, {bad}")
    assert len(report(kvferry, "--baseline", "b.json", exit_code=1)["findings"]) == 1


def test_stale_entries_are_told_and_dropped_when_it_is_written_again(kvferry):
    source(TWO)
    kvferry("--write-baseline", "b.json")
    source(ONE)
    code, out, _ = kvferry("--baseline", "b.json")
    assert code == 0
    assert "1 finding of the baseline is gone: kvferry audit --write-baseline b.json" in out
    assert "  gone: src/a.ts: put-without-ttl: save: CACHE_KV.put(a:{id})" in out
    assert out.endswith("next: kvferry audit --write-baseline b.json\n")
    _, _, err = kvferry("--write-baseline", "b.json")
    assert err == "wrote 1 finding to b.json: 0 new, 1 gone and dropped\n"
    assert report(kvferry, "--baseline", "b.json", exit_code=0)["baseline"]["stale"] == []


def test_a_deleted_file_leaves_stale_entries(kvferry):
    source(ONE)
    source(ONE, "b.ts")
    kvferry("--write-baseline", "b.json")
    Path("src/b.ts").unlink()
    stale = report(kvferry, "--baseline", "b.json", exit_code=0)["baseline"]["stale"]
    assert [one["path"] for one in stale] == ["src/b.ts"]
    assert report(kvferry, "--baseline", "b.json", "src/a.ts", exit_code=0)["baseline"]["stale"] == []


@pytest.mark.parametrize(
    "words", [("src/b.ts",), ("--ignore", "KV002"), ("--exclude", "a.ts"), ("--severity", "error")]
)
def test_an_audit_of_a_part_calls_nothing_beyond_it_stale_and_keeps_it(words, kvferry):
    source(ONE)
    source(CALLS.replace("./save", "./b") % "save(env.CACHE_KV, 'b')", "c.ts")
    source(HELPER, "b.ts")
    kvferry("--write-baseline", "b.json")
    before = Path("b.json").read_text()
    assert report(kvferry, "--baseline", "b.json", *words, exit_code=0)["baseline"]["stale"] == []
    kvferry("--write-baseline", "b.json", *words)
    assert Path("b.json").read_text() == before


def test_what_is_suppressed_is_not_written(kvferry):
    source(TWO.replace(PUT, "  // kvferry: ignore[KV002] why\n" + PUT, 1))
    _, _, err = kvferry("--write-baseline", "b.json")
    assert err == "wrote 1 finding to b.json: 1 new, 0 gone and dropped\n"
    source(TWO)
    assert len(report(kvferry, "--baseline", "b.json", exit_code=1)["findings"]) == 1


def test_what_is_hidden_by_severity_is_not_accepted(kvferry):
    source(HELPER, "save.ts")
    source(CALLS % "save(env.CACHE_KV, 'b')")
    kvferry("--write-baseline", "b.json", "--severity", "error")
    assert len(report(kvferry, "--baseline", "b.json", exit_code=1)["findings"]) == 1


@pytest.mark.parametrize("fmt", FORMATS)
def test_the_exit_code_with_a_baseline_does_not_depend_on_the_format(fmt, kvferry):
    source(ONE)
    kvferry("--write-baseline", "b.json")
    code, out, err = kvferry("--baseline", "b.json", "--format", fmt)
    assert code == 0
    assert "1 in the baseline" in out + err
    source(TWO)
    assert kvferry("--baseline", "b.json", "--format", fmt)[0] == 1


def test_the_baselined_are_left_out_of_sarif_and_counted_there(kvferry):
    source(ONE)
    kvferry("--write-baseline", "b.json")
    (ran,) = json.loads(kvferry("--baseline", "b.json", "--format", "sarif")[1])["runs"]
    assert ran["results"] == []
    notes = [one["message"]["text"] for one in ran["invocations"][0]["toolExecutionNotifications"]]
    assert "findings that are left out: 1 in the baseline" in notes


def test_junit_counts_what_the_baseline_hides(kvferry):
    source(ONE)
    kvferry("--write-baseline", "b.json")
    assert (
        '<property name="baselined" value="1" />' in kvferry("--baseline", "b.json", "--format", "junit")[1]
    )


def test_the_configuration_may_name_the_baseline(kvferry):
    source(ONE)
    Path("kvferry.toml").write_text('[audit]\nbaseline = "b.json"\n')
    assert kvferry()[0] == 2
    assert kvferry("--write-baseline", "b.json")[0] == 0
    assert kvferry()[0] == 0


def test_a_wrong_baseline_is_refused(kvferry):
    source(ONE)
    code, out, err = kvferry("--baseline", "gone.json")
    assert (code, out) == (2, "")
    assert err.endswith("hint: write it with kvferry audit --write-baseline gone.json\n")
    Path("b.json").write_text("{}")
    for words in (("--baseline", "b.json"), ("--write-baseline", "b.json")):
        code, out, err = kvferry(*words)
        assert (code, out) == (2, "")
        assert "b.json is not a baseline" in err
    assert Path("b.json").read_text() == "{}"


@pytest.mark.parametrize(
    "words",
    [("--inventory",), ("--show-files",), ("--diff",), ("--fix",), ("--since", "HEAD"), ("-",)],
)
def test_a_baseline_is_written_of_all_or_not_at_all(words, kvferry):
    source(ONE)
    code, out, err = kvferry("--write-baseline", "b.json", *words)
    assert (code, out) == (2, "")
    assert f"{words[0]} exclude each other" in err
    assert not Path("b.json").exists()


@pytest.mark.parametrize("file", ["no/b.json", "src"])
def test_a_place_that_cannot_be_written_is_refused_first(file, kvferry):
    source(ONE)
    code, out, err = kvferry("--write-baseline", file)
    assert (code, out) == (2, "")
    assert "cannot be written" in err


def test_nothing_to_audit_writes_nothing(kvferry):
    assert kvferry("--write-baseline", "b.json")[0] == 3
    assert not Path("b.json").exists()


def test_the_file_is_for_everybody_who_reads_the_project(kvferry):
    source(ONE)
    before = os.umask(0o022)
    try:
        kvferry("--write-baseline", "b.json")
    finally:
        os.umask(before)
    assert stat.S_IMODE(Path("b.json").stat().st_mode) == 0o644
    assert [path.name for path in Path(".").iterdir() if path.name.startswith(".")] == []
