"""A project list over a real bridge: fields are left out of values, so digests are not enough."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.bridge_keys import VARIABLE
from tests.edge.edge import PREFIX, Edge
from tests.edge.site import Site
from tests.stores.durable_side import keys

SOURCE = "dump:sessions.ndjson"
LIST = """
[[project]]
ignore = "/lastAccessed"
reason = "every read of the class sets it"
[[project]]
rename = "/user_id"
to = "/userId"
reason = "a column"
"""


@pytest.fixture
def site(edge: Edge, tmp_path: Path) -> Iterator[Site]:
    """Three sessions, which the application keeps under its own names; the user of the last is another."""
    site = Site(edge, tmp_path, "keeping", 0)
    lines = [
        {"key": f"{PREFIX}{n}", "value": json.dumps({"user_id": f"u{n}", "lastAccessed": n})}
        for n in range(3)
    ]
    (tmp_path / "sessions.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for number, user in enumerate(["u0", "u1", "else"]):
        data = {"lastAccessed": 9, "userId": user}
        site.call(str(number), "putSession", data, {"origin": "dual"})
    (tmp_path / "kvferry.toml").write_text(LIST)
    yield site
    site.bridge.set_world("")


def test_objects_show_their_values_where_fields_are_left_out(site: Site) -> None:
    site.env[VARIABLE] = keys("values")
    found = site.report("verify", SOURCE, site.address)
    assert (found["exit"], found["equal_by_projection"]) == (1, 2)
    assert found["classes"]["same_json"]["keys"] == 2
    assert found["classes"]["value"]["settled"] == 1


def test_without_a_key_for_values_nothing_is_compared_by_a_list(site: Site) -> None:
    site.env[VARIABLE] = keys("verify")
    done = site.run("verify", "--source", SOURCE, "--target", site.address)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no key for values" in done.stderr
