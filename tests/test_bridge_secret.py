import json
from pathlib import Path

import pytest

from migrate.bridge_keys import Scope, find_bridge_keys
from migrate.bridge_secret import LEAST, VARIABLE, find_secret, in_variables, mint, mint_all, new_secret
from migrate.credentials import Secret
from migrate.errors import ConfigError

VECTORS = json.loads((Path(__file__).parent / "edge" / "vectors" / "keys.json").read_text())
NOW = 1_700_000_000.0
SECRET = "s3cret-" * 6


def test_a_new_secret_is_long_never_the_same_and_needs_no_quotes() -> None:
    made = {new_secret().reveal() for _ in range(20)}
    assert len(made) == 20
    assert all(len(one) >= LEAST and one.replace("-", "").replace("_", "").isalnum() for one in made)


def test_keys_are_those_of_the_vectors_that_the_bridge_reads() -> None:
    taken = [case for case in VECTORS["cases"] if case["scope"] is not None]
    assert {case["scope"] for case in taken} == set(Scope)
    for case in taken:
        key = case["header"].removeprefix("Bearer ")
        _, scope, issued, expires, _ = key.split(".")
        made = mint(Secret(case["secret"]), Scope(scope), int(issued), int(expires))
        assert made.reveal() == key


def test_a_key_is_found_again_where_commands_look_for_it() -> None:
    keys = mint_all(Secret(SECRET), list(Scope), NOW, 14)
    text = " ".join(key.reveal() for key in keys)
    assert set(find_bridge_keys({"KVFERRY_BRIDGE_TOKEN": text}, Path(), NOW).keys) == set(Scope)


@pytest.mark.parametrize("days", [0, -1, 14.001, float("nan"), float("inf")])
def test_a_key_that_the_bridge_would_refuse_is_not_made(days: float) -> None:
    with pytest.raises(ConfigError, match="14 days"):
        mint_all(Secret(SECRET), [Scope.IMPORT], NOW, days)


def test_the_secret_comes_from_the_environment_before_the_folder(tmp_path: Path) -> None:
    (tmp_path / ".dev.vars").write_text(f"OTHER=x\n{VARIABLE}={SECRET}\n")
    (tmp_path / "file").write_text(f"{SECRET}-of-a-file\n")
    at = tmp_path / ".dev.vars"
    assert find_secret({}, tmp_path, at).reveal() == SECRET
    assert find_secret({VARIABLE: "x" * 32}, tmp_path, at).reveal() == "x" * 32
    assert find_secret({f"{VARIABLE}_FILE": "file"}, tmp_path, at).reveal() == f"{SECRET}-of-a-file"


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({}, "not at hand"),
        ({VARIABLE: SECRET, f"{VARIABLE}_FILE": "file"}, "both set"),
        ({VARIABLE: "x" * 31}, "at least 32"),
        ({VARIABLE: "two words of a secret that is long enough"}, "at least 32"),
        ({f"{VARIABLE}_FILE": SECRET}, "cannot be read"),
    ],
)
def test_a_secret_that_is_none_is_refused_and_not_repeated(
    tmp_path: Path, env: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        find_secret(env, tmp_path, None)
    assert SECRET not in caught.value.message + caught.value.hint


def test_quotes_around_a_secret_are_not_part_of_it() -> None:
    assert in_variables(f'{VARIABLE}="{SECRET}"\n') == SECRET
    assert in_variables(f"{VARIABLE}=old\n{VARIABLE}={SECRET}") == SECRET
    assert in_variables("OTHER=x\n") is None
