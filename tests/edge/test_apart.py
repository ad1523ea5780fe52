"""One object per session: the copy, and what only this placement can get wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge.edge import Edge
from tests.edge.site import Site, counts

SESSIONS = 60


@pytest.fixture
def site(edge: Edge, tmp_path: Path) -> Iterator[Site]:
    site = Site(edge, tmp_path, "apart", SESSIONS)
    yield site
    site.bridge.set_world("")


def test_every_session_gets_an_object_of_its_own_name(site: Site) -> None:
    site.call("00007", "deleteSession")
    site.call("00008", "putSession", {"userId": "newer"})
    copied = site.report("export", "dump:sessions.ndjson", site.address)
    assert (copied["exit"], copied["balanced"]) == (0, True)
    assert counts(copied) == {"copied": SESSIONS - 2, "tombstoned": 1, "newer_here": 1}
    assert site.call("00042", "getSession") == {"data": {"userId": "u42"}}
    assert site.call("00007", "getSession") is None
    assert site.call("00008", "getSession") == {"data": {"userId": "newer"}}
    again = site.report("export", "dump:sessions.ndjson", site.address)
    assert counts(again) == {"equal": SESSIONS - 2, "tombstoned": 1, "newer_here": 1}
