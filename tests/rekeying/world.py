"""A namespace at the fake API whose sessions get another prefix, as commands."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import pytest

from migrate.core.document import Document
from migrate.formats import report
from migrate.main import run
from tests.fake_api import ACCOUNT, NAMESPACE, Entry, FakeServer, Namespace

KV = f"kv://{ACCOUNT}/{NAMESPACE}"
OLD, NEW = "session:", "spotify_session:"
SECRET = "planted-id"
DAY = 86_400
SHORT = ["--rate", "100000/1", "--settle", "0.05"]
GO = ["--execute", "--name", NAMESPACE]


@dataclass
class World:
    """The fake, and what kvferry says of it."""

    server: FakeServer
    capsys: pytest.CaptureFixture[str]

    @property
    def held(self) -> Namespace:
        return self.server.api.namespace

    def load(self, count: int) -> list[str]:
        """So many sessions under the old prefix; what stands behind it."""
        later = int(time.time()) + DAY
        rests = [f"{SECRET}-{number:04}" for number in range(count)]
        items = (
            (OLD + rest, Entry(b"planted-value %d" % at, f'{{"n":{at}}}', later + at))
            for at, rest in enumerate(rests)
        )
        self.held.load(items)
        return rests

    def under(self, prefix: str) -> dict[str, Entry]:
        """What is there under a prefix, by what stands behind it."""
        found = self.held.entries(time.time(), prefix)
        return {key[len(prefix) :]: entry for key, entry in found.items()}

    def run(self, *words: str, settle: bool = True) -> tuple[int, str, str]:
        self.capsys.readouterr()
        short = SHORT if settle else SHORT[:2]
        code = run(["rekey", OLD, NEW, "--source", KV, *short, "--quiet", *words])
        told = self.capsys.readouterr()
        assert SECRET not in told.out + told.err
        assert "planted-value" not in told.out + told.err
        return code, told.out, told.err

    def rekey(self, *words: str) -> Document:
        """One that gets as far as a report."""
        code, out, err = self.run("--json", *words)
        assert out, err
        document: Document = json.loads(out)
        report.validate(document, "rekey-report")
        report.render(document, "text")
        assert document["balanced"]
        assert document["exit"] == code or err
        return document

    def copy(self) -> Document:
        return self.rekey(*GO)

    def delete(self, *words: str) -> Document:
        return self.rekey("--delete-old", *GO, *words)


def some(told: dict[str, Any]) -> dict[str, int]:
    """The counts that are not zero."""
    return {name: n for name, n in {**told["tally"], **told.get("beside", {})}.items() if n}
