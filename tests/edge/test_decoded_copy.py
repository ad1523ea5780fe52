"""The copy into a class that keeps decoded fields: values come back in another form, and not every value has
a place there."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate import runner
from migrate.bridge_keys import VARIABLE
from migrate.clock import SystemClock
from migrate.core.record import Key, Record
from migrate.opening import Opener, Settings
from migrate.stores.memory import MemoryKv
from tests.edge.edge import PREFIX, Edge, object_hash
from tests.edge.site import Site, counts
from tests.stores.durable_side import keys

SESSIONS = 60
SOURCE = "dump:sessions.ndjson"
BAD = range(3, SESSIONS, 5)
KILLER = Path(__file__).parent / "killed.py"


class Decoded(Site):
    """A folder with a dump, and fresh objects of a class that has columns for two fields."""

    def __init__(self, edge: Edge, folder: Path) -> None:
        super().__init__(edge, folder, "decoded", 0)
        self.later = int(time.time()) + 90_000
        self.write(BAD)

    def write(self, bad: range) -> None:
        """The dump, in which `bad` have what the class cannot store: a third of them no JSON at all."""
        values = [self.value(number) for number in range(SESSIONS)]
        for number in bad:
            values[number] = "planted" if number % 3 == 0 else '{"userId":"refused","visits":0}'
        lines = [
            {"key": f"{PREFIX}{number:05}", "value": value, "expiration": self.later}
            for number, value in enumerate(values)
        ]
        (self.folder / "sessions.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))

    def value(self, number: int) -> str:
        """As the source has it: the class gives its own form of it."""
        return json.dumps({"visits": number, "userId": f"u{number}"})

    def user(self, number: int) -> Any:
        session = f"{number:05}"
        shard = f"kvferry:shard:{object_hash(session) % 4}/4"
        return self.edge.call("DECODED", self.world + shard, "getUser", session)


@pytest.fixture
def site(edge: Edge, tmp_path: Path) -> Iterator[Decoded]:
    site = Decoded(edge, tmp_path)
    yield site
    site.bridge.set_world("")


def checked(site: Decoded, copied: dict[str, Any]) -> None:
    """All but those that the class cannot store are there, and those are in quarantine."""
    assert copied["balanced"]
    assert counts(copied) == {"copied": SESSIONS - len(BAD), "quarantined": len(BAD)}
    found = site.report("verify", SOURCE, site.address)
    classes = {name: one["settled"] or one["keys"] for name, one in found["classes"].items() if one["keys"]}
    assert classes == {"same_json": SESSIONS - len(BAD), "quarantined": len(BAD)}
    assert (found["exit"], found["against"]) == (1, len(BAD))


def test_what_the_class_cannot_store_is_in_quarantine_and_the_rest_is_copied(site: Decoded) -> None:
    assert {object_hash(f"{number:05}") % 4 for number in BAD} == {0, 1, 2, 3}, "in every object"
    copied = site.report("export", SOURCE, site.address)
    checked(site, copied)
    reasons = {sample["reason"] for sample in copied["quarantined"]["samples"]}
    assert len(reasons) == 1
    assert "write function" in reasons.pop()
    text = site.run("export", "--source", SOURCE, "--target", site.address)
    assert "quarantined" in text.stdout
    assert "planted" not in text.stdout + text.stderr + json.dumps(copied)
    assert [site.user(number) for number in (0, 3)] == ["u0", None]


def test_what_is_mended_at_the_source_leaves_the_quarantine_and_what_is_not_stays(site: Decoded) -> None:
    site.report("export", SOURCE, site.address)
    site.write(BAD[:11])  # more than an import takes: what the last of them removes is not theirs
    again = site.report("export", SOURCE, site.address, "--retry-quarantined")
    assert counts(again) == {"copied": len(BAD) - 11, "quarantined": 11}
    found = site.report("verify", SOURCE, site.address)
    assert (found["against"], found["classes"]["quarantined"]["settled"]) == (11, 11)
    site.write(range(0))
    site.report("export", SOURCE, site.address)
    found = site.report("verify", SOURCE, site.address)
    assert (found["exit"], found["classes"]["quarantined"]["keys"]) == (0, 0)


@pytest.mark.parametrize(("moment", "number"), [("after", 4), ("before", 7)])
def test_an_exporter_that_is_killed_puts_the_same_into_quarantine(
    site: Decoded, moment: str, number: int
) -> None:
    words = ["export", "--source", SOURCE, "--target", site.address, "--json"]
    command = [sys.executable, str(KILLER), moment, str(number), *words]
    killed = subprocess.run(command, cwd=site.folder, env=site.env, capture_output=True, timeout=60)
    assert killed.returncode == -9, killed.stderr
    checked(site, site.report("export", SOURCE, site.address))


def sweep(site: Decoded, monkeypatch: pytest.MonkeyPatch, kv: MemoryKv, *scopes: str) -> dict[str, Any]:
    monkeypatch.setattr(Opener, "source", lambda *given, **more: kv)
    settings = Settings(
        clock=SystemClock(),
        ledger=site.folder / "ledger.db",
        environ={VARIABLE: keys(*scopes)},
        cwd=site.folder,
    )
    ended = runner.export("kv:", site.address, settings=settings, prefixes=(PREFIX,))
    assert ended.error is None
    assert ended.document["balanced"]
    return dict(ended.document)


@pytest.fixture
def kv(site: Decoded) -> MemoryKv:
    kv = MemoryKv(clock=SystemClock(), horizon=0.0, width=1000)
    for number in range(SESSIONS):
        kv.put(session(site, number))
    return kv


def session(site: Decoded, number: int, value: str | None = None) -> Record:
    text = site.value(number) if value is None else value
    return Record(Key(f"{PREFIX}{number:05}"), text.encode(), None, site.later)


def test_a_later_sweep_leaves_alone_what_differs_in_form_and_mends_what_differs(
    site: Decoded, kv: MemoryKv, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert counts(sweep(site, monkeypatch, kv)) == {"copied": SESSIONS}
    kv.put(session(site, 7, '{"visits": 7, "userId": "another"}'))
    kv.put(session(site, 8, '{"visits": 8, "userId": "refused"}'))
    second = sweep(site, monkeypatch, kv)
    assert counts(second) == {"equal": SESSIONS - 2, "updated": 1, "quarantined": 1}
    assert second["equal_by_json"] == SESSIONS - 2
    assert [site.user(number) for number in (7, 8)] == ["another", "u8"]
    kv.put(session(site, 8))
    third = sweep(site, monkeypatch, kv)
    assert (counts(third), third["equal_by_json"]) == ({"equal": SESSIONS}, SESSIONS)


def test_without_a_key_for_values_a_later_sweep_writes_again_what_it_cannot_compare(
    site: Decoded, kv: MemoryKv, monkeypatch: pytest.MonkeyPatch
) -> None:
    scopes = ("import", "verify")
    sweep(site, monkeypatch, kv, *scopes)
    second = sweep(site, monkeypatch, kv, *scopes)
    assert (counts(second), second["equal_by_json"]) == ({"updated": SESSIONS}, 0)


def test_an_object_that_is_sent_the_same_json_in_other_bytes_says_that_it_is_equal(site: Decoded) -> None:
    site.write(range(0))
    site.report("export", SOURCE, site.address)
    lines = (site.folder / "sessions.ndjson").read_text().splitlines()
    (site.folder / "other.ndjson").write_text("\n".join(lines[:20]) + "\n")
    assert counts(site.report("export", "dump:other.ndjson", site.address)) == {"equal": 20}
