"""The command line of rollback: what it says first, what it asks for, and what it refuses."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate.core.record import Key
from migrate.formats.report import validate
from migrate.main import run
from migrate.stores.sqlite import SqliteSessions, SqliteTarget
from tests.fake_api import ACCOUNT, NAMESPACE, TOKEN, Entry, FakeApi, FakeServer
from tests.flows.shell import kvferry, variables

SOURCE = f"kv://{ACCOUNT}/{NAMESPACE}"
STORES = ["--source", SOURCE, "--target", "sqlite:t.db", "--quiet"]
PREFIX = "spotify_session:"
SECRETS = ("planted-id", "planted-value", TOKEN)


@pytest.fixture(autouse=True)
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    monkeypatch.chdir(tmp_path)
    with FakeServer(FakeApi()) as server:
        monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
        monkeypatch.setenv("CLOUDFLARE_API_BASE_URL", server.url)
        SqliteTarget("t.db", clock=Real()).close()
        yield server


class Real:
    """The real time."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def rows(count: int) -> None:
    sessions = SqliteSessions("t.db", "app")
    for number in range(count):
        until = int(time.time()) + 3600
        sessions.put(Key(f"{PREFIX}planted-id-{number}"), b"planted-value", expiration=until)
    sessions.close()


def rollback(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any, str]:
    capsys.readouterr()
    code = run(["rollback", *STORES, "--json", *words])
    out, err = capsys.readouterr()
    document = json.loads(out) if out else None
    if document is not None:
        validate(document, "rollback-report")
        assert document["exit"] == code
    assert not [secret for secret in SECRETS if secret in out + err]
    return code, document, err


def test_it_says_first_that_no_other_step_back_needs_it(capsys: pytest.CaptureFixture[str]) -> None:
    rows(1)
    assert run(["rollback", *STORES]) == 3
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("going back from object-only to object-first, and to shadow-read, needs nothing")


def test_it_says_what_it_would_do_and_what_that_costs(
    capsys: pytest.CaptureFixture[str], fake: FakeServer
) -> None:
    rows(3)
    fake.api.namespace.load([(f"{PREFIX}planted-id-0", Entry(b"planted-value older"))])
    code, document, _ = rollback(capsys, "--stage", "shadow-read")
    assert (code, document["dry_run"], document["kv"]["written"]) == (0, True, 3)
    assert document["cost"] == {"dollars": "0.00", "dated": document["cost"]["dated"], "free_days": 1}
    assert document["next"].endswith(f"--stage shadow-read --execute --name {NAMESPACE}")
    assert len(fake.api.namespace.entries(time.time())) == 1, "nothing was written"
    code, document, err = rollback(capsys, "--stage", "shadow-read", "--execute")
    assert (code, document) == (2, None)
    assert "nothing was written back: the name is missing" in err


def test_where_there_is_nothing_to_bring_back_it_is_done_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--stage", "shadow-read", "--execute", "--name", NAMESPACE]
    code, document, _ = rollback(capsys, *words)
    assert (code, document["state"], document["next"]) == (0, "complete", "deploy SESSION_STAGE=dual-write")


def test_a_target_that_cannot_tell_needs_the_operators_word(capsys: pytest.CaptureFixture[str]) -> None:
    rows(1)
    code, document, _ = rollback(capsys, "--execute", "--name", NAMESPACE)
    assert (code, document["dry_run"], document["listed"]) == (3, True, 0)
    assert "--stage shadow-read" in document["next"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--target", "dump:s.ndjson"], "a dump is no target"),
        (["--source", "sqlite:t.db"], "is both source and target"),
        (
            ["--target", "do+https://bridge.example.com", "--stage", "shadow-read"],
            "nobody's word is asked for",
        ),
        (["--source", "dump:s.ndjson"], "no KV that an application reads"),
    ],
)
def test_what_cannot_be_gone_back_between_is_refused(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    Path("s.ndjson").write_text("")
    code, document, err = rollback(capsys, *words)
    assert (code, document) == (2, None)
    assert said in err


def test_its_options_may_stand_in_the_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    rows(1)
    text = f'[rollback]\nsource = "{SOURCE}"\ntarget = "sqlite:t.db"\nsettle = 200\n'
    Path("kvferry.toml").write_text(text)
    capsys.readouterr()
    assert run(["rollback", "--json", "--quiet"]) == 3
    assert json.loads(capsys.readouterr().out)["settle_seconds"] == 200


def test_it_says_what_it_would_do_then_wants_the_name(fake: FakeServer, tmp_path: Path) -> None:
    fake.api.namespace.load([(f"{PREFIX}planted-id", Entry(b"v", None, 2_000_000_000))])
    env = variables(fake)
    assert kvferry("export", *STORES, cwd=tmp_path, env=env).returncode == 0
    goes_back = ("rollback", *STORES, "--stage", "shadow-read", "--json")
    done = kvferry(*goes_back, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    validate(document, "rollback-report")
    assert (document["listed"], document["tally"]["kept"]) == (1, 1), "a row of the copy is left as it is"
    assert document["next"].endswith(f"--execute --name {NAMESPACE}")
    refused = kvferry(*goes_back, "--execute", "--name", "another", cwd=tmp_path, env=env)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "planted-id" not in done.stdout + done.stderr + refused.stderr
