import json
from pathlib import Path

import pytest

from migrate.addresses import KvAddress, LocalKvAddress, WranglerAddress
from migrate.discovery import find_kv, find_local
from migrate.errors import ConfigError

NOW = 1_700_000_000.0
ONE, TWO, THREE = "1" * 32, "2" * 32, "3" * 32
KV = KvAddress(None, None)

PROJECT = f"""
name = "shop"
account_id = "acc"
[[kv_namespaces]]
binding = "SESSIONS"
id = "{ONE}"
preview_id = "{TWO}"
[[kv_namespaces]]
binding = "CACHE"
[[r2_buckets]]
binding = "FILES"

[env.production]
account_id = "acc-live"
[[env.production.kv_namespaces]]
binding = "SESSIONS"
id = "{THREE}"

[env.staging]
"""


@pytest.fixture
def cwd(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def env(tmp_path):
    (tmp_path / "home").mkdir()
    return {"HOME": str(tmp_path / "home"), "CLOUDFLARE_API_TOKEN": "planted-token"}


@pytest.fixture
def project(cwd):
    (cwd / "wrangler.toml").write_text(PROJECT, encoding="utf-8")
    return cwd


def redirect(cwd, target, **extra):
    built = cwd / "dist" / "wrangler.json"
    built.parent.mkdir()
    extra["targetEnvironment"] = target
    built.write_text(
        json.dumps({"kv_namespaces": [{"binding": "SESSIONS", "id": TWO}], "account_id": "acc", **extra})
    )
    deploy = cwd / ".wrangler" / "deploy" / "config.json"
    deploy.parent.mkdir(parents=True)
    deploy.write_text('{"configPath": "../../dist/wrangler.json"}')


def refused(caught):
    assert "\n" not in caught.value.message
    assert "planted" not in caught.value.message + caught.value.hint
    return caught.value.message, caught.value.hint


def test_a_complete_address_needs_no_configuration(env, cwd):
    (cwd / "wrangler.toml").write_text("broken =")
    found = find_kv(KvAddress("a1", "n1"), env=env, cwd=cwd, now=NOW)
    assert (found.account.value, found.account.where) == ("a1", "the address")
    assert (found.namespace.value, found.namespace.where) == ("n1", "the address")
    assert (found.token.value.reveal(), found.token.where) == ("planted-token", "CLOUDFLARE_API_TOKEN")
    assert found.api_base.value == "https://api.cloudflare.com/client/v4"
    assert (found.binding, found.environment, found.notes) == (None, None, ())
    assert found.address == KvAddress("a1", "n1")
    assert "planted" not in repr(found)


def test_everything_is_found_in_the_configuration(env, project):
    found = find_kv(KV, env=env, cwd=project, binding="SESSIONS", now=NOW)
    assert (found.account.value, found.account.where) == ("acc", "account_id in wrangler.toml")
    assert (found.namespace.value, found.namespace.where) == (ONE, "wrangler.toml, binding SESSIONS")
    assert (found.binding, found.environment) == ("SESSIONS", None)
    assert found.address == KvAddress("acc", ONE)


def test_the_environment_is_chosen_and_nothing_is_inherited(env, project):
    found = find_kv(KV, env=env, cwd=project, environment="production", now=NOW)
    assert (found.namespace.value, found.namespace.where) == (
        THREE,
        "wrangler.toml, env.production, binding SESSIONS",
    )
    assert (found.account.value, found.account.where) == (
        "acc-live",
        "account_id in wrangler.toml, env.production",
    )
    assert (found.binding, found.environment) == ("SESSIONS", "production")


def test_the_environment_variable_of_wrangler_chooses_too_and_the_option_wins(env, project):
    env["CLOUDFLARE_ENV"] = "production"
    assert find_kv(KV, env=env, cwd=project, now=NOW).namespace.value == THREE
    env["CLOUDFLARE_ENV"] = "staging"
    assert find_kv(KV, env=env, cwd=project, environment="production", now=NOW).namespace.value == THREE


def test_the_configuration_is_found_from_below(env, project):
    below = project / "a" / "b" / "c"
    below.mkdir(parents=True)
    found = find_kv(KV, env=env, cwd=below, environment="production", now=NOW)
    assert found.namespace.where == f"{project / 'wrangler.toml'}, env.production, binding SESSIONS"
    found = find_kv(KV, env=env, cwd=project / "a", environment="production", now=NOW)
    assert found.namespace.where == "../wrangler.toml, env.production, binding SESSIONS"


def test_a_preview_namespace_is_asked_for(env, project):
    found = find_kv(KV, env=env, cwd=project, binding="SESSIONS", preview=True, now=NOW)
    assert (found.namespace.value, found.namespace.where) == (
        TWO,
        "wrangler.toml, binding SESSIONS, preview_id",
    )


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        (
            {},
            "wrangler.toml binds several KV namespaces",
            "--binding is one of: SESSIONS, CACHE",
        ),
        (
            {"binding": "SESSION"},
            "wrangler.toml has no KV namespace SESSION",
            "--binding is one of: SESSIONS, CACHE",
        ),
        (
            {"binding": "FILES"},
            "wrangler.toml binds FILES under r2_buckets, which is not KV",
            "--binding is one of: SESSIONS, CACHE",
        ),
        (
            {"binding": "CACHE"},
            "wrangler.toml, binding CACHE has no id",
            'find it with "npx wrangler kv namespace list", then name it: kv://ACCOUNT/NAMESPACE',
        ),
        (
            {"environment": "production", "preview": True},
            "wrangler.toml, env.production, binding SESSIONS has no preview_id",
            'find it with "npx wrangler kv namespace list", then name it: kv://ACCOUNT/NAMESPACE',
        ),
        (
            {"environment": "prod"},
            "wrangler.toml has no environment prod",
            "--env is one of: production, staging",
        ),
        (
            {"environment": "staging"},
            "wrangler.toml, env.staging binds no KV namespace",
            "it is bound at the top level only, and wrangler does not inherit bindings:"
            " add it to env.staging, or leave out --env",
        ),
        (
            {"environment": "production", "binding": "CACHE"},
            "wrangler.toml, env.production has no KV namespace CACHE",
            "it is bound at the top level only, and wrangler does not inherit bindings:"
            " add it to env.production, or leave out --env",
        ),
        (
            {"environment": "production", "binding": "OTHER"},
            "wrangler.toml, env.production has no KV namespace OTHER",
            "--binding is one of: SESSIONS",
        ),
    ],
)
def test_what_is_ambiguous_or_missing_is_refused_with_the_choices(env, project, options, message, hint):
    with pytest.raises(ConfigError) as caught:
        find_kv(KV, env=env, cwd=project, now=NOW, **options)
    assert refused(caught) == (message, hint)


@pytest.mark.parametrize(
    ("text", "options", "message", "hint"),
    [
        ('name = "a"', {}, "wrangler.toml binds no KV namespace", "name it: kv://ACCOUNT/NAMESPACE"),
        (
            'name = "a"',
            {"environment": "b"},
            "wrangler.toml has no environment b",
            "it has none at all: leave out --env",
        ),
        (
            f'[[env.live.kv_namespaces]]\nbinding = "A"\nid = "{ONE}"',
            {},
            "wrangler.toml binds no KV namespace",
            "it is bound in another environment: --env live",
        ),
        (
            "a = 1\nb = ]",
            {},
            "wrangler.toml line 2: invalid value",
            "correct it, or name it: kv://ACCOUNT/NAMESPACE",
        ),
        (
            "kv_namespaces = [{}]",
            {},
            "wrangler.toml: kv_namespaces[0] has no binding",
            "correct it, or name it: kv://ACCOUNT/NAMESPACE",
        ),
        (
            'kv_namespaces = [{ binding = "A", id = "../x" }]',
            {},
            "wrangler.toml, binding A is not the id of a namespace",
            "correct it, or name it: kv://ACCOUNT/NAMESPACE",
        ),
    ],
)
def test_a_configuration_that_does_not_help_says_what_would(env, cwd, text, options, message, hint):
    (cwd / "wrangler.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        find_kv(KV, env=env, cwd=cwd, now=NOW, **options)
    assert refused(caught) == (message, hint)


def test_no_configuration_at_all(env, cwd):
    with pytest.raises(ConfigError, match="no wrangler configuration in") as caught:
        find_kv(KV, env=env, cwd=cwd, now=NOW)
    assert refused(caught)[1] == "go to the project, or name it: kv://ACCOUNT/NAMESPACE"


def test_an_option_that_the_address_makes_idle_is_named(env, project):
    found = find_kv(KvAddress(None, "n1"), env=env, cwd=project, binding="SESSIONS", now=NOW)
    assert found.namespace.value == "n1"
    assert found.account.value == "acc"
    assert found.binding is None
    assert found.notes == ("--binding SESSIONS is not used: the address names the namespace",)


def test_an_account_in_the_address_wins(env, project):
    env["CLOUDFLARE_ACCOUNT_ID"] = "other"
    found = find_kv(KvAddress("a1", None), env=env, cwd=project, binding="SESSIONS", now=NOW)
    assert (found.account.value, found.namespace.value) == ("a1", ONE)


def test_the_account_of_the_environment_is_used_where_the_configuration_has_none(env, cwd):
    (cwd / "wrangler.toml").write_text(f'kv_namespaces = [{{ binding = "A", id = "{ONE}" }}]')
    env["CLOUDFLARE_ACCOUNT_ID"] = "acc"
    found = find_kv(KV, env=env, cwd=cwd, now=NOW)
    assert (found.account.value, found.account.where) == ("acc", "CLOUDFLARE_ACCOUNT_ID")


def test_two_different_accounts_are_refused_and_the_same_twice_is_fine(env, project):
    env["CLOUDFLARE_ACCOUNT_ID"] = "acc"
    assert find_kv(KV, env=env, cwd=project, binding="SESSIONS", now=NOW).account.value == "acc"
    env["CLOUDFLARE_ACCOUNT_ID"] = "other"
    with pytest.raises(ConfigError) as caught:
        find_kv(KV, env=env, cwd=project, binding="SESSIONS", now=NOW)
    assert refused(caught)[0] == (
        "CLOUDFLARE_ACCOUNT_ID and account_id in wrangler.toml name different accounts"
    )


def test_the_account_is_at_last_wranglers_last_choice(env, cwd):
    cache = cwd / "node_modules" / ".cache" / "wrangler" / "wrangler-account.json"
    cache.parent.mkdir(parents=True)
    cache.write_text('{"account": {"id": "acc", "name": "A"}}')
    found = find_kv(KvAddress(None, "n1"), env=env, cwd=cwd, now=NOW)
    assert (found.account.value, found.account.where) == ("acc", f"wrangler's last choice ({cache})")


def test_no_account_is_refused(env, cwd):
    with pytest.raises(ConfigError) as caught:
        find_kv(KvAddress(None, "n1"), env=env, cwd=cwd, now=NOW)
    assert refused(caught) == (
        "no account",
        'export CLOUDFLARE_ACCOUNT_ID=… ("npx wrangler whoami" prints it)',
    )


@pytest.mark.parametrize(("account", "written"), [("a b", ""), (None, 'account_id = "<ACCOUNT>"')])
def test_what_cannot_be_an_account_is_refused(env, cwd, account, written):
    (cwd / "wrangler.toml").write_text(written)
    with pytest.raises(ConfigError, match="is not an account id"):
        find_kv(KvAddress(account, "n1"), env=env, cwd=cwd, now=NOW)


def test_no_token_is_refused(env, project):
    del env["CLOUDFLARE_API_TOKEN"]
    with pytest.raises(ConfigError, match="no API token"):
        find_kv(KV, env=env, cwd=project, binding="SESSIONS", now=NOW)


def test_notes_about_the_token_are_handed_on(env, cwd):
    del env["CLOUDFLARE_API_TOKEN"]
    login = Path(env["HOME"]) / ".wrangler" / "config" / "default.toml"
    login.parent.mkdir(parents=True)
    login.write_text('oauth_token = "planted"\nexpiration_time = "2023-11-14T23:13:20.000Z"')
    (note,) = find_kv(KvAddress("a", "n"), env=env, cwd=cwd, now=NOW).notes
    assert "2023-11-14 23:13 UTC" in note
    with pytest.raises(ConfigError, match="expired"):
        find_kv(KvAddress("a", "n"), env=env, cwd=cwd)


def test_the_compliance_region_of_the_environment_leads_to_its_api(env, cwd):
    (cwd / "wrangler.toml").write_text(
        f'account_id = "acc"\ncompliance_region = "fedramp_high"\n'
        f'[[env.e.kv_namespaces]]\nbinding = "A"\nid = "{ONE}"'
    )
    found = find_kv(KV, env=env, cwd=cwd, environment="e", now=NOW)
    assert found.api_base.value == "https://api.fed.cloudflare.com/client/v4"


def test_a_redirected_configuration_is_used_and_named(env, project):
    redirect(project, "production")
    for environment in (None, "production"):
        found = find_kv(KV, env=env, cwd=project, environment=environment, now=NOW)
        assert found.namespace.value == TWO
        assert found.namespace.where == (
            "dist/wrangler.json (built for production, by .wrangler/deploy/config.json), binding SESSIONS"
        )
        assert found.environment == "production"


@pytest.mark.parametrize("target", [None, "staging"])
def test_another_environment_than_the_built_one_is_read_from_the_written_file(env, project, target):
    redirect(project, target)
    found = find_kv(KV, env=env, cwd=project, environment="production", now=NOW)
    assert (found.namespace.value, found.namespace.where) == (
        THREE,
        "wrangler.toml, env.production, binding SESSIONS",
    )


def test_another_environment_than_the_built_one_is_refused_where_nothing_is_written(env, cwd):
    redirect(cwd, None)
    assert find_kv(KV, env=env, cwd=cwd, now=NOW).namespace.value == TWO
    with pytest.raises(
        ConfigError, match=r"dist/wrangler\.json was not built for environment production"
    ) as caught:
        find_kv(KV, env=env, cwd=cwd, environment="production", now=NOW)
    assert refused(caught)[1].startswith("build it again with CLOUDFLARE_ENV=production")


def test_a_pages_project_has_its_production_at_the_top_level(env, cwd):
    (cwd / "wrangler.toml").write_text(
        f'account_id = "acc"\npages_build_output_dir = "d"\n'
        f'kv_namespaces = [{{ binding = "A", id = "{ONE}" }}]'
    )
    found = find_kv(KV, env=env, cwd=cwd, environment="production", now=NOW)
    assert (found.namespace.value, found.namespace.where) == (ONE, "wrangler.toml, binding A")


LOCAL = LocalKvAddress("http://127.0.0.1:8787", None)


@pytest.mark.parametrize(
    ("options", "value", "where"),
    [
        ({"binding": "SESSIONS"}, TWO, "wrangler.toml, binding SESSIONS, preview_id"),
        ({"binding": "CACHE"}, "CACHE", "wrangler.toml, binding CACHE, which has no id"),
        ({"environment": "production"}, THREE, "wrangler.toml, env.production, binding SESSIONS"),
    ],
)
@pytest.mark.parametrize(
    "address", [LOCAL, WranglerAddress(Path(), None), WranglerAddress(Path(".wrangler/state"), None)]
)
def test_a_local_namespace_is_its_preview_id_else_its_id_else_the_binding(
    env, project, address, options, value, where
):
    found = find_local(address, env=env, cwd=project, **options)
    assert (found.value, found.where) == (value, where)


@pytest.mark.parametrize(("word", "value"), [("SESSIONS", TWO), (THREE, THREE), ("FILES", "FILES")])
def test_a_local_namespace_is_named_by_its_binding_or_as_it_is(env, project, word, value):
    assert find_local(LocalKvAddress("http://h", word), env=env, cwd=project).value == value
    assert find_local(WranglerAddress(project, word), env=env, cwd=project.parent).value == value


def test_a_local_namespace_that_is_named_needs_no_configuration(env, cwd):
    found = find_local(WranglerAddress(Path("state"), "n1"), env=env, cwd=cwd)
    assert (found.value, found.where) == ("n1", "the address")
    (cwd / "wrangler.toml").write_text("broken =")
    assert find_local(WranglerAddress(Path("state"), "n1"), env=env, cwd=cwd).value == "n1"


def test_an_environment_that_does_not_exist_is_refused_even_then(env, project):
    with pytest.raises(ConfigError, match="no environment prod"):
        find_local(LocalKvAddress("http://h", "SESSIONS"), env=env, cwd=project, environment="prod")


def test_a_persist_to_folder_elsewhere_belongs_to_the_project_around_us(env, project, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert (
        find_local(WranglerAddress(elsewhere, None), env=env, cwd=project, binding="CACHE").value == "CACHE"
    )


def test_a_local_namespace_that_is_ambiguous_is_refused_and_needs_no_token(env, project):
    del env["CLOUDFLARE_API_TOKEN"]
    with pytest.raises(ConfigError, match="several KV namespaces"):
        find_local(LOCAL, env=env, cwd=project)
    with pytest.raises(ConfigError, match="no wrangler configuration"):
        find_local(LOCAL, env=env, cwd=project.parent)
