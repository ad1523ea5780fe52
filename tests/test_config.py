import json
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from migrate.commands.configured import options_of
from migrate.config import COMMANDS, load, schema
from migrate.core.locations import LOCATION_HINTS
from migrate.core.partition import ALPHABETS
from migrate.errors import ConfigError
from migrate.main import cli
from tests.documents.test_documents import NAMES, command_of

FULL = """
source = "kv:"
target = "sqlite:sessions.db"
prefix = ["spotify_session:", "sess:"]
binding = "SESSIONS"
env = "production"
rate = "600/300"
budget = ["reads=50000/day"]
settle = 120
schema = "session.json"
ledger = ".kvferry/ledger.db"

[export]
sweeps = 2
rate = "1000/300"

[verify]
rounds = 5
exact = true
prefix = "sess:"
"""


def write(folder, text, name="kvferry.toml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refusal(folder, text, name="kvferry.toml"):
    write(folder, text, name)
    with pytest.raises(ConfigError) as caught:
        load(None, folder)
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value.message


@pytest.mark.parametrize("word", ["kv", "target"])
def test_who_is_right_about_older_rows_is_no_secret(tmp_path, word):
    write(tmp_path, f'authority = "{word}"\n[verify]\nauthority = "target"')
    found = load(None, tmp_path)
    assert (found["export"]["authority"], found["verify"]["authority"]) == (word, "target")


@pytest.mark.parametrize("word", ['"object"', "true", '""'])
def test_who_is_right_is_one_of_two_words(tmp_path, word):
    assert "authority must be kv or target" in refusal(tmp_path, f"authority = {word}")


@pytest.mark.parametrize("name", ["authorization", "authority-key", "auth", "oauthority-token"])
def test_what_only_looks_like_it_may_be_a_secret(tmp_path, name):
    assert "looks like a secret" in refusal(tmp_path, f'{name} = "x"')


def test_applications_are_named_or_fenced_off_with_a_reason(tmp_path):
    text = """
[[application]]
script = "shop"
[[application]]
versions = "shop"
fenced = true
reason = "behind Access"
"""
    write(tmp_path, text)
    fenced = {"versions": "shop", "fenced": True, "reason": "behind Access"}
    assert load(None, tmp_path)["plan"] == {"application": [{"script": "shop"}, fenced]}


@pytest.mark.parametrize(
    "text",
    [
        "fenced = true\nreason = 'r'",
        "script = 'a'\npages = 'b'",
        "script = 'a'\nfenced = true",
        "script = 'a'\nreason = 'r'",
        "script = 'a'\nfenced = false\nreason = 'r'",
        "script = 'a'\nfenced = true\nreason = ' '",
        "versions = 'a'",
        "previews = 'a'",
        "script = ''",
        "scripts = 'a'",
    ],
)
def test_an_application_that_is_half_named_is_refused(tmp_path, text):
    assert "application.0" in refusal(tmp_path, f"[[application]]\n{text}")


def test_no_configuration_is_no_defaults(tmp_path):
    assert load(None, tmp_path) == {}


def test_general_values_are_for_every_command_and_its_own_win(tmp_path):
    write(tmp_path, FULL)
    defaults = load(None, tmp_path)
    assert set(defaults) == set(COMMANDS)
    assert defaults["plan"] == {
        "source": "kv:",
        "target": "sqlite:sessions.db",
        "prefix": ["spotify_session:", "sess:"],
        "binding": "SESSIONS",
        "env": "production",
        "rate": "600/300",
        "budget": ["reads=50000/day"],
        "settle": 120,
        "schema": "session.json",
        "ledger": ".kvferry/ledger.db",
    }
    assert defaults["export"] == {**defaults["plan"], "sweeps": 2, "rate": "1000/300"}
    assert defaults["verify"] == {**defaults["plan"], "rounds": 5, "exact": True, "prefix": ["sess:"]}


def test_the_same_in_pyproject(tmp_path):
    write(tmp_path, FULL)
    expected = load(None, tmp_path)
    (tmp_path / "kvferry.toml").unlink()
    section = FULL.replace("[export]", "[tool.kvferry.export]").replace("[verify]", "[tool.kvferry.verify]")
    path = write(tmp_path, f"[project]\nname = 'x'\n[tool.kvferry]\n{section}", "pyproject.toml")
    assert load(None, tmp_path) == load(path, tmp_path) == expected


def test_the_own_file_wins_over_pyproject_and_the_named_one_over_both(tmp_path):
    write(tmp_path, "[tool.kvferry]\nsettle = 1", "pyproject.toml")
    assert load(None, tmp_path)["export"] == {"settle": 1}
    write(tmp_path, "settle = 2")
    assert load(None, tmp_path)["export"] == {"settle": 2}
    write(tmp_path, "settle = 3", "other.toml")
    assert load(Path("other.toml"), tmp_path)["export"] == {"settle": 3}


@pytest.mark.parametrize("text", ["[tool.other]\na = 1", "[tool", "tool = 3", "# kvferry\n[tool.other]"])
def test_a_pyproject_of_others_is_none_of_our_business(tmp_path, text):
    write(tmp_path, text, "pyproject.toml")
    assert load(None, tmp_path) == {}


def test_a_named_pyproject_must_have_our_table(tmp_path):
    path = write(tmp_path, "[tool.other]\na = 1", "pyproject.toml")
    with pytest.raises(ConfigError, match=r"has no \[tool.kvferry\]"):
        load(path, tmp_path)


def test_a_named_file_must_exist(tmp_path):
    with pytest.raises(ConfigError, match=r"gone\.toml cannot be read: no such file"):
        load(Path("gone.toml"), tmp_path)


def test_an_empty_file_is_no_defaults_for_any_command(tmp_path):
    write(tmp_path, "")
    assert load(None, tmp_path) == {command: {} for command in COMMANDS}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sorce = 'kv:'", "unknown key sorce, did you mean source"),
        ("zebra = 1", "unknown key zebra"),
        ("[export]\nrounds = 1", "unknown key export.rounds"),
        ("[verify]\nround = 1", "unknown key verify.round, did you mean rounds"),
        ("[scrub]\nsettle = 1", "unknown key scrub"),
        ("[status]\nsource = 'kv:'", "unknown key status.source"),
        ("[export]\nfresh = true", "unknown key export.fresh"),
        ("[export]\ndry_run = true", "unknown key export.dry-run"),
        ("export = 1", "export must be a table"),
        ("source = 1", 'source must be the address of a store, for example "kv:" or "sqlite:sessions.db"'),
        ("prefix = []", 'prefix must be a list of key prefixes, for example ["spotify_session:"]'),
        ("prefix = ['a', 'a']", 'prefix must be a list of key prefixes, for example ["spotify_session:"]'),
        ("prefix = ['a', 1]", "prefix.1 must be text"),
        ("rate = 600", 'rate must be REQUESTS/SECONDS as text, for example "600/300"'),
        ("rate = 'fast'", 'rate must be REQUESTS/SECONDS as text, for example "600/300"'),
        ("budget = 'reads'", 'budget.0 must be KIND=NUMBER/day, for example "reads=50000/day"'),
        ("settle = -1", "settle must be a number of seconds, 0 to 604800"),
        ("settle = true", "settle must be a number of seconds, 0 to 604800"),
        ("settle = inf", "settle must be a number of seconds, 0 to 604800"),
        ("settle = nan", "settle must be a number of seconds, 0 to 604800"),
        ("settle = 2026-01-01", "settle must be a number of seconds, 0 to 604800"),
        ("[export]\nsweeps = 0", "export.sweeps must be a whole number from 1 to 1000"),
        ("[export]\nsweeps = 1.5", "export.sweeps must be a whole number from 1 to 1000"),
        ("[verify]\nexact = 'yes'", "verify.exact must be true or false"),
        ("ledger = ''", "ledger must be the name of a file"),
        ("env = []", "env must be text that is not empty"),
    ],
)
def test_every_error_is_one_line_with_its_place(tmp_path, text, message):
    assert refusal(tmp_path, text) == f"kvferry.toml: {message}"


def test_every_error_of_the_file_is_told_at_once(tmp_path):
    text = "settle = -1\nzebra = 1\n[export]\nsweeps = 0\nzeal = 2\n"
    assert refusal(tmp_path, text) == (
        "kvferry.toml: unknown key zebra; unknown key export.zeal;"
        " export.sweeps must be a whole number from 1 to 1000;"
        " settle must be a number of seconds, 0 to 604800"
    )


def test_the_place_in_pyproject_is_named(tmp_path):
    assert refusal(tmp_path, "[tool.kvferry]\nsettle = -1", "pyproject.toml") == (
        "pyproject.toml, [tool.kvferry]: settle must be a number of seconds, 0 to 604800"
    )
    assert (
        refusal(tmp_path, "[tool]\nkvferry = 1", "pyproject.toml")
        == "pyproject.toml: tool.kvferry must be a table"
    )


@pytest.mark.parametrize(
    "text",
    [
        "token = 'planted'",
        "api_token = 'planted'",
        "API-KEY = 'planted'",
        "cloudflare_api_token = 'planted'",
        "[export]\nclient-secret = 'planted'",
        "[verify.deep.table]\npassword = 'planted'",
        "[export]\nauthorization = 'planted'",
    ],
)
def test_a_secret_is_refused_and_not_shown(tmp_path, text):
    write(tmp_path, text)
    with pytest.raises(ConfigError, match="looks like a secret") as caught:
        load(None, tmp_path)
    assert "CLOUDFLARE_API_TOKEN" in caught.value.hint
    assert "planted" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    "text", ["source = ['planted']", "rate = 'planted'", "planted-x = 'planted'\n", "a = 'planted"]
)
def test_no_message_repeats_a_value(tmp_path, text):
    assert "planted" not in refusal(tmp_path, text).replace("unknown key planted-x", "")


def test_what_is_not_toml_is_refused_with_its_line(tmp_path):
    assert refusal(tmp_path, "settle = 1\nsettle = 2\n") == "kvferry.toml is not TOML, line 2, column 11"
    assert refusal(tmp_path, "source = [\n") == "kvferry.toml is not TOML, at end of document"
    (tmp_path / "kvferry.toml").write_bytes(b"source = '\xff'")
    with pytest.raises(ConfigError, match=r"kvferry\.toml is not UTF-8"):
        load(None, tmp_path)


def test_the_schema_is_a_schema_and_describes_everything_it_can_refuse():
    document = schema()
    Draft202012Validator.check_schema(document)
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    definitions = document["$defs"]
    assert isinstance(definitions, dict)
    assert all("description" in rule for rule in definitions.values())
    properties = document["properties"]
    assert isinstance(properties, dict)
    assert set(COMMANDS) <= set(properties)


def test_every_option_of_the_schema_is_used_and_every_general_one_fits_its_commands():
    document = schema()
    text = json.dumps(document)
    assert all(f"#/$defs/{name}" in text for name in document["$defs"])
    general = {key: rule for key, rule in document["properties"].items() if key not in COMMANDS}
    for command in COMMANDS:
        own = document["properties"][command]["properties"]
        assert all(own[key] == rule for key, rule in general.items() if key in own)


def test_the_validator_is_not_even_imported_without_a_configuration(tmp_path):
    code = (
        "import sys; from pathlib import Path; from migrate.config import load;"
        "assert load(None, Path(sys.argv[1])) == {}; assert 'jsonschema' not in sys.modules"
    )
    root = Path(__file__).parents[1]
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, cwd=root)


PROJECT = """
[[project]]
ignore = "/lastAccessed"
reason = "every read sets it"

[[project]]
rename = "/user_id"
to = "/userId"
reason = "a column"
"""


def test_a_project_list_is_for_every_command(tmp_path):
    write(tmp_path, PROJECT)
    found = load(None, tmp_path)
    assert found["export"] == found["verify"]
    assert found["verify"]["project"] == [
        {"ignore": "/lastAccessed", "reason": "every read sets it"},
        {"rename": "/user_id", "to": "/userId", "reason": "a column"},
    ]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('[[project]]\nignore = "/a"\n', "project.0 must be a table [[project]] with ignore and reason"),
        ('[[project]]\nignore = "/a"\nreason = " "\n', "project.0.reason must be text that says why"),
        ('[[project]]\nignore = "a.b"\nreason = "x"\n', "project.0.ignore must be a field's JSON Pointer"),
        ('[[project]]\nignore = "/a"\nto = "/b"\nreason = "x"\n', "project.0 must be a table"),
        ('[[project]]\nrename = "/a"\nreason = "x"\n', "project.0 must be a table"),
        ('[[project]]\ndrop = "/a"\nreason = "x"\n', "unknown key project.0.drop"),
        ('project = ["ignore /a"]\n', "project.0 must be a table"),
        ("project = []\n", "project must be a list of tables"),
        ("[verify]\nproject = []\n", "unknown key verify.project"),
    ],
)
def test_a_project_list_gives_each_field_one_treatment_and_a_reason(tmp_path, written, said):
    assert said in refusal(tmp_path, written)


# ---------------------------------------------------------------- the schema and the commands

FOR_ONE_RUN = {
    *("config", "debug", "help", "format", "json", "output", "progress", "quiet"),
    *("assume-never", "dumped-at", "dry-run", "fresh", "limit", "retry-quarantined", "lift-fence"),
    *("fast", "fence", "ignore", "recheck", "sample", "sample-values", "stage"),
    *("for", "audit", "evidence", "verdict", "waive", "reason", "execute", "name"),
    *("run", "watch", "dump", "no-dump", "tombstone-deleted", "gone-since", "refresh-kv", "most"),
    "delete-old",
}
"""Options that say what one invocation is to do, and are no part of a migration's description."""

OTHERWISE = {
    "export": {"rounds"},
    "demo": {"edge", "keep", "live"},
    "smoke": {"login", "logout", "show-output", "timeout"},
}
"""The same of one command only."""

CODE = {"audit", "rewrite", "bridge init", "store init"}
"""Commands on code, which take what they need of the configuration in their own way."""

FILE = {"config init", "config check", "config show", "config schema"}
"""Commands on the file itself."""


@pytest.mark.parametrize("name", [name for name in NAMES if name not in CODE | FILE])
def test_every_option_that_describes_a_migration_may_stand_in_the_file_and_nothing_else(name):
    options = set(options_of(command_of(name)))
    table = name.split()[0]
    if "config" not in options:
        assert not options & {"source", "target", "ledger"}, "add @options.config_option"
        return
    assert table in COMMANDS, "add it to COMMANDS in migrate/config.py"
    keys = set(schema()["properties"][table]["properties"])
    assert keys == options - FOR_ONE_RUN - OTHERWISE.get(name, set()), (
        "an option stands in the command's table in schemas/config.v1.json, or in FOR_ONE_RUN here"
    )


def test_every_table_is_for_a_command_and_every_general_key_for_one_of_its_options():
    assert set(COMMANDS) <= set(cli.list_commands(None))
    tables = {table: rule for table, rule in schema()["properties"].items() if table in COMMANDS}
    for key in set(schema()["properties"]) - set(COMMANDS) - {"project", "application"}:
        assert any(key in rule["properties"] for rule in tables.values()), key


def test_editors_are_told_the_words_that_a_command_takes():
    assert tuple(schema()["$defs"]["hint"]["enum"]) == LOCATION_HINTS
    assert set(schema()["$defs"]["alphabet"]["enum"]) == set(ALPHABETS)


def test_audit_takes_no_key_that_is_none_of_its_options():
    keys = set(schema()["properties"]["audit"]["properties"])
    assert keys - set(options_of(command_of("audit"))) == {"bindings"}, "--binding, which is a list there"
