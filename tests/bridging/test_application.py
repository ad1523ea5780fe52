import re
from pathlib import Path

import pytest

from migrate.bridging.application import find_application
from migrate.errors import ConfigError
from tests.bridging.projects import CONFIG, application

OWN = '[[durable_objects.bindings]]\nname = "USER_SESSIONS"\nclass_name = "UserSessions"\n'
SQLITE = '[[migrations]]\ntag = "v1"\nnew_sqlite_classes = ["UserSessions"]\n'
DELETED = '[[migrations]]\ntag = "v2"\ndeleted_classes = ["UserSessions"]\n'
PAGES = 'name = "shop"\npages_build_output_dir = "dist"\n'
FOREIGN = OWN + 'script_name = "sessions"\n'


def refused(folder: Path, config: str, binding: str | None = None, environment: str | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        find_application(application(folder, config), binding, environment)
    return f"{caught.value.message} | {caught.value.hint}"


def test_the_class_is_found_by_the_only_binding(tmp_path: Path) -> None:
    found = find_application(application(tmp_path), None, None)
    assert (found.script, found.class_name, found.environment) == ("shop", "UserSessions", None)
    assert (found.binding, found.where, found.account_id) == ("USER_SESSIONS", "wrangler.toml", None)


def test_an_environment_has_a_script_and_an_account_of_its_own(tmp_path: Path) -> None:
    found = find_application(application(tmp_path), None, "production")
    assert (found.script, found.environment, found.account_id) == ("shop-production", "production", "abc123")
    assert found.where == "wrangler.toml, env.production"


def test_it_is_found_from_a_folder_below(tmp_path: Path) -> None:
    below = application(tmp_path) / "src"
    below.mkdir()
    assert find_application(below, None, None).script == "shop"


def test_a_binding_by_the_workers_own_name_is_its_own(tmp_path: Path) -> None:
    config = 'name = "shop"\n' + OWN + 'script_name = "shop"\n' + SQLITE
    assert find_application(application(tmp_path, config), None, None).script == "shop"


def test_a_renamed_class_is_there_under_its_new_name(tmp_path: Path) -> None:
    config = (
        'name = "shop"\n'
        + OWN
        + '[[migrations]]\ntag = "v1"\nnew_sqlite_classes = ["Sessions"]\n'
        + '[[migrations]]\ntag = "v2"\nrenamed_classes = [{ from = "Sessions", to = "UserSessions" }]\n'
    )
    assert find_application(application(tmp_path, config), None, None).class_name == "UserSessions"


def test_exports_take_the_place_of_migrations(tmp_path: Path) -> None:
    config = 'name = "shop"\n' + OWN + '[exports.UserSessions]\ntype = "durable-object"\nstorage = "sqlite"\n'
    assert find_application(application(tmp_path, config), None, None).class_name == "UserSessions"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ('name = "shop"\n', "binds no Durable Objects"),
        (
            'name = "shop"\n' + FOREIGN,
            "belongs to another Worker, sessions | run this command in the folder of",
        ),
        (OWN + SQLITE, "has no name"),
        ('name = "shop"\n' + OWN, "no migration makes the class UserSessions"),
        ('name = "shop"\n' + OWN + SQLITE.replace("sqlite_", ""), "is not stored in SQLite"),
        (
            'name = "shop"\n'
            + OWN
            + SQLITE
            + '[[migrations]]\ntag = "v2"\ndeleted_classes = ["UserSessions"]\n',
            "no migration makes",
        ),
        (
            'name = "shop"\npages_build_output_dir = "dist"\n' + FOREIGN,
            "Pages project.* folder of Worker sessions",
        ),
        (PAGES + OWN, "Pages project.* a Worker that stays"),
        ("name = ", "invalid value"),
    ],
)
def test_a_project_without_a_class_of_its_own_is_refused_with_the_remedy(
    tmp_path: Path, config: str, said: str
) -> None:
    assert re.search(said, refused(tmp_path, config))


def test_without_a_configuration_it_says_where_to_go(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no wrangler configuration") as caught:
        find_application(tmp_path, None, None)
    assert "the Worker that owns the session class" in caught.value.hint


def test_of_several_bindings_none_is_guessed(tmp_path: Path) -> None:
    config = 'name = "shop"\n' + OWN + OWN.replace("USER_SESSIONS", "OTHER") + SQLITE
    assert "--binding is one of: USER_SESSIONS, OTHER" in refused(tmp_path, config)
    found = find_application(tmp_path / "shop", "OTHER", None)
    assert found.binding == "OTHER"


def test_a_binding_that_is_something_else_is_named_so(tmp_path: Path) -> None:
    config = CONFIG.replace("[env.bare]", '[vars]\nSESSIONS = "x"\n')
    assert "binds SESSIONS under vars" in refused(tmp_path, config, "SESSIONS")


def test_bindings_of_another_environment_are_pointed_out(tmp_path: Path) -> None:
    assert "wrangler does not inherit bindings" in refused(tmp_path, CONFIG, None, "bare")
    assert "--env is one of: production, bare" in refused(tmp_path / "again", CONFIG, None, "other")


STATS = '[[durable_objects.bindings]]\nname = "MIGRATION_STATS"\nclass_name = "MigrationStats"\n'
BOTH = '[[migrations]]\ntag = "v1"\nnew_sqlite_classes = ["UserSessions", "MigrationStats"]\n'


def test_a_class_of_statistics_is_no_second_class_of_sessions(tmp_path: Path) -> None:
    found = find_application(application(tmp_path, 'name = "shop"\n' + OWN + STATS + BOTH), None, None)
    assert (found.class_name, found.stats_class) == ("UserSessions", "MigrationStats")


def kv(*names: str) -> str:
    entries = [f'[[kv_namespaces]]\nbinding = "{name}"\nid = "{name.lower()}"\n' for name in names]
    return 'name = "shop"\n' + OWN + SQLITE + "".join(entries)


def test_the_namespace_of_the_sessions_is_the_usual_one_or_the_only_one(tmp_path: Path) -> None:
    for number, (config, binding, wanted) in enumerate(
        [
            (kv("CACHE", "SESSIONS"), None, "sessions"),
            (kv("CACHE", "SESSIONS"), "CACHE", "cache"),
            (kv("LOGINS"), None, "logins"),
            (kv("CACHE", "LOGINS"), None, None),
            (kv(), None, None),
        ]
    ):
        found = find_application(application(tmp_path / str(number), config), None, None, binding).kv
        assert (found and found.id) == wanted, number


def test_a_namespace_that_is_named_must_be_there_and_have_an_id(tmp_path: Path) -> None:
    where = application(tmp_path, kv("CACHE") + '[[kv_namespaces]]\nbinding = "NEW"\n')
    with pytest.raises(ConfigError, match="has no KV namespace OTHER") as error:
        find_application(where, None, None, "OTHER")
    assert error.value.hint == "--kv-binding is one of: CACHE, NEW"
    with pytest.raises(ConfigError, match="binding NEW has no id"):
        find_application(where, None, None, "NEW")
    only = application(tmp_path / "only", kv() + '[[kv_namespaces]]\nbinding = "NEW"\npreview_id = "p"\n')
    assert find_application(only, None, None).kv is None


def test_an_application_without_statistics_has_none(tmp_path: Path) -> None:
    assert find_application(application(tmp_path), None, None).stats_class is None


def test_statistics_of_another_worker_are_not_the_applications(tmp_path: Path) -> None:
    config = 'name = "shop"\n' + OWN + STATS + 'script_name = "other"\n' + SQLITE
    assert find_application(application(tmp_path, config), None, None).stats_class is None


def test_a_class_of_statistics_that_no_migration_makes_is_refused(tmp_path: Path) -> None:
    said = refused(tmp_path, 'name = "shop"\n' + OWN + STATS + SQLITE)
    assert "no migration makes the class MigrationStats" in said


def test_statistics_alone_are_no_sessions(tmp_path: Path) -> None:
    assert "binds no Durable Objects" in refused(tmp_path, 'name = "shop"\n' + STATS + BOTH)
