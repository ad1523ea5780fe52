import subprocess
import sys

import pytest

from migrate.core.configuration import configuration_digest
from migrate.core.projecting import NOTHING, Projection

FIELDS = [
    {"ignore": "/seen", "reason": "a column that reads set"},
    {"rename": "/user_id", "to": "/userId", "reason": "a column"},
]
LIST = Projection.parse(FIELDS)
PLAIN = configuration_digest(["s:"], NOTHING)


def test_it_is_the_same_on_every_machine_and_for_ever() -> None:
    given = {"ignore": ["metadata"], "stage": "object-first", "schema": "abc", "exact": False}
    assert configuration_digest(["s:", "t:"], LIST, **given) == "6992f67904b6"


@pytest.mark.parametrize("seed", ["0", "1"])
def test_it_does_not_depend_on_the_seed_of_hashes(seed: str) -> None:
    code = (
        "from migrate.core.configuration import configuration_digest as digest\n"
        "from migrate.core.projecting import Projection\n"
        f"print(digest({{'t:', 's:'}}, Projection.parse({FIELDS!r}), ignore=list({{'a', 'b', 'c'}})))"
    )
    env = {"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    assert found.stdout.strip() == configuration_digest(["s:", "t:"], LIST, ignore=["a", "b", "c"])


@pytest.mark.parametrize(
    "other",
    [
        configuration_digest(["t:"], NOTHING),
        configuration_digest(["s:", "t:"], NOTHING),
        configuration_digest(["s:"], LIST),
        configuration_digest(["s:"], Projection.parse(FIELDS[:1])),
        configuration_digest(["s:"], NOTHING, exact=True),
        configuration_digest(["s:"], NOTHING, ignore=["metadata"]),
        configuration_digest(["s:"], NOTHING, stage="object-first"),
        configuration_digest(["s:"], NOTHING, schema="object-first"),
    ],
)
def test_what_changes_the_meaning_changes_it(other: str) -> None:
    assert other != PLAIN


@pytest.mark.parametrize(
    "same",
    [
        configuration_digest(["s:", "s:x"], NOTHING),
        configuration_digest(("s:",), NOTHING, exact=False, ignore=(), stage=None, schema=""),
        configuration_digest(["s:"], Projection.parse([])),
    ],
)
def test_what_does_not_change_the_meaning_does_not_change_it(same: str) -> None:
    assert same == PLAIN


def test_neither_the_order_of_a_project_list_nor_its_reasons_change_it() -> None:
    others = [{**entry, "reason": "other words"} for entry in reversed(FIELDS)]
    assert configuration_digest(["s:"], Projection.parse(others)) == configuration_digest(["s:"], LIST)
