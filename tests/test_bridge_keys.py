from pathlib import Path

import pytest

from migrate.bridge_keys import VARIABLE, Scope, find_bridge_keys
from migrate.errors import ConfigError

NOW = 1_700_000_000.0
MAC = "A" * 42 + "c"


def key(scope: str, expires: float = NOW + 60, mac: str = MAC) -> str:
    return f"kvf1.{scope}.{int(NOW - 60)}.{int(expires)}.{mac}"


def found(text: str, cwd: Path = Path()) -> dict[Scope, str]:
    keys = find_bridge_keys({VARIABLE: text}, cwd, NOW).keys
    return {scope: secret.reveal() for scope, secret in keys.items()}


def test_several_keys_are_told_apart_by_what_they_are_for() -> None:
    text = f" {key('values')}\n{key('import')} "
    assert found(text) == {Scope.VALUES: key("values"), Scope.IMPORT: key("import")}


def test_of_two_for_the_same_the_one_that_lives_longer_is_taken() -> None:
    old, new = key("import", NOW - 1), key("import", NOW + 99)
    assert found(f"{new} {old}") == found(f"{old} {new}") == {Scope.IMPORT: new}


def test_a_key_says_in_clear_when_it_ends() -> None:
    keys = find_bridge_keys({VARIABLE: f"{key('values', NOW + 7)} {key('import', NOW + 9)}"}, Path(), NOW)
    assert keys.expire() == {Scope.VALUES: NOW + 7, Scope.IMPORT: NOW + 9}


def test_every_key_may_verify_and_no_other_stands_in() -> None:
    keys = find_bridge_keys({VARIABLE: key("values")}, Path(), NOW)
    assert keys.key(Scope.VERIFY).reveal() == keys.key(Scope.VALUES).reveal() == key("values")
    with pytest.raises(ConfigError, match="no key for import"):
        keys.key(Scope.IMPORT)


def test_a_key_for_deletions_deletes_and_verifies() -> None:
    keys = find_bridge_keys({VARIABLE: f"{key('delete')} {key('import')}"}, Path(), NOW)
    assert keys.key(Scope.DELETE).reveal() == key("delete")
    only = find_bridge_keys({VARIABLE: key("delete")}, Path(), NOW)
    assert only.key(Scope.VERIFY).reveal() == key("delete")
    with pytest.raises(ConfigError, match="no key for import"):
        only.key(Scope.IMPORT)
    with pytest.raises(ConfigError, match="no key for delete"):
        find_bridge_keys({VARIABLE: key("import")}, Path(), NOW).key(Scope.DELETE)


def test_they_come_from_a_file_as_well(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(key("import") + "\n")
    assert Scope.IMPORT in find_bridge_keys({f"{VARIABLE}_FILE": "keys"}, tmp_path, NOW).keys


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({}, "no key for the bridge"),
        ({VARIABLE: " "}, "no key for the bridge"),
        ({VARIABLE: key("import"), f"{VARIABLE}_FILE": "keys"}, "both set"),
        ({f"{VARIABLE}_FILE": "missing"}, "cannot be read"),
        ({f"{VARIABLE}_FILE": "bytes"}, "does not hold"),
        ({VARIABLE: "planted-word"}, "is no key"),
        ({VARIABLE: key("admin")}, "is no key"),
        ({VARIABLE: key("import", mac="planted")}, "is no key"),
        ({VARIABLE: key("import", NOW)}, "key for import has expired"),
    ],
)
def test_what_is_no_usable_key_is_said_and_not_shown(
    env: dict[str, str], message: str, tmp_path: Path
) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=message) as caught:
        find_bridge_keys(env, tmp_path, NOW)
    assert caught.value.hint
    assert "planted" not in caught.value.message + caught.value.hint
    assert MAC not in caught.value.message + caught.value.hint


def test_no_key_shows_itself() -> None:
    assert MAC not in repr(find_bridge_keys({VARIABLE: key("import")}, Path(), NOW))


def test_a_key_where_its_file_was_meant_is_not_shown(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        find_bridge_keys({f"{VARIABLE}_FILE": key("import")}, tmp_path, NOW)
    assert "kvf1" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(("mode", "noted"), [(0o600, 0), (0o400, 0), (0o640, 1), (0o604, 1), (0o644, 1)])
def test_a_file_that_others_may_read_is_noted_and_read(tmp_path: Path, mode: int, noted: int) -> None:
    path = tmp_path / "my keys"
    path.write_text(key("import"))
    path.chmod(mode)
    keys = find_bridge_keys({f"{VARIABLE}_FILE": str(path)}, tmp_path, NOW)
    assert Scope.IMPORT in keys.keys
    notes = (f"other users may read the keys of the bridge: chmod 600 '{path}'",)
    assert keys.notes == notes[:noted]
