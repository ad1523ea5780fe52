import json
from typing import Any

import pytest

from migrate.bridging.kv_namespace import KvNamespace
from migrate.bridging.project import (
    CONFIG,
    MANIFEST,
    Access,
    BridgeProject,
    check_placement,
    default_name,
    files,
    fingerprint,
    read_access,
)
from migrate.errors import ConfigError

AUDIENCE = "0123456789abcdef" * 4


def project(**more: Any) -> BridgeProject:
    return BridgeProject(**{"name": "bridge", "script": "shop", "class_name": "UserSessions", **more})


def config(**more: Any) -> dict[str, Any]:
    return dict(json.loads(project(**more).config()))


def test_the_bridge_reaches_the_class_by_its_script_and_owns_none() -> None:
    made = config()
    assert made["durable_objects"] == {
        "bindings": [{"name": "USER_SESSIONS", "class_name": "UserSessions", "script_name": "shop"}]
    }
    assert not {"migrations", "exports"} & made.keys()


def test_the_bridge_reaches_the_statistics_beside_the_class() -> None:
    made = config(stats_class="Counts")
    assert made["durable_objects"]["bindings"][1:] == [
        {"name": "MIGRATION_STATS", "class_name": "Counts", "script_name": "shop"}
    ]
    assert not {"migrations", "exports"} & made.keys()


def test_the_bridge_has_the_namespace_that_it_may_write_and_knows_its_id() -> None:
    assert "kv_namespaces" not in config()
    made = config(kv=KvNamespace("0f2a", "77aa"))
    assert made["kv_namespaces"] == [{"binding": "SESSIONS_KV", "id": "0f2a", "preview_id": "77aa"}]
    assert made["vars"]["KVFERRY_KV_NAMESPACE"] == "0f2a"
    assert config(kv=KvNamespace("0f2a"))["kv_namespaces"] == [{"binding": "SESSIONS_KV", "id": "0f2a"}]


def test_it_is_closed_and_silent_unless_asked_otherwise() -> None:
    made = config()
    assert (made["workers_dev"], made["preview_urls"]) == (False, False)
    assert made["observability"] == {"enabled": False}
    assert "routes" not in made
    assert config(workers_dev=True)["workers_dev"] is True
    assert config(domain="b.example.com")["routes"] == [{"pattern": "b.example.com", "custom_domain": True}]


def test_every_choice_is_a_variable_and_what_was_not_chosen_is_none() -> None:
    assert config()["vars"] == {
        "KVFERRY_PREFIX": "spotify_session:",
        "KVFERRY_PLACEMENT": "per-session",
        "KVFERRY_SCRIPT": "shop",
        "KVFERRY_CLASS": "UserSessions",
    }
    more = config(
        environment="production", location_hint="weur", placement="shards:16", access=Access("team", AUDIENCE)
    )["vars"]
    assert more["KVFERRY_ENVIRONMENT"] == "production"
    assert more["KVFERRY_LOCATION_HINT"] == "weur"
    assert more["KVFERRY_PLACEMENT"] == "shards:16"
    assert (more["KVFERRY_ACCESS_TEAM"], more["KVFERRY_ACCESS_AUDIENCE"]) == ("team", AUDIENCE)


def test_it_is_deployed_to_the_account_of_the_application() -> None:
    assert config(account_id="abc")["account_id"] == "abc"
    assert config(compliance_region="fedramp_high")["compliance_region"] == "fedramp_high"
    assert not {"account_id", "compliance_region"} & config().keys()


def test_the_manifest_knows_every_other_file() -> None:
    made = files(project(), {"src/bridge.ts": "// ü\n"}, "1.2.3")
    assert list(made)[-1] == MANIFEST
    hashes = json.loads(made[MANIFEST])["files"]
    assert hashes == {path: fingerprint(text) for path, text in made.items() if path != MANIFEST}
    assert {"src/bridge.ts", CONFIG, ".gitignore"} == hashes.keys()


def test_git_is_told_to_leave_the_secrets_alone() -> None:
    ignored = files(project(), {}, "1")[".gitignore"].splitlines()
    assert {".dev.vars*", ".kvferry-keys", "node_modules/", ".wrangler/"} <= set(ignored)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "shop"}, "take its place"),
        ({"name": "Bridge"}, "cannot be the bridge's name"),
        ({"name": "b" * 64}, "cannot be the bridge's name"),
        ({"placement": "shards:0"}, "no placement"),
        ({"placement": "shards:4097"}, "no placement"),
        ({"placement": "per_session"}, "no placement"),
        ({"location_hint": "mars"}, "no location hint"),
        ({"prefix": "p" * 512}, "longer than 511 bytes"),
        ({"domain": "https://b.example.com"}, "no host name"),
    ],
)
def test_what_cannot_be_deployed_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        project(**wrong)


def test_a_placement_says_how_many_shards_it_has() -> None:
    assert [check_placement(text) for text in ("per-session", "shards:1", "shards:4096")] == [0, 1, 4096]


@pytest.mark.parametrize("team", ["team", "https://team.cloudflareaccess.com", "team.cloudflareaccess.com"])
def test_access_is_read_however_the_team_is_written(team: str) -> None:
    assert read_access(f"{team}/{AUDIENCE}") == Access("team", AUDIENCE)


@pytest.mark.parametrize("text", ["team", f"/{AUDIENCE}", "team/short", f"evil.example.com/{AUDIENCE}"])
def test_access_without_its_two_parts_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="TEAM/AUD"):
        read_access(text)


def test_the_name_follows_from_the_application() -> None:
    assert default_name("shop-production") == "shop-production-kvferry-bridge"
