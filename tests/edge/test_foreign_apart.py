"""One object per session of somebody else's class: found by the ids, verified, and copied back out."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.edge.edge import PREFIX, Edge
from tests.edge.listing import ACCOUNT, TOKEN, ObjectList, served
from tests.edge.site import Site, counts

SESSIONS = 15
DUMP = "dump:sessions.ndjson"
WORDS = ("verify", DUMP)


class ForeignApart(Site):
    """A folder with a dump, fresh objects of a class, and Cloudflare's list of them."""

    def __init__(self, edge: Edge, folder: Path, bridge: str, binding: str, base: str) -> None:
        super().__init__(edge, folder, bridge, SESSIONS)
        self._foreign = binding
        account = {"CLOUDFLARE_ACCOUNT_ID": ACCOUNT, "CLOUDFLARE_API_TOKEN": TOKEN}
        self.env |= {"CLOUDFLARE_API_BASE_URL": base, **account}

    def own(self, name: str, method: str, *arguments: Any) -> Any:
        """Call a method of the class in the object of this name."""
        return self.edge.call(self._foreign, self.world + name, method, *arguments)

    def plant(self, session: str, data: object) -> None:
        """A session that is older than the toolkit: past every method, in an object of its name."""
        insert = "INSERT INTO sessions (id, data, created_at, last_accessed) VALUES (?, ?, 0, 0)"
        self.own(session, "statement", insert, [session, json.dumps(data)])

    def verified(self, *more: str) -> tuple[int, dict[str, int]]:
        """Exit code, and the classes that any key is in."""
        found = self.report(*WORDS, self.address, "--fresh", *more)
        return found["exit"], {name: one["keys"] for name, one in found["classes"].items() if one["keys"]}


@contextlib.contextmanager
def opened(edge: Edge, folder: Path, bridge: str, binding: str, class_name: str) -> Iterator[ForeignApart]:
    with served(ObjectList(edge, class_name, page=12, rough=True)) as base:
        site = ForeignApart(edge, folder, bridge, binding, base)
        yield site
        site.bridge.set_world("")


@pytest.fixture
def site(edge: Edge, tmp_path: Path) -> Iterator[ForeignApart]:
    with opened(edge, tmp_path, "wrapped-apart", "WRAPPED", "WrappedSessions") as site:
        yield site


@pytest.fixture
def lone(edge: Edge, tmp_path: Path) -> Iterator[ForeignApart]:
    with opened(edge, tmp_path, "lone-apart", "LONE", "LoneSession") as site:
        yield site


def test_what_was_copied_is_found_by_its_objects_ids_and_comes_back_as_it_was(site: ForeignApart) -> None:
    site.report("export", DUMP, site.address)
    site.own("00007", "setSession", "00007", {"userId": "another"})
    site.own("00008", "deleteSession", "00008")
    site.own("extra", "setSession", "extra", {"userId": "extra"})
    found = {"equal": SESSIONS - 2, "newer_in_target": 1, "tombstoned": 1, "extra_app": 1}
    assert site.verified() == (0, found)
    back = site.back()
    assert [item for item in back if item in site.items] == [*site.items[:7], *site.items[9:]]
    assert [item["key"] for item in back if item not in site.items] == [f"{PREFIX}00007", f"{PREFIX}extra"]


def test_sessions_that_are_older_than_the_toolkit_are_found_and_no_copy_replaces_them(
    site: ForeignApart,
) -> None:
    site.plant("00001", {"userId": "old"})
    site.plant("older", {"userId": "older"})
    copied = site.report("export", DUMP, site.address)
    assert counts(copied) == {"copied": SESSIONS - 1, "legacy": 1}
    assert site.verified() == (1, {"equal": SESSIONS - 1, "legacy": 2})
    back = {item["key"]: item["value"] for item in site.back()}
    assert len(back) == SESSIONS + 1
    assert back[f"{PREFIX}00001"] == json.dumps({"userId": "old"})


def test_objects_of_the_class_that_are_no_sessions_are_counted_and_names_left_out(site: ForeignApart) -> None:
    site.report("export", DUMP, site.address)
    site.own("admin:settings", "setSetting", "theme", "dark")
    assert site.own("a-cookie", "getSession", "a-cookie") is None
    site.plant("admin:1", {"userId": "admin"})
    beside = {"equal": SESSIONS, "unnamed": 1, "empty": 1}
    assert site.verified("--ignore-names", "admin:*") == (3, {**beside, "ignored": 1})
    assert site.verified("--ignore-names", "admin:*", "--ignore", "unnamed") == (0, {**beside, "ignored": 1})
    back = site.report("export", site.address, "dump:back.ndjson", "--ignore-names", "admin:*")
    assert counts(back) == {"copied": SESSIONS, "ignored": 1}
    assert back["objects"] == {"unnamed": 1, "empty": 1}


def test_a_class_that_keeps_no_key_is_known_by_what_was_copied(lone: ForeignApart) -> None:
    """An object without a name holds a session as well, and nobody can tell whose."""
    lone.report("export", DUMP, lone.address)
    lone.own("00007", "save", "another", 3600)
    lone.own("00008", "destroy")
    found = {"equal": SESSIONS - 2, "newer_in_target": 1, "tombstoned": 1}
    lone.edge.call("LONE", lone.edge.unique("LONE"), "save", "nobody's", 3600)
    assert lone.verified() == (3, {**found, "unnamed": 1})
    back = {item["key"]: item["value"] for item in lone.back()}
    assert len(back) == SESSIONS - 1
    assert back[f"{PREFIX}00007"] == "another"
