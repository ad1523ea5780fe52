import json

import pytest

from audits.wrangler import (
    Binding,
    DurableObject,
    Export,
    KvNamespace,
    Migration,
    WranglerError,
    find,
    locate,
    parse,
    read,
)

TOML = """
name = "shop"
main = "src/index.ts"
account_id = "acc"
kv_namespaces = [
  { binding = "SESSIONS", id = "one", preview_id = "two" },
  { binding = "AUTO" },
]
durable_objects.bindings = [{ name = "STORE", class_name = "Store", script_name = "other" }]

[[migrations]]
tag = "v1"
new_sqlite_classes = ["Store"]
renamed_classes = [{ from = "A", to = "B" }]

[env.production]
account_id = "acc2"
[[env.production.kv_namespaces]]
binding = "SESSIONS"
id = "three"

[env.staging]
name = "shop-test"
main = "src/staging.ts"
"""

JSONC = """
{
  // the shop
  "name": "shop", "main": "src/index.ts", "account_id": "acc",
  "kv_namespaces": [
    { "binding": "SESSIONS", "id": "one", "preview_id": "two" }, /* the other */
    { "binding": "AUTO", },
  ],
  "durable_objects": { "bindings": [{ "name": "STORE", "class_name": "Store", "script_name": "other" }] },
  "migrations": [
    { "tag": "v1", "new_sqlite_classes": ["Store"], "renamed_classes": [{ "from": "A", "to": "B" }] },
  ],
  "env": {
    "production": { "account_id": "acc2", "kv_namespaces": [{ "binding": "SESSIONS", "id": "three" }] },
    "staging": { "name": "shop-test", "main": "src/staging.ts" },
  },
}
"""


@pytest.mark.parametrize(("text", "kind"), [(TOML, "toml"), (JSONC, "jsonc"), (JSONC, "json")])
def test_the_same_project_in_every_format(text, kind):
    config = parse(text, kind)
    assert (config.name, config.main, config.account_id) == ("shop", "src/index.ts", "acc")
    assert config.top.kv_namespaces == (
        KvNamespace("SESSIONS", "one", "two"),
        KvNamespace("AUTO", None, None),
    )
    assert config.top.durable_objects == (DurableObject("STORE", "Store", "other"),)
    assert config.top.migrations == (Migration("v1", (), ("Store",), (("A", "B"),), ()),)
    assert [environment.name for environment in config.environments] == ["production", "staging"]


def test_all_formats_mean_the_same():
    assert parse(TOML, "toml") == parse(JSONC, "jsonc")


def test_bindings_are_not_inherited_and_everything_else_is():
    config = parse(TOML, "toml")
    production, staging = config.environments
    assert production.kv_namespaces == (KvNamespace("SESSIONS", "three", None),)
    assert staging.kv_namespaces == ()
    assert production.durable_objects == staging.durable_objects == ()
    assert (production.main, staging.main) == ("src/index.ts", "src/staging.ts")
    assert (production.account_id, staging.account_id) == ("acc2", "acc")
    assert production.migrations == config.top.migrations


def test_an_environment_is_a_script_of_its_own():
    production, staging = parse(TOML, "toml").environments
    assert (production.script, staging.script) == ("shop-production", "shop-test")
    (nameless,) = parse('[env.production]\nmain = "x"', "toml").environments
    assert nameless.script is None


def test_an_environment_is_found_by_its_name():
    config = parse(TOML, "toml")
    assert config.environment(None) is config.environment("") is config.top
    assert config.environment("staging") is config.environments[1]
    assert config.environment("preview") is None


def test_a_pages_project_has_its_two_environments_without_naming_them():
    config = parse('pages_build_output_dir = "dist"\n[env.preview]\n', "toml")
    assert config.pages == "dist"
    assert config.environment("production") is config.top
    assert config.environment("preview") is config.environments[0]
    assert config.environment("staging") is None


BOUND = {
    "r2_buckets": [{"binding": "X"}],
    "d1_databases": [{"binding": "X"}],
    "queues": {"producers": [{"binding": "X", "queue": "q"}], "consumers": [{"queue": "q"}]},
    "services": [{"binding": "X", "service": "s"}],
    "vars": {"X": "1"},
    "hyperdrive": [{"binding": "X"}],
    "ai": {"binding": "X"},
    "browser": {"binding": "X"},
    "images": {"binding": "X"},
    "version_metadata": {"binding": "X"},
    "vectorize": [{"binding": "X"}],
    "analytics_engine_datasets": [{"binding": "X"}],
    "send_email": [{"name": "X"}],
    "ratelimits": [{"name": "X", "namespace_id": "1"}],
    "mtls_certificates": [{"binding": "X"}],
    "dispatch_namespaces": [{"binding": "X"}],
    "workflows": [{"binding": "X", "name": "w", "class_name": "W"}],
    "pipelines": [{"binding": "X"}],
    "secrets_store_secrets": [{"binding": "X"}],
    "secrets": {"required": ["X"]},
    "unsafe": {"bindings": [{"name": "X", "type": "t"}]},
    "logfwdr": {"bindings": [{"name": "X", "destination": "d"}]},
    "assets": {"directory": "d", "binding": "X"},
    "wasm_modules": {"X": "x.wasm"},
    "a_kind_of_tomorrow": [{"binding": "X"}],
}


@pytest.mark.parametrize("kind", BOUND)
def test_every_other_kind_of_binding_is_known_by_its_kind(kind):
    top = parse(json.dumps({kind: BOUND[kind]}), "json").top
    assert top.bindings == (Binding("X", kind),)
    assert top.kind_of("X") == kind
    assert top.kind_of("Y") is None


@pytest.mark.parametrize("kind", BOUND)
def test_an_environment_inherits_no_binding_but_assets_and_files(kind):
    (environment,) = parse(json.dumps({kind: BOUND[kind], "env": {"e": {}}}), "json").environments
    assert (environment.kind_of("X") == kind) == (kind in ("assets", "wasm_modules"))


def test_kv_and_durable_objects_are_kinds_too():
    top = parse(TOML, "toml").top
    assert (top.kind_of("SESSIONS"), top.kind_of("STORE")) == ("kv_namespaces", "durable_objects")


def test_namespaces_may_be_written_as_wrangler_1_did():
    text = 'kv-namespaces = [{ binding = "A", id = "1" }]\n[env.x]\nkv-namespaces = [{ binding = "B", id = "2" }]'
    config = parse(text, "toml")
    assert config.top.kv_namespaces == (KvNamespace("A", "1", None),)
    assert config.environments[0].kv_namespaces == (KvNamespace("B", "2", None),)
    assert config.top.kind_of("A") == "kv_namespaces"


def test_a_workers_site_binds_its_own_kv_namespace():
    assert parse('site.bucket = "public"', "toml").top.kind_of("__STATIC_CONTENT") == "site"


@pytest.mark.parametrize(
    "harmless",
    [
        {"define": {"binding": "'x'"}},
        {"tail_consumers": [{"service": "s"}]},
        {"previews": {"kv_namespaces": [{"binding": "X"}]}},
        {"triggers": {"crons": ["* * * * *"]}, "compatibility_flags": ["binding"]},
        {
            "r2_buckets": "what",
            "queues": 3,
            "vars": [],
            "secrets": 1,
            "unsafe": {"bindings": {"a": 1}},
            "ai": None,
        },
        {"services": [{"binding": 7}, None, {}]},
    ],
)
def test_what_binds_nothing_is_no_binding(harmless):
    assert parse(json.dumps(harmless), "json").top.bindings == ()


def test_exports_take_the_place_of_migrations():
    config = parse(
        json.dumps(
            {
                "exports": {
                    "Store": {"type": "durable-object", "storage": "sqlite"},
                    "Old": {"type": "durable-object", "state": "deleted"},
                },
                "env": {"production": {}},
            }
        ),
        "json",
    )
    assert config.top.exports == (
        Export("Store", "durable-object", "created", "sqlite"),
        Export("Old", "durable-object", "deleted", None),
    )
    assert config.environments[0].exports == config.top.exports


def test_an_empty_account_is_none_and_an_empty_override_inherits():
    config = parse('account_id = ""\n[env.e]\naccount_id = ""', "toml")
    assert config.account_id is None
    config = parse('account_id = "a"\n[env.e]\naccount_id = ""', "toml")
    assert config.environments[0].account_id == "a"


@pytest.mark.parametrize(
    ("text", "kind", "message", "line"),
    [
        ('name = "a"\nmain = \n', "toml", "invalid value", 2),
        ('{\n"a": 1\n"b": 2}', "jsonc", "expecting ',' delimiter", 3),
        ('{\n/* "a": 1', "jsonc", "a comment is never closed", 2),
        ("[]", "json", "the configuration is not an object", 1),
        ('{"kv_namespaces": {}}', "json", "kv_namespaces is not a list", None),
        ('{"kv_namespaces": ["a"]}', "json", "kv_namespaces[0] is not a table", None),
        ('{"kv_namespaces": [{"id": "a"}]}', "json", "kv_namespaces[0] has no binding", None),
        (
            '{"kv_namespaces": [{"binding": "A", "id": 7}]}',
            "json",
            "kv_namespaces[0].id is not a string",
            None,
        ),
        ('{"env": []}', "json", "env is not a table", None),
        ('{"env": {"e": 1}}', "json", "env.e is not a table", None),
        ('{"durable_objects": []}', "json", "durable_objects is not a table", None),
        (
            '{"env": {"e": {"durable_objects": {"bindings": [{"name": "A"}]}}}}',
            "json",
            "env.e.durable_objects.bindings[0] has no class_name",
            None,
        ),
    ],
)
def test_what_cannot_be_used_is_one_line_with_its_place(text, kind, message, line):
    with pytest.raises(WranglerError) as caught:
        parse(text, kind)
    assert (caught.value.message, caught.value.line) == (message, line)


def test_toml_that_ends_too_early_has_no_line_but_a_message():
    with pytest.raises(WranglerError) as caught:
        parse('a = "', "toml")
    assert caught.value.message.startswith("unterminated string")


def write(path, text=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_no_configuration_is_none(tmp_path):
    assert find(tmp_path) is None


def test_the_configuration_is_looked_for_upwards(tmp_path):
    path = write(tmp_path / "wrangler.toml")
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert find(tmp_path / "a" / "b") == path


def test_a_folder_above_is_really_above(tmp_path):
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    write(below / "wrangler.json")
    above = write(tmp_path / "wrangler.toml")
    assert find(below / ".." / "..") == above


def test_json_wins_over_jsonc_and_that_over_toml_wherever_they_lie(tmp_path):
    below = tmp_path / "below"
    toml = write(below / "wrangler.toml")
    assert find(below) == toml
    jsonc = write(tmp_path / "wrangler.jsonc")
    assert find(below) == jsonc
    plain = write(tmp_path / "wrangler.json")
    assert find(below) == plain


def test_a_redirect_beside_the_configuration_is_followed(tmp_path):
    user = write(tmp_path / "wrangler.toml")
    redirect = write(
        tmp_path / ".wrangler/deploy/config.json", '{"configPath": "../../dist/wrangler.json"} // built'
    )
    built = write(tmp_path / "dist/wrangler.json", '{"name": "shop", "targetEnvironment": "production"}')
    location = locate(tmp_path)
    assert location is not None
    assert (location.path, location.user, location.redirect) == (built, user, redirect)
    assert read(location.path).target_environment == "production"


def test_a_redirect_counts_without_a_configuration_but_not_beside_another_folder(tmp_path):
    write(tmp_path / ".wrangler/deploy/config.json", '{"configPath": "../../built.json"}')
    built = write(tmp_path / "built.json", "{}")
    below = tmp_path / "below"
    below.mkdir()
    assert find(below) == built
    user = write(below / "wrangler.toml")
    assert find(below) == user


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expecting property name"),
        ("{}", "has no configPath"),
        ("[]", "has no configPath"),
        ('{"configPath": 7}', "has no configPath"),
        ('{"configPath": "gone.json"}', "leads to gone.json, which does not exist"),
    ],
)
def test_a_redirect_that_leads_nowhere_is_an_error(tmp_path, text, message):
    write(tmp_path / "wrangler.toml")
    write(tmp_path / ".wrangler/deploy/config.json", text)
    with pytest.raises(WranglerError, match=message):
        find(tmp_path)


def test_a_file_that_cannot_be_read_is_an_error_of_ours(tmp_path):
    with pytest.raises(WranglerError, match="cannot be read: no such file"):
        read(tmp_path / "wrangler.toml")
    (tmp_path / "wrangler.json").write_bytes(b'{"name": "\xff"}')
    with pytest.raises(WranglerError, match="not UTF-8"):
        read(tmp_path / "wrangler.json")
