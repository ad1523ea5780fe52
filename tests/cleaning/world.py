"""A namespace at the fake API with a migrated prefix and another one, and cleanups of it as commands."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from migrate.clock import SystemClock
from migrate.core.document import Document
from migrate.core.gate.verdict import Door
from migrate.core.names import CANARY
from migrate.core.record import NEVER, Key, Record
from migrate.formats import report
from migrate.gate.exhibits import EXPORT, VERIFY
from migrate.main import run
from migrate.stores.dump import DumpSource
from tests.fake_api import ACCOUNT, NAMESPACE, Entry, FakeApi, FakeServer
from tests.gate.finishing import kept
from tests.gate.test_gate import open_bundle

KV = f"kv://{ACCOUNT}/{NAMESPACE}"
SESSION, OTHER = "spotify_session:", "cache:temp:"
TARGET = "sqlite:sessions.db"
NAME = ["--execute", "--name", NAMESPACE, "--settle", "0"]
SECRET = "planted-id"
HOUR = 3600


@dataclass
class World:
    """The fake, and what kvferry says of it."""

    server: FakeServer
    capsys: pytest.CaptureFixture[str]

    @property
    def fake(self) -> FakeApi:
        return self.server.api

    def load(self, prefix: str, count: int, entry: Callable[[int], Entry] | None = None) -> list[str]:
        """So many keys under the prefix; by default they live for a day."""
        later = int(time.time()) + 24 * HOUR
        made = entry or (lambda number: Entry(b"planted-value %d" % number, None, later))
        items = {f"{prefix}{SECRET}-{number:05}": made(number) for number in range(count)}
        self.fake.namespace.load(items.items())
        return list(items)

    def held_canary(self) -> None:
        """The session store's own key, and another one with its prefix."""
        for key in (CANARY, "kvferry:other"):
            self.fake.namespace.put(key, b"planted-value")

    def keys(self, prefix: str = "") -> list[str]:
        return list(self.fake.namespace.entries(time.time(), prefix))

    def run(self, *words: str) -> tuple[int, str, str]:
        """Any command; its exit code and what it printed."""
        self.capsys.readouterr()
        code = run([*words, "--quiet"])
        told = self.capsys.readouterr()
        assert SECRET not in told.out + told.err
        assert "planted-value" not in told.out + told.err
        return code, told.out, told.err

    def cleanup(self, *words: str) -> Document:
        """A cleanup that gets as far as a report."""
        code, out, err = self.run("cleanup", "--source", KV, "--json", *words)
        assert out, err
        document: Document = json.loads(out)
        report.validate(document, "cleanup-report")
        assert document["exit"] == code or err
        report.render(document, "text")
        return document

    def refused(self, *words: str) -> tuple[int, str]:
        """A cleanup that gets nowhere: exit code and message; nothing was sent that deletes."""
        before = self.fake.stats.by_kind["bulk_delete"]
        code, out, err = self.run("cleanup", "--source", KV, *words)
        assert out == ""
        assert self.fake.stats.by_kind["bulk_delete"] == before
        return code, err

    def migrate(self) -> Document:
        """Copy the sessions, and open the door to cleanup; returns the verdict."""
        stores = ["--source", KV, "--target", TARGET, "--quiet", "--rate", "100000/1", "--settle", "0"]
        for verb in ("export", "verify"):
            assert run([verb, *stores, "--output", f"json={verb}.json"]) == 0
        reports = {
            EXPORT: json.loads(Path("export.json").read_text()),
            VERIFY: json.loads(Path("verify.json").read_text()),
        }
        clock = SystemClock()
        try:
            return kept(open_bundle(reports, Door.CLEANUP), Path(".kvferry/ledger.db"), clock)
        finally:
            clock.stop()


def dumped(document: Document) -> dict[str, Record]:
    """What is in the dump of a cleanup, which a source of an export reads."""
    file = Path(document["dump"]["file"])
    assert file.stat().st_mode & 0o777 == 0o600
    source = DumpSource(file)
    source.prepare()
    found: dict[str, Record] = {}
    cursor = None
    while True:
        page = source.scan("", cursor)
        answers = source.read([head.key for head in page.heads])
        found.update({key: one for key, one in answers.items() if isinstance(one, Record)})
        cursor = page.next
        if cursor is None:
            break
    source.close()
    assert len(found) == document["dump"]["records"]
    return found


def record_of(key: str, entry: Entry) -> Record:
    """An entry of the fake as a record."""
    expiration = NEVER if entry.expiration is None else entry.expiration
    return Record(Key(key), entry.value, entry.metadata, expiration)
