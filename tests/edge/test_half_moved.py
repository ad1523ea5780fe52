"""Starting in the middle: an application that reads its objects first and renews tokens in one store only
is taken from there to the end, and nobody is logged out on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate.bridge_keys import VARIABLE
from migrate.main import run
from tests.edge.edge import PREFIX, Edge, object_hash
from tests.flows.shell import variables
from tests.stores.durable_side import keys

SESSIONS = 12
RENEWED = range(3, 7)
LOGGED_OUT = 7
IN_KV_ONLY = 8


class HalfMoved:
    """The application, its sessions, what each must read, and the commands as an operator types them."""

    def __init__(self, edge: Edge, folder: Path, output: pytest.CaptureFixture[str], tokens: str) -> None:
        self.edge, self.folder, self.output, self.tokens = edge, folder, output, tokens
        self.names = [f"{tokens}-{number:02}" for number in range(SESSIONS)]
        self.expected: dict[str, str | None] = {}
        target = "do+" + edge.bridge("half-moved").url.rstrip("/")
        self.stores = ("--source", edge.half_moved_kv, "--target", target)

    def ask(self, verb: str, number: int, token: str = "", stage: str | None = None) -> str | None:
        """One verb; a token that is written is what must be read from then on."""
        name = self.names[number]
        order = {"verb": verb, "id": name, "token": token, "stage": stage, "tokens": self.tokens}
        found: str | None = self.edge.half_moved(order)
        if verb != "read":
            self.expected[name] = token or None
        return found

    def lived(self) -> None:
        """What happened before anybody thought of a migration."""
        for number in range(SESSIONS):
            self.ask("login", number, f"first-{number}")
        for number in RENEWED:
            self.ask("renew", number, f"renewed-{number}")
        self.ask("logout", LOGGED_OUT)
        self.past(IN_KV_ONLY, "DELETE FROM sessions WHERE id = ?")

    def past(self, number: int, statement: str) -> None:
        """A statement on the object's table, past every method of the class."""
        name = self.names[number]
        home = f"kvferry:shard:{object_hash(name) % 4}/4"
        self.edge.call("HALF_MOVED", home, "statement", statement, [name])

    def reads(self, stage: str | None) -> dict[str, str | None]:
        """What every user sees at a stage."""
        return {name: self.ask("read", number, stage=stage) for number, name in enumerate(self.names)}

    def served(self, *stages: str) -> None:
        """Everybody gets the newest token, and whoever logged out stays so."""
        for stage in stages:
            assert self.reads(stage) == self.expected, stage

    def origins(self) -> dict[str, int]:
        rows = self.edge.bridge("half-moved").ask("heads", {"keys": [PREFIX + name for name in self.names]})
        found: dict[str, int] = {}
        for row in rows["rows"]:
            word = "nothing" if row is None else "tombstone" if row["tombstone"] else row["origin"]
            found[word] = found.get(word, 0) + 1
        return found

    def run(self, command: str, *more: str) -> dict[str, Any]:
        self.output.readouterr()
        code = run([command, *self.stores, "--prefix", f"{PREFIX}{self.tokens}-", *more, "--json"])
        said = self.output.readouterr()
        assert said.out, said.err
        document: dict[str, Any] = json.loads(said.out)
        assert code == document["exit"], said.err
        return document

    def say(self, word: str) -> None:
        """The operator's word."""
        (self.folder / "kvferry.toml").write_text(f'authority = "{word}"\n')


@pytest.fixture
def begin(
    edge: Edge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Any]:
    """An application that renews its tokens in this store, in the operator's folder."""
    monkeypatch.chdir(tmp_path)
    for name, value in variables(**{VARIABLE: keys()}).items():
        monkeypatch.setenv(name, value)
    yield lambda tokens: HalfMoved(edge, tmp_path, capsys, tokens)
    edge.set_stage("object-first")


def of(document: dict[str, Any]) -> dict[str, int]:
    return {name: one["keys"] for name, one in document["classes"].items() if one["keys"]}


def test_where_kv_is_right_it_goes_by_shadow_read_and_nobody_is_logged_out(begin: Any) -> None:
    app = begin("kv")
    app.edge.set_stage("dual-write")
    app.lived()
    stale = {app.names[number]: f"first-{number}" for number in RENEWED}
    assert app.reads(None) == app.expected | stale, "it reads what it has renewed elsewhere"
    # Nobody has said who is right: nothing is touched, and nothing is proven.
    unsaid = app.run("export")
    assert (unsaid["exit"], unsaid["tally"]["legacy"], unsaid["tally"]["copied"]) == (3, len(RENEWED), 1)
    assert "--authority kv or --authority target" in unsaid["note"]
    assert app.run("export")["tally"]["legacy"] == len(RENEWED)
    found = app.run("verify")
    assert (found["exit"], of(found)) == (1, {"equal": 7, "legacy": 4, "tombstoned": 1})
    # With the word, a sweep brings what has settled; what is renewed meanwhile is mended by the next.
    app.say("kv")
    app.served("kv", "dual-write", "shadow-read")
    found = app.run("verify")
    assert (found["exit"], of(found)) == (1, {"equal": 7, "legacy_stale": 4, "tombstoned": 1})
    swept = app.run("export")
    assert (swept["exit"], swept["tally"]["updated"], swept["tally"]["legacy"]) == (0, 4, 0)
    app.ask("renew", 3, "renewed-again")
    app.ask("renew", 4, "by the store", stage="dual-write")
    app.ask("renew", 0, "of a legacy row", stage="dual-write")
    assert app.run("export")["tally"]["updated"] == 1
    app.served("dual-write", "shadow-read")
    app.ask("renew", 5, "at shadow-read", stage="shadow-read")
    app.ask("logout", 6, stage="shadow-read")
    clean = app.run("verify")
    assert (clean["exit"], clean["verdict"], clean["authority"]) == (0, "clean", "kv")
    assert of(clean) == {"equal": 10, "tombstoned": 2}
    assert clean["legacy_equal"] == app.origins()["legacy"] == 5
    # And on to the end.
    app.edge.set_stage("object-first")
    app.served("shadow-read", "object-first")
    app.ask("renew", 1, "at object-first", stage="object-first")
    app.served("object-first", "object-only", "shadow-read")
    assert app.run("verify", "--stage", "object-first")["verdict"] == "clean"


def test_where_the_target_is_right_no_row_is_touched_and_it_enters_at_object_first(begin: Any) -> None:
    app = begin("object")
    app.lived()
    assert app.reads(None) == app.expected
    app.say("target")
    before = app.origins()
    assert before == {"legacy": SESSIONS - 2, "nothing": 1, "tombstone": 1}
    for _ in range(2):
        copied = app.run("export")
        assert (copied["exit"], copied["tally"]["updated"], copied["tally"]["legacy"]) == (0, 0, 4)
    assert app.origins() == {"legacy": before["legacy"], "copy": 1, "tombstone": 1}
    app.served("object-first", "object-only")
    stale = {app.names[number]: f"first-{number}" for number in RENEWED}
    assert app.reads("shadow-read") == app.expected | stale, "the stages of KV are not for it"
    app.ask("renew", 3, "at object-first", stage="object-first")
    app.ask("logout", 5, stage="object-first")
    app.served("object-first", "object-only")
    clean = app.run("verify", "--stage", "object-first")
    assert (clean["exit"], clean["verdict"], clean["authority"]) == (0, "clean", "target")
    assert of(clean) == {"equal": 8, "kv_behind": 2, "tombstoned": 2}
