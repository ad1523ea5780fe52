"""`kvferry audit` and `kvferry rules` as they are typed: what is printed, where, and the exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from audits.formats import FORMATS, INVENTORY
from audits.report import schema
from audits.rules import RULES
from migrate.main import run

WRANGLER = '[[kv_namespaces]]\nbinding = "SESSIONS"\nid = "1"\n'
ROOT = Path(__file__).parents[2]
ERROR = "export const f = (env, x) => env.CACHE_KV.put(x, '1');\n"
WARNING = "export const f = (env, id) => env.SESSIONS.get(`spotify_session:${id}`);\n"
FINE = "export const f = (env, id) => env.CACHE_KV.put(id, '1', { expirationTtl: 60 });\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True)
    (folder / "wrangler.toml").write_text(WRANGLER)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def kvferry(project, capsys):
    def typed(*words):
        code = run(["audit", *words])
        out, err = capsys.readouterr()
        return code, out, err

    return typed


def source(text, name="index.ts"):
    Path("src", name).write_text(text)


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize(("text", "wanted"), [(FINE, 0), (WARNING, 1), (ERROR, 1), (None, 3)])
def test_the_exit_code_does_not_depend_on_the_format(fmt, text, wanted, kvferry):
    if text is not None:
        source(text)
    code, out, err = kvferry("--format", fmt)
    assert code == wanted
    if fmt == "json":
        document = json.loads(out)
        Draft202012Validator(schema("audit-report")).validate(document)
        assert document["exit"] == wanted
    if wanted == 3:
        assert "there is no JavaScript or TypeScript to audit here" in err


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ((), 1),
        (("--fail-on", "error"), 0),
        (("--fail-on", "warning"), 1),
        (("--fail-on", "note"), 1),
        (("--fail-on", "never"), 0),
        (("--exit-zero",), 0),
        (("--severity", "error"), 0),
        (("--ignore", "KV001"), 0),
        (("--select", "put-without-ttl"), 0),
        (("--select", "put-without-ttl,session-kv-call"), 1),
    ],
)
def test_a_warning_fails_when_it_is_asked_to(words, wanted, kvferry):
    source(WARNING)
    assert kvferry(*words)[0] == wanted


@pytest.mark.parametrize(
    "words",
    [
        ("--select", "nothing"),
        ("--ignore", "KV999"),
        ("--format", "xml"),
        ("--output", "sarif"),
        ("--output", "csv=a.csv"),
        ("--inventory", "--format", "sarif"),
        ("--json", "--format", "sarif"),
        ("--show-files", "--json"),
        ("no-such-folder",),
        ("--jobs", "0"),
    ],
)
def test_a_wrong_call_is_refused_before_anything_is_read(words, kvferry):
    source(ERROR)
    code, out, err = kvferry(*words)
    assert (code, out) == (2, "")
    assert err


def test_several_outputs_in_one_run(kvferry):
    source(WARNING)
    code, out, err = kvferry("--output", "sarif=a.sarif", "--output", "json=a.json", "--quiet")
    assert (code, err) == (1, "")
    assert json.loads(Path("a.sarif").read_text())["version"] == "2.1.0"
    assert json.loads(Path("a.json").read_text())["counts"]["warning"] == 1
    assert out.endswith("next: kvferry rules session-kv-call\n")


def test_results_go_to_standard_output_and_the_account_to_standard_error(kvferry):
    source(WARNING)
    _, out, err = kvferry("--json")
    assert json.loads(out)["findings"]
    assert err == "audited 1 file, with 1 KV operation\n1 finding: 1 warning\n"
    assert kvferry("--json", "--quiet")[2] == ""


def test_prefixes_bindings_and_keys_for_ever_can_be_said(kvferry):
    source("export const f = (env, id) => env.THING_R2.put(`mine:${id}`, '1');\n")
    assert "no findings" in kvferry("--format", "markdown")[1]
    assert kvferry("--binding", "THING_R2", "--format", "concise")[1].count("KV002") == 1
    both = kvferry("--binding", "THING_R2", "--session-prefix", "mine:", "--format", "concise")[1]
    assert both.count("KV001") == both.count("KV002") == 1
    assert kvferry("--binding", "THING_R2", "--forever", "mine:*")[0] == 0


def test_the_configuration_holds_defaults(kvferry):
    source("export const f = (env, id) => env.THING_R2.put(`mine:${id}`, '1');\n")
    Path("kvferry.toml").write_text(
        'source = "kv:"\nprefix = ["mine:"]\n'
        '[audit]\nbindings = ["THING_R2"]\nignore = "KV002"\nfail-on = "error"\n'
    )
    code, out, _ = kvferry("--format", "concise")
    assert code == 0
    assert ("KV001" in out, "KV002" in out) == (True, False)
    assert kvferry("--fail-on", "warning")[0] == 1
    Path("kvferry.toml").write_text("[audit]\nsevrity = 1\n")
    assert kvferry()[0] == 2


def test_the_binding_of_the_other_commands_is_a_binding_here(kvferry):
    source("export const f = (env, id) => env.THING_R2.put(id, '1');\n")
    Path("kvferry.toml").write_text('binding = "THING_R2"\n')
    assert "KV002" in kvferry("--format", "concise")[1]


def test_files_are_included_excluded_and_shown(kvferry):
    source(ERROR, "a.ts")
    source(ERROR, "b.ts")
    assert kvferry("--include", "src/a.ts", "--format", "concise")[1].count("KV002") == 1
    assert kvferry("--exclude", "b.ts", "--format", "concise")[1].count("KV002") == 1
    code, out, err = kvferry("--exclude", "b.ts", "--show-files")
    assert (code, out, err) == (0, "src/a.ts\n", "skipped: excluded: src/b.ts\n")


def test_test_files_are_named_or_asked_for(kvferry):
    source(ERROR, "a.test.ts")
    source(FINE)
    assert kvferry()[0] == 0
    assert kvferry("--tests")[0] == 1
    assert kvferry("src/a.test.ts")[0] == 1


@pytest.mark.parametrize("fmt", INVENTORY)
def test_an_inventory_is_never_against(fmt, kvferry):
    source(ERROR)
    code, out, _ = kvferry("--inventory", "--format", fmt)
    assert code == 0
    assert "CACHE_KV" in out


def test_statistics_end_the_text(kvferry):
    source(ERROR)
    assert "1  KV002  put-without-ttl" in kvferry("--statistics")[1]


def test_parsed_files_are_remembered_where_one_says(kvferry, project, tmp_path):
    source(ERROR)
    before = sorted(project.rglob("*"))
    assert kvferry("--no-cache")[0] == 1
    assert not (tmp_path / "cache").exists()
    first = kvferry()
    assert list((tmp_path / "cache" / "kvferry" / "audit").rglob("*"))
    assert sorted(project.rglob("*")) == before
    assert kvferry() == first
    assert kvferry("--cache-dir", str(tmp_path / "mine")) == first
    assert list((tmp_path / "mine").rglob("*"))


def test_a_checkout_is_never_written_to(kvferry, project, tmp_path, monkeypatch):
    source(ERROR)
    subprocess.run(["git", "init", "-q"], check=True)
    every = [project, *project.rglob("*")]
    before = {path: path.stat().st_mtime_ns for path in every}
    for path in every:
        path.chmod(path.stat().st_mode & ~0o222)
    for variable in (str(tmp_path / "cache"), "", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", variable)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        for words in ((), ("--no-cache",), ("--inventory",), ("--format", "sarif")):
            assert kvferry(*words)[0] == (0 if "--inventory" in words else 1)
    assert {path: path.stat().st_mtime_ns for path in [project, *project.rglob("*")]} == before
    assert list((tmp_path / "home" / ".cache" / "kvferry" / "audit").iterdir())


@pytest.mark.parametrize("fmt", FORMATS)
def test_the_exit_code_does_not_depend_on_what_else_is_written(fmt, kvferry):
    source(ERROR)
    assert kvferry("--output", f"{fmt}=a.out", "--quiet")[0] == 1
    assert kvferry("--output", f"{fmt}=a.out", "--exit-zero")[0] == 0
    assert Path("a.out").read_text() == kvferry("--format", fmt, "--exit-zero")[1]
    source(FINE)
    assert kvferry("--output", f"{fmt}=a.out")[0] == 0


def test_statistics_are_about_what_is_shown(kvferry):
    source(ERROR + WARNING.replace("f =", "g ="))
    assert "1  KV001  session-kv-call\n1  KV002  put-without-ttl\n" in kvferry("--statistics")[1]
    assert "KV001" not in kvferry("--statistics", "--severity", "error")[1]
    assert kvferry("--statistics", "--select", "KV003")[1].count("no rule spoke") == 1
    assert kvferry("--statistics", "--format", "concise")[1].endswith("1  KV002  put-without-ttl\n")


def test_what_git_ignores_is_shown_as_skipped(kvferry):
    source(ERROR)
    source(ERROR, "made.ts")
    Path(".gitignore").write_text("made.ts\n")
    code, out, err = kvferry("--show-files")
    assert (code, out, err) == (0, "src/index.ts\n", "skipped: ignored by git: src/made.ts\n")


def test_the_report_counts_what_it_leaves_out(kvferry, project):
    subprocess.run(["git", "init", "-q"], check=True)
    source(WARNING + "// kvferry: ignore[KV002] why\n" + ERROR.replace("f =", "g ="))
    source(ERROR, "x.min.js")
    told = json.loads(kvferry("--json", "--severity", "error")[1])
    assert (told["commit"], told["dirty"], told["prefix"]) == (None, True, "")
    assert [one["count"] for one in told["skipped"]] == [1]
    assert (len(told["suppressed"]), told["hidden"], told["baselined"], told["unchanged"]) == (1, 1, 0, 0)
    assert (told["baseline"], told["since"], told["findings"]) == (None, None, [])


def test_a_cache_that_cannot_be_written_is_no_error(kvferry, tmp_path):
    source(ERROR)
    (tmp_path / "file").write_text("")
    assert kvferry("--cache-dir", str(tmp_path / "file" / "x"))[0] == 1


def test_the_output_is_the_same_for_any_hash_seed_and_number_of_jobs(project):
    for number in range(40):
        source(ERROR + WARNING.replace("f =", f"g{number} ="), f"f{number}.ts")
    told = set()
    for seed, jobs in (("0", "1"), ("1", "1"), ("2", "2")):
        words = [
            sys.executable,
            "-c",
            "from migrate.main import main; main()",
            "audit",
            "--json",
            "--jobs",
            jobs,
        ]
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run([*words, "--no-cache"], env=environment, capture_output=True, check=False)
        assert done.returncode == 1, done.stderr
        told.add(done.stdout)
    assert len(told) == 1


def test_other_commands_do_not_pay_for_the_parser():
    code = (
        "import sys; from migrate.main import run;"
        "run(['status', '--help']); run(['audit', '--help']); run(['rules']);"
        "assert not {name for name in sys.modules if name.startswith(('tree_sitter', 'audits.js'))}"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)


def test_rules_are_listed_and_explained(capsys):
    assert run(["rules"]) == 0
    listed = capsys.readouterr().out
    assert [line.split()[:2] for line in listed.splitlines()[:-1]] == [
        [rule.code, rule.name] for rule in RULES
    ]
    assert run(["rules", "kv002"]) == 0
    assert capsys.readouterr().out.startswith("# put-without-ttl (KV002, error)\n\n")
    assert run(["rules", "--json"]) == 0
    assert [rule["code"] for rule in json.loads(capsys.readouterr().out)] == [rule.code for rule in RULES]
    assert run(["rules", "nothing"]) == 2


def test_a_part_of_a_project_says_that_the_rest_was_not_read(kvferry, monkeypatch):
    source(FINE)
    assert "is a part of" not in kvferry()[2]
    monkeypatch.chdir("src")
    line = "this is a part of the project in .., which was not read: kvferry audit ..\n"
    assert kvferry()[2] == line
    assert kvferry("--quiet")[2] == ""
    assert "is a part of" not in kvferry("..")[2]


def test_a_configuration_that_cannot_be_read_is_named(kvferry):
    source(FINE)
    Path("wrangler.toml").write_text("kv_namespaces = [\n")
    assert "\nwrangler.toml was not read: " in kvferry()[1]
