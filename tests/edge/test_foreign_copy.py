"""The copy into somebody else's class as its users run it, in both placements, and back out of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.edge.edge import Edge, object_hash
from tests.edge.site import Site, counts

SESSIONS = 60


class ForeignSite(Site):
    """A folder with a dump in it, and fresh objects of somebody else's class."""

    def __init__(self, edge: Edge, folder: Path, placement: str) -> None:
        self._names = {"shards": "wrapped", "per-session": "wrapped-apart"}
        self._placement = placement
        super().__init__(edge, folder, self._names[placement], SESSIONS)

    def call(self, session: str, method: str, *arguments: Any) -> Any:
        shard = f"kvferry:shard:{object_hash(session) % 4}/4"
        name = self.world + (session if self._placement == "per-session" else shard)
        return self.edge.call("WRAPPED", name, method, session, *arguments)


@pytest.fixture
def site(edge: Edge, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ForeignSite]:
    site = ForeignSite(edge, tmp_path, request.param)
    yield site
    site.bridge.set_world("")


@pytest.mark.parametrize("site", ["shards", "per-session"], indirect=True)
def test_a_dump_is_copied_beside_the_classs_own_writes_and_deletions(site: ForeignSite) -> None:
    site.call("00007", "deleteSession")
    site.call("00008", "setSession", {"userId": "newer"})
    copied = site.report("export", "dump:sessions.ndjson", site.address)
    assert (copied["exit"], copied["balanced"]) == (0, True)
    assert counts(copied) == {"copied": SESSIONS - 2, "tombstoned": 1, "newer_here": 1}
    assert site.call("00042", "getSession") == {"data": {"userId": "u42"}}
    assert site.call("00007", "getSession") is None
    assert site.call("00008", "getSession") == {"data": {"userId": "newer"}}
    site.call("00009", "refreshSession")
    site.call("00010", "deleteSession")
    again = site.report("export", "dump:sessions.ndjson", site.address)
    assert counts(again) == {"equal": SESSIONS - 4, "tombstoned": 2, "newer_here": 2}


@pytest.mark.parametrize("site", ["shards"], indirect=True)
def test_what_was_copied_is_verified_and_comes_back_as_it_was(site: ForeignSite) -> None:
    site.report("export", "dump:sessions.ndjson", site.address)
    verified = site.report("verify", "dump:sessions.ndjson", site.address)
    assert (verified["exit"], verified["compared"]) == (0, SESSIONS)
    assert site.back() == site.items
    site.call("00042", "setSession", {"userId": "newer"})
    site.call("00043", "deleteSession")
    found = site.report("verify", "dump:sessions.ndjson", site.address, "--fresh")
    assert (found["exit"], found["against"]) == (0, 0), "what the class itself did is right"
