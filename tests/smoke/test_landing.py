"""Smoke through a real application, a shop in Python over KV and SQLite, at each stage."""

from __future__ import annotations

import json
import shlex
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.formats.report import validate
from migrate.main import run
from migrate.stores.sqlite import SqliteSessions
from tests.fake_api import ACCOUNT, NAMESPACE, PREFIX, TOKEN, FakeServer, Reply
from tests.fake_api.faults import Action, Mint
from tests.fake_api.wire import Answer, Call

KV = f"kv://{ACCOUNT}/{NAMESPACE}"
ROOT = Path(__file__).parents[2]
SHOP = shlex.join([sys.executable, str(Path(__file__).with_name("shop.py"))])
STAGES = ["kv", "dual-write", "shadow-read", "object-first", "object-only"]


class Forgetful(Action):
    """A bulk get that does not see anything yet."""

    def after(self, call: Call, answer: Answer, mint: Mint) -> Answer:
        assert answer.document is not None
        values = answer.document["result"]["values"]
        values.update(dict.fromkeys(values))
        return answer


Ended = tuple[int, dict[str, Any], str]
Typed = Callable[..., Ended]


@pytest.fixture
def typed(
    fake: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Typed:
    """Types smoke at a stage of the shop: exit code, document, standard error."""
    for name in ("CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_API_TOKEN_FILE", "CLOUDFLARE_ENV", "CF_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
    monkeypatch.setenv("CLOUDFLARE_API_BASE_URL", fake.url)
    monkeypatch.setenv("SHOP_KV", f"{fake.url}/accounts/{ACCOUNT}/storage/kv/namespaces/{NAMESPACE}")
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    monkeypatch.setenv("SHOP_DB", str(tmp_path / "sessions.db"))
    monkeypatch.chdir(tmp_path)
    SqliteSessions(tmp_path / "sessions.db", prefix=PREFIX).close()

    def typed(stage: str, *more: str, said: str | None = "", settle: str = "0") -> Ended:
        monkeypatch.setenv("SESSION_STAGE", stage)
        words = ["smoke", "--source", KV, "--target", "sqlite:sessions.db", "--json", "--settle", settle]
        if said is not None:
            words += ["--stage", said or stage]
        if "--login" not in more:
            words += ["--login", f"{SHOP} login", "--cookie", "sid"]
        code = run([*words, *more])
        out, err = capsys.readouterr()
        document = json.loads(out) if out else {}
        if document:
            validate(document, "smoke")
            assert ids(fake, tmp_path).isdisjoint(out.replace('"', " ").split())
            for one in ids(fake, tmp_path):
                assert one not in out + err
        return code, document, err

    return typed


def ids(fake: FakeServer, folder: Path) -> set[str]:
    """The sessions' ids wherever they are."""
    keys = set(fake.api.namespace.entries(0))
    with sqlite3.connect(folder / "sessions.db") as file:
        tables = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            columns = [column for _, column, *_ in file.execute(f"PRAGMA table_info('{table}')")]
            if "key" in columns:
                keys |= {key for (key,) in file.execute(f"SELECT key FROM '{table}'") if isinstance(key, str)}
    return {key.removeprefix(PREFIX) for key in keys if key.startswith(PREFIX)}


def failed(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {
        (look["after"], point["name"])
        for look in document["looks"]
        for point in look["points"]
        if not point["holds"]
    }


@pytest.mark.parametrize("stage", STAGES)
def test_a_login_lands_where_its_stage_says_and_a_logout_ends_it(typed: Typed, stage: str) -> None:
    code, document, _ = typed(stage, "--logout", f"{SHOP} logout")
    assert (code, document["verdict"], failed(document)) == (0, "agrees", set())
    login, logout = document["looks"]
    assert (login["stage"], logout["stage"]) == (stage, stage)
    assert login["kv"]["there"] == (stage != "object-only")
    assert login["target"]["there"] == (stage != "kv")
    assert logout["kv"]["there"] is False
    assert logout["target"]["tombstone"] == (stage != "kv")
    assert document["left"] is None
    assert document["session"].startswith(f"{PREFIX}#")


def test_it_shows_when_kv_had_it_and_until_when_both_have_it(typed: Typed) -> None:
    _, document, _ = typed("dual-write")
    (look,) = document["looks"]
    assert look["kv"]["after_seconds"] is not None
    assert look["kv"]["expires"] == look["target"]["expires"]
    assert (look["kv"]["stamped"], look["kv"]["version"], look["target"]["version"]) == (True, 1, 1)
    assert look["target"]["origin"] == "dual"
    assert document["left"] == "the session is still logged in"


@pytest.mark.parametrize(
    ("stage", "said", "wrong"),
    [
        ("kv", "dual-write", {("login", "target")}),
        ("dual-write", "kv", {("login", "target")}),
        ("object-only", "object-first", {("login", "kv")}),
        ("object-first", "object-only", {("login", "kv")}),
        ("shadow-read", "object-first", {("login", "target")}),
    ],
)
def test_another_stage_than_was_said_is_exit_1(typed: Typed, stage: str, said: str, wrong: set[Any]) -> None:
    code, document, _ = typed(stage, said=said)
    assert (code, document["verdict"], failed(document)) == (1, "disagrees", wrong)


def test_nobody_says_the_stage_of_a_file_so_it_is_unproven_and_shown_all_the_same(typed: Typed) -> None:
    code, document, _ = typed("dual-write", said=None)
    assert (code, document["verdict"], document["told"]) == (3, "unproven", "this target has no heartbeats")
    assert (document["looks"][0]["kv"]["there"], document["looks"][0]["target"]["origin"]) == (True, "dual")


def test_kv_that_lags_is_waited_for_and_no_longer_than_is_allowed(typed: Typed, fake: FakeServer) -> None:
    fake.api.faults.add(Forgetful(), on="bulk_get", nth=[2, 3])  # the first asks whether KV answers at all
    code, document, _ = typed("dual-write", settle="20")
    assert code == 0
    assert document["looks"][0]["kv"]["after_seconds"] >= 0.5
    fake.api.faults.add(Forgetful(), on="bulk_get")
    code, document, _ = typed("dual-write", settle="0.6")
    assert (code, failed(document)) == (1, {("login", "kv")})


def test_the_id_alone_and_a_whole_key_are_understood_too(typed: Typed) -> None:
    assert typed("dual-write", "--login", f"{SHOP} login quietly")[0] == 0
    code = f"import subprocess as s; print('{PREFIX}' + s.getoutput({f'{SHOP} login quietly'!r}))"
    whole = shlex.join([sys.executable, "-c", code])
    assert typed("dual-write", "--login", whole)[0] == 0


def test_of_several_prefixes_the_one_that_has_it_is_found(typed: Typed) -> None:
    code, document, _ = typed("dual-write", "--prefix", "other:", "--prefix", PREFIX)
    assert (code, document["session"].startswith(f"{PREFIX}#")) == (0, True)


def test_an_id_that_neither_store_has_is_exit_1_and_says_what_it_may_be(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["smoke", "--source", KV, "--target", "sqlite:sessions.db", "--settle", "0", "--stage", "kv"]
    assert run([*words, "--login", "echo signed.abc", "--quiet"]) == 1
    out, _ = capsys.readouterr()
    assert "neither store has it: is what the login printed the id" in out
    assert "signed" not in out


@pytest.mark.parametrize("login", ["false", "true", "sh -c 'echo a b'"])
def test_a_login_that_gives_no_session_is_exit_3_and_nothing_was_looked_at(typed: Typed, login: str) -> None:
    code, document, err = typed("dual-write", "--login", login)
    assert (code, document["verdict"], document["looks"]) == (3, "unproven", [])
    assert "kvferry: the " in err


def test_a_logout_that_fails_is_exit_3_and_says_what_is_left(typed: Typed) -> None:
    code, document, _ = typed("dual-write", "--logout", "false")
    assert (code, document["verdict"]) == (3, "unproven")
    assert document["left"] == "the session is still logged in"


def test_a_logout_that_does_nothing_is_exit_1(typed: Typed) -> None:
    code, document, _ = typed("dual-write", "--logout", "true")
    assert (code, failed(document)) == (1, {("logout", "kv"), ("logout", "target")})


def test_nobody_is_logged_in_where_nothing_could_be_seen(
    typed: Typed, fake: FakeServer, tmp_path: Path
) -> None:
    fake.api.faults.add(Reply(403, 10000), on="bulk_get", times=1)
    code, document, _ = typed("dual-write")
    assert (code, document["looks"]) == (2, [])
    assert ids(fake, tmp_path) == set()


def test_who_cannot_be_seen_any_more_is_logged_out_all_the_same(
    typed: Typed, fake: FakeServer, tmp_path: Path
) -> None:
    fake.api.faults.add(Reply(403, 10000), on="bulk_get", nth=[2])
    code, document, _ = typed("dual-write", "--logout", f"{SHOP} logout")
    assert (code, document["verdict"], document["left"]) == (2, "unproven", None)
    assert fake.api.namespace.entries(0) == {}


def test_what_the_commands_print_is_shown_when_asked_and_without_the_id(typed: Typed) -> None:
    _, _, quiet = typed("dual-write", "--quiet")
    assert "204 No Content" not in quiet
    _, document, err = typed("dual-write", "--quiet", "--show-output")
    assert "--login: HTTP/1.1 204 No Content" in err
    assert "--login: Set-Cookie: sid=#" in err
    assert "left" in document


def test_nobody_is_logged_in_whose_logout_cannot_be_run(
    typed: Typed, fake: FakeServer, tmp_path: Path
) -> None:
    code, document, err = typed("dual-write", "--logout", "./no-such-file")
    assert (code, document, ids(fake, tmp_path)) == (2, {}, set())
    assert "the command of --logout cannot be run" in err


def test_a_dump_is_written_by_no_application(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["smoke", "--source", KV, "--target", "dump:x.ndjson", "--login", f"{SHOP} login"]
    assert run(words) == 2
    assert "an application does not write a dump" in capsys.readouterr().err


def test_the_text_says_it_in_words(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    typed("dual-write")
    words = [
        "smoke",
        "--source",
        KV,
        "--target",
        "sqlite:sessions.db",
        "--settle",
        "0",
        "--stage",
        "dual-write",
    ]
    login = ["--login", f"{SHOP} login", "--cookie", "sid", "--logout", f"{SHOP} logout", "--quiet"]
    assert run([*words, *login]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "smoke, the session is where its stage says"
    assert "stage    --stage says dual-write" in lines
    login_at = lines.index("after the login, by dual-write")
    logout_at = lines.index("after the logout, by dual-write")
    stamped = "there, with the session store's stamp of this very value (after "
    assert lines[login_at + 1].startswith(f"  ok      kv          {stamped}")
    assert lines[login_at + 2] == "  ok      target      a row of origin dual, version 1"
    assert lines[login_at + 3].startswith("  ok      expiration  the same in both: KV 20")
    assert lines[logout_at + 2] == "  ok      target      a tombstone: nothing brings it back"
