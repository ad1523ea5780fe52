"""The real wrangler drives the fake through CLOUDFLARE_API_BASE_URL: the other client not of ours."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fake_api import Entry, FakeServer, sample_sessions
from tests.runtime.runtime import run_wrangler

Wrangler = Callable[..., bytes]


@pytest.fixture
def wrangler(fake: FakeServer, tmp_path: Path) -> Wrangler:
    def run(*arguments: str, code: int = 0) -> bytes:
        environment = {
            "CLOUDFLARE_API_BASE_URL": fake.url,
            "CLOUDFLARE_API_TOKEN": fake.api.token,
            "CLOUDFLARE_ACCOUNT_ID": fake.api.account,
        }
        done = run_wrangler(tmp_path, tmp_path / "home", ["kv", *arguments], environment)
        assert done.returncode == code, done.stderr.decode()
        return done.stdout if code == 0 else done.stdout + done.stderr

    return run


def test_it_lists_namespaces_and_every_key(fake: FakeServer, wrangler: Wrangler) -> None:
    assert [one["title"] for one in json.loads(wrangler("namespace", "list"))] == ["sessions"]
    fake.api.namespace.load(sample_sessions(2100, now=time.time()))
    fake.api.namespace.put("other", b"")
    where = ["--remote", "--namespace-id", fake.api.namespace.id]
    keys = json.loads(wrangler("key", "list", "--prefix", "spotify_session:", *where))
    truth = fake.api.namespace.entries(time.time(), "spotify_session:")
    assert [key["name"] for key in keys] == list(truth)
    assert [key.get("expiration") for key in keys] == [entry.expiration for entry in truth.values()]
    assert [key.get("metadata") for key in keys] == [
        None if entry.metadata is None else json.loads(entry.metadata) for entry in truth.values()
    ]


def test_it_puts_gets_and_deletes_a_key(fake: FakeServer, wrangler: Wrangler) -> None:
    where = ["--remote", "--namespace-id", fake.api.namespace.id]
    before = int(time.time())
    wrangler("key", "put", "k/ü", "väl", "--ttl", "120", "--metadata", '{"a":1}', *where)
    entry = fake.api.namespace.entries(0)["k/ü"]
    assert (entry.value, json.loads(entry.metadata or "")) == ("väl".encode(), {"a": 1})
    assert entry.expiration is not None
    assert before + 120 <= entry.expiration <= time.time() + 120
    assert wrangler("key", "get", "k/ü", *where) == "väl".encode()
    wrangler("key", "delete", "k/ü", *where)
    assert b"404" in wrangler("key", "get", "k/ü", *where, code=1)


def test_it_puts_gets_and_deletes_in_bulk(fake: FakeServer, wrangler: Wrangler, tmp_path: Path) -> None:
    where = ["--remote", "--namespace-id", fake.api.namespace.id]
    soon = int(time.time()) + 1000
    items = [
        {"key": "a", "value": "1", "expiration": soon, "metadata": {"x": 1}},
        {"key": "b", "value": "/w==", "base64": True},
    ]
    (tmp_path / "put.json").write_text(json.dumps(items))
    (tmp_path / "get.json").write_text(json.dumps(["a", "b", "c"]))
    (tmp_path / "delete.json").write_text(json.dumps(["a"]))
    wrangler("bulk", "put", "put.json", *where)
    assert fake.api.namespace.entries(0) == {"a": Entry(b"1", '{"x":1}', soon), "b": Entry(b"\xff")}
    assert json.loads(wrangler("bulk", "get", "get.json", *where)) == {"a": "1", "b": "\ufffd", "c": None}
    wrangler("bulk", "delete", "delete.json", "--force", *where)
    assert list(fake.api.namespace.entries(0)) == ["b"]


def test_it_understands_how_the_fake_says_no(wrangler: Wrangler) -> None:
    where = ["--remote", "--namespace-id", "0" * 32]
    assert b"namespace not found [code: 10013]" in wrangler("key", "list", *where, code=1)
