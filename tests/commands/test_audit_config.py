"""Which configuration an audit goes by, as it is typed in a project and in a repository of several."""

import json
import shutil
from pathlib import Path

import pytest

from migrate.main import run

WRANGLER = '[[kv_namespaces]]\nbinding = "CACHE_KV"\nid = "1"\n'
PUT = "export const f = (env, x) => env.CACHE_KV.put(`config:${x}`, '1');\n"
R2 = "export const f = (env, x) => env.THING_R2.put(x, '1');\n"
GET = "export const f = (env, x) => env.CACHE_KV.get(`mine:${x}`);\n"


@pytest.fixture
def top(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("one", "two"):
        folder = tmp_path / "top" / "apps" / name
        (folder / "src").mkdir(parents=True)
        (folder / "wrangler.toml").write_text(WRANGLER)
        (folder / "src" / "a.ts").write_text(PUT)
    monkeypatch.chdir(tmp_path / "top")
    return tmp_path / "top"


@pytest.fixture
def kvferry(top, capsys):
    def typed(*words):
        code = run(["audit", *words])
        out, err = capsys.readouterr()
        return code, out, err

    return typed


@pytest.fixture
def found(kvferry):
    """`path: rule` of the findings."""

    def lines(*words):
        code, out, err = kvferry("--json", *words)
        assert code in (0, 1), err
        return [f"{one['path']}: {one['rule']}" for one in json.loads(out)["findings"]]

    return lines


BOTH = ["apps/one/src/a.ts: put-without-ttl", "apps/two/src/a.ts: put-without-ttl"]
FOREVER = '[audit]\nforever = ["config:*"]\n'


def test_a_file_beside_a_package_s_wrangler_configuration_is_for_that_package(found):
    assert found() == BOTH
    Path("apps/one/kvferry.toml").write_text(FOREVER)
    assert found() == BOTH[1:]
    assert found("apps/one") == []
    assert found("apps/two") == ["src/a.ts: put-without-ttl"]
    assert found("apps") == [line.removeprefix("apps/") for line in BOTH[1:]]


def test_so_it_is_when_the_audit_begins_there_or_elsewhere(found, top, monkeypatch, tmp_path):
    Path("apps/one/kvferry.toml").write_text(FOREVER)
    monkeypatch.chdir(top / "apps" / "one")
    assert found() == []
    monkeypatch.chdir(tmp_path)
    assert found(str(top / "apps" / "one")) == []
    assert found(str(top / "apps" / "one" / "src" / "a.ts"), "--include", "*.ts") == []


@pytest.mark.parametrize(
    ("said", "source", "before", "after"),
    [
        ('ignore = ["KV002"]', PUT, ["put-without-ttl"], []),
        ('select = ["session-kv-call"]', PUT, ["put-without-ttl"], []),
        ('confidence = "high"', PUT.replace("CACHE_KV", "OTHER_KV"), ["put-without-ttl"], []),
        ('exclude = ["src/a.ts"]', PUT, ["put-without-ttl"], []),
        ('exclude = ["/a.ts"]', PUT, ["put-without-ttl"], ["put-without-ttl"]),
        ('include = ["lib/"]', PUT, ["put-without-ttl"], []),
        ('bindings = ["THING_R2"]', R2, [], ["put-without-ttl"]),
        ('session-prefix = ["mine:"]', GET, [], ["session-kv-call"]),
    ],
)
def test_what_is_about_the_code_can_be_said_of_a_package(said, source, before, after, found):
    Path("apps/one/src/a.ts").write_text(source)
    Path("apps/two/src/a.ts").write_text(source)
    assert found() == [f"apps/{name}/src/a.ts: {rule}" for name in ("one", "two") for rule in before]
    Path("apps/one/kvferry.toml").write_text(f"[audit]\n{said}\n")
    one = [f"apps/one/src/a.ts: {rule}" for rule in after]
    assert found() == [*one, *(f"apps/two/src/a.ts: {rule}" for rule in before)]


def test_what_is_said_of_keys_and_bindings_in_general_is_meant_too(found):
    Path("apps/one/src/a.ts").write_text(R2 + GET.replace("f =", "g ="))
    Path("apps/one/kvferry.toml").write_text('prefix = "mine:"\nbinding = "THING_R2"\n')
    assert found("apps/one") == ["src/a.ts: put-without-ttl", "src/a.ts: session-kv-call"]
    assert [line for line in found() if "one" in line] == [
        "apps/one/src/a.ts: put-without-ttl",
        "apps/one/src/a.ts: session-kv-call",
    ]


def test_the_nearest_file_that_speaks_of_a_key_is_obeyed(found):
    Path("kvferry.toml").write_text('[audit]\nignore = ["KV002"]\n')
    assert found() == []
    Path("apps/one/kvferry.toml").write_text("[audit]\ntests = true\n")
    assert found() == []
    Path("apps/kvferry.toml").write_text('[audit]\nignore = ["KV001"]\n')
    assert found() == BOTH
    Path("apps/two/kvferry.toml").write_text('[audit]\nignore = ["KV002"]\n')
    assert found() == BOTH[:1]
    assert found("apps/two") == []


def test_the_command_line_goes_before_all_of_them(found):
    Path("apps/one/kvferry.toml").write_text('[audit]\nignore = ["KV002"]\n')
    assert found("--ignore", "KV001") == BOTH


def test_a_file_that_is_named_stands_alone(found):
    Path("apps/one/kvferry.toml").write_text(FOREVER)
    Path("kvferry.toml").write_text(FOREVER)
    Path("other.toml").write_text("[audit]\ntests = true\n")
    assert found("--config", "other.toml") == BOTH


def test_a_suppression_is_judged_by_the_rules_of_its_package(found):
    for name in ("one", "two"):
        Path(f"apps/{name}/src/a.ts").write_text("// kvferry: ignore[KV002] why\nx();\n")
    Path("apps/one/kvferry.toml").write_text('[audit]\nignore = ["KV002"]\n')
    assert found() == ["apps/two/src/a.ts: unused-suppression"]


def test_files_in_the_configuration_are_relative_to_it(kvferry, top):
    one = top / "apps" / "one"
    (one / "kvferry.toml").write_text('[audit]\nbaseline = "b.json"\ncache-dir = "kept"\n')
    code, _, err = kvferry("apps/one")
    assert (code, f"there is no baseline {one / 'b.json'}" in err) == (2, True)
    assert kvferry("apps/one", "--write-baseline", "apps/one/b.json")[0] == 0
    assert kvferry("apps/one")[0] == 0
    assert list((one / "kept").iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[audit]\nforevr = 1\n", "unknown key audit.forevr, did you mean forever"),
        ("[audit]\nseverity = 'bad'\n", "audit.severity must be error, warning or note"),
        ("[audit\n", "is not TOML, line 1"),
    ],
)
def test_an_error_names_the_file_that_it_is_in(text, message, kvferry, monkeypatch):
    Path("apps/one/kvferry.toml").write_text(text)
    for words in ((), ("apps/one",)):
        code, out, err = kvferry(*words)
        assert (code, out) == (2, "")
        assert err.startswith("kvferry: apps/one/kvferry.toml")
        assert message in err
    assert kvferry("apps/two")[0] == 1


def test_a_rule_that_there_is_not_is_an_error_there_too(kvferry):
    Path("apps/one/kvferry.toml").write_text('[audit]\nignore = ["KV999"]\n')
    assert kvferry()[0] == 2


def test_what_is_not_read_configures_nothing(found):
    Path("apps/node_modules/x").mkdir(parents=True)
    Path("apps/node_modules/x/kvferry.toml").write_text("broken")
    Path(".gitignore").write_text("made/\n")
    Path("apps/made").mkdir()
    Path("apps/made/kvferry.toml").write_text("broken")
    assert found() == BOTH


def test_the_digest_tells_a_package_s_configuration(kvferry):
    def digest():
        return json.loads(kvferry("--json")[1])["configuration"]

    before = digest()
    Path("apps/one/kvferry.toml").write_text(FOREVER)
    assert digest() != before
    Path("apps/one/kvferry.toml").write_text("[audit]\njobs = 1\n")
    shutil.rmtree("apps/one/src")
    same = digest()
    Path("apps/one/kvferry.toml").write_text("[audit]\njobs = 2\n")
    assert digest() == same


def test_help_is_shown_whatever_the_configuration_says(kvferry):
    Path("kvferry.toml").write_text("broken")
    assert kvferry("--help")[0] == 0
    assert kvferry("--no-such-option")[2].count("no such option".capitalize()) == 1


def test_pedantic_can_be_configured(kvferry):
    def ran(*words):
        return kvferry("--format", "junit", *words)[1].count("<testsuite ")

    from audits.rules import RULES

    pedantic = sum(rule.pedantic for rule in RULES)
    assert ran() == len(RULES) - pedantic
    assert ran("--pedantic") == len(RULES)
    Path("kvferry.toml").write_text("[audit]\npedantic = true\n")
    assert ran() == len(RULES)
