from pathlib import Path

import pytest

from migrate.bridge_secret import VARIABLE, in_variables
from migrate.bridging.secret_file import KEYS_FILE, SECRET_FILE, create_secret, has_secret, remove, rotate
from migrate.errors import ConfigError


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    assert not has_secret(tmp_path)
    create_secret(tmp_path)
    before = (tmp_path / SECRET_FILE).read_text()
    assert has_secret(tmp_path)
    assert mode(tmp_path / SECRET_FILE) == 0o600
    with pytest.raises(ConfigError, match="file exists"):
        create_secret(tmp_path)
    assert (tmp_path / SECRET_FILE).read_text() == before


def test_a_secret_is_never_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / SECRET_FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="file exists"):
        create_secret(tmp_path)
    with pytest.raises(ConfigError, match="holds no KVFERRY_BRIDGE_SECRET"):
        rotate(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_rotating_keeps_nothing_of_the_old_secret_and_every_other_line(tmp_path: Path) -> None:
    create_secret(tmp_path)
    path = tmp_path / SECRET_FILE
    old = in_variables(path.read_text())
    assert old is not None
    path.write_text(f"OTHER=1\n{path.read_text()}export {VARIABLE}={old}\n# mine\n")
    path.chmod(0o644)
    (tmp_path / KEYS_FILE).write_text("kvf1…")
    assert rotate(tmp_path)
    text = path.read_text()
    new = in_variables(text)
    assert new not in (None, old)
    assert text == f"OTHER=1\n# mine\n{VARIABLE}={new}\n"
    assert mode(path) == 0o600
    assert sorted(one.name for one in tmp_path.iterdir()) == [SECRET_FILE]
    assert not rotate(tmp_path)


def test_a_lost_secret_is_made_anew(tmp_path: Path) -> None:
    rotate(tmp_path)
    assert in_variables((tmp_path / SECRET_FILE).read_text()) is not None
    assert mode(tmp_path / SECRET_FILE) == 0o600


def test_both_files_are_removed_and_nothing_else(tmp_path: Path) -> None:
    create_secret(tmp_path)
    (tmp_path / KEYS_FILE).write_text("")
    (tmp_path / "other").write_text("")
    assert remove(tmp_path) == [KEYS_FILE, SECRET_FILE]
    assert remove(tmp_path) == []
    assert [one.name for one in tmp_path.iterdir()] == ["other"]
