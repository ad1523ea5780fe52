import json
from pathlib import Path
from typing import Any

import pytest

from migrate.bridging.deployment import Deployment, read_deployment
from migrate.bridging.folder import survey, write
from migrate.bridging.kv_namespace import KvNamespace
from migrate.bridging.project import BridgeProject, files
from migrate.errors import ConfigError


def written(folder: Path, **more: Any) -> Path:
    project = BridgeProject(name="bridge", script="shop", class_name="UserSessions", **more)
    wanted = files(project, {}, "1")
    write(folder, wanted, survey(folder, wanted))
    return folder


def edited(folder: Path, **changes: Any) -> Deployment:
    written(folder)
    config = json.loads((folder / "wrangler.json").read_text())
    (folder / "wrangler.json").write_text(json.dumps({**config, **changes}))
    return read_deployment(folder)


def test_every_choice_of_init_is_read_back(tmp_path: Path) -> None:
    choices = {"environment": "production", "placement": "shards:4", "prefix": "p:", "account_id": "abc"}
    found = read_deployment(written(tmp_path, **choices, domain="b.example.com"))
    assert found == Deployment(
        folder=tmp_path,
        name="bridge",
        script="shop",
        class_name="UserSessions",
        environment="production",
        placement="shards:4",
        prefix="p:",
        account_id="abc",
        compliance_region=None,
        domain="b.example.com",
        owned=(),
    )


OWN = {"name": "USER_SESSIONS", "class_name": "UserSessions"}


@pytest.mark.parametrize(
    "changes",
    [
        {"durable_objects": {"bindings": [OWN]}},
        {"durable_objects": {"bindings": [{**OWN, "script_name": "bridge"}]}},
        {"migrations": [{"tag": "v1", "new_sqlite_classes": ["UserSessions"]}]},
        {"migrations": [{"tag": "v1", "new_classes": ["UserSessions"]}]},
        {"migrations": [{"tag": "v1", "renamed_classes": [{"from": "A", "to": "UserSessions"}]}]},
        {"migrations": [{"tag": "v1", "transferred_classes": [{"from": "A", "to": "UserSessions"}]}]},
        {"exports": {"UserSessions": {"type": "durable-object", "storage": "sqlite"}}},
        {"env": {"production": {"durable_objects": {"bindings": [OWN]}}}},
    ],
)
def test_a_class_that_the_bridge_would_own_is_seen_however_it_comes(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    assert edited(tmp_path, **changes).owned == ("UserSessions",)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"name": "b", "durable_objects": {"bindings": []}}'])
def test_a_configuration_that_does_not_say_what_it_reaches_is_refused(tmp_path: Path, text: str) -> None:
    written(tmp_path)
    (tmp_path / "wrangler.json").write_text(text)
    with pytest.raises(ConfigError, match=r"wrangler\.json"):
        read_deployment(tmp_path)


def test_a_folder_without_a_bridge_is_none(tmp_path: Path) -> None:
    (tmp_path / "wrangler.json").write_text("{}")
    with pytest.raises(ConfigError, match="not a bridge's folder"):
        read_deployment(tmp_path)


def test_the_namespace_that_it_writes_is_read_back(tmp_path: Path) -> None:
    assert read_deployment(written(tmp_path)).kv is None
    assert read_deployment(written(tmp_path / "other", kv=KvNamespace("0f2a"))).kv == "0f2a"


@pytest.mark.parametrize("stats_class", [None, "MigrationStats"])
def test_statistics_are_read_back_and_never_owned(tmp_path: Path, stats_class: str | None) -> None:
    found = read_deployment(written(tmp_path, stats_class=stats_class))
    assert (found.stats, found.class_name, found.owned) == (stats_class is not None, "UserSessions", ())
