"""The official Python SDK drives the fake: a client that nobody here wrote."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudflare
import pytest

from tests.fake_api import Entry, FakeServer, Reply
from tests.runtime.runtime import run_wrangler


@pytest.fixture
def sdk(fake: FakeServer) -> Iterator[cloudflare.Cloudflare]:
    with cloudflare.Cloudflare(base_url=fake.url, api_token=fake.api.token, max_retries=0) as client:
        yield client


def test_it_finds_namespaces_account_and_token(fake: FakeServer, sdk: cloudflare.Cloudflare) -> None:
    for number in range(45):
        fake.api.add_namespace(f"{number:032}", f"n{number:02}")
    account = fake.api.account
    titles = [one.title for one in sdk.kv.namespaces.list(account_id=account)]
    assert titles == [f"n{number:02}" for number in range(45)] + ["sessions"]
    one = sdk.kv.namespaces.get(fake.api.namespace.id, account_id=account)
    assert one is not None
    assert one.title == "sessions"
    verified = sdk.user.tokens.verify()
    assert verified is not None
    assert verified.status == "active"
    assert [one.id for one in sdk.accounts.list()] == [account]


def test_it_lists_every_key_with_expiration_and_metadata(
    fake: FakeServer, sdk: cloudflare.Cloudflare
) -> None:
    soon = int(time.time()) + 1000
    fake.api.namespace.load(
        (f"p:ü{number:02}", Entry(b"", '{"n":1}', soon if number % 2 else None)) for number in range(35)
    )
    fake.api.namespace.put("q", b"")
    keys = list(
        sdk.kv.namespaces.keys.list(fake.api.namespace.id, account_id=fake.api.account, limit=10, prefix="p:")
    )
    assert [key.name for key in keys] == [f"p:ü{number:02}" for number in range(35)]
    assert [key.expiration for key in keys[:2]] == [None, soon]
    assert keys[0].metadata == {"n": 1}


def test_it_puts_reads_and_deletes_single_values(fake: FakeServer, sdk: cloudflare.Cloudflare) -> None:
    where: dict[str, Any] = {"account_id": fake.api.account, "namespace_id": fake.api.namespace.id}
    values, before = sdk.kv.namespaces.values, time.time()
    value = b"\xff\r\n--boundary\r\n\r\n"
    values.update("k/ü %", **where, value=value, metadata={"a": [1, "ü"]}, expiration_ttl=60)
    entry = fake.api.namespace.entries(0)["k/ü %"]
    assert entry.value == value
    assert entry.expiration is not None
    assert int(before) + 60 <= entry.expiration <= time.time() + 60
    got = values.get("k/ü %", **where)
    assert (got.read(), got.headers["expiration"]) == (value, str(entry.expiration))
    assert sdk.kv.namespaces.metadata.get("k/ü %", **where) == {"a": [1, "ü"]}
    values.delete("k/ü %", **where)
    with pytest.raises(cloudflare.NotFoundError, match="10009"):
        values.get("k/ü %", **where)
    with pytest.raises(cloudflare.BadRequestError, match="10034"):
        values.update("a", **where, value=b"", expiration_ttl=59)


def test_it_puts_gets_and_deletes_in_bulk(fake: FakeServer, sdk: cloudflare.Cloudflare) -> None:
    account, namespace = fake.api.account, fake.api.namespace.id
    done = sdk.kv.namespaces.bulk_update(
        namespace,
        account_id=account,
        body=[
            {"key": "a", "value": "1", "metadata": {"x": 1}, "expiration_ttl": 600},
            {"key": "b", "value": "/w==", "base64": True},
        ],
    )
    assert done is not None
    assert (done.successful_key_count, done.unsuccessful_keys) == (2, [])
    got = sdk.kv.namespaces.bulk_get(
        namespace, account_id=account, keys=["a", "b", "c"], type="text", with_metadata=True
    )
    values = got.model_dump()["values"] if got is not None else {}
    expiration = fake.api.namespace.entries(0)["a"].expiration
    assert values["a"] == {"value": "1", "metadata": {"x": 1}, "expiration": expiration}
    assert (values["b"]["value"], values["c"]) == ("\ufffd", None)
    gone = sdk.kv.namespaces.bulk_delete(namespace, account_id=account, body=["a"])
    assert gone is not None
    assert gone.successful_key_count == 1
    assert list(fake.api.namespace.entries(0)) == ["b"]


def test_it_understands_how_the_fake_says_no(fake: FakeServer) -> None:
    with (
        cloudflare.Cloudflare(base_url=fake.url, api_token="wrong", max_retries=0) as stranger,
        pytest.raises(cloudflare.PermissionDeniedError, match="10000"),
    ):
        stranger.kv.namespaces.get(fake.api.namespace.id, account_id=fake.api.account)


def test_it_waits_as_long_as_the_fake_says_and_tries_again(fake: FakeServer) -> None:
    fake.api.faults.add(Reply(429, 10046, retry_after=1), times=1)
    with cloudflare.Cloudflare(base_url=fake.url, api_token=fake.api.token, max_retries=1) as sdk:
        one = sdk.kv.namespaces.get(fake.api.namespace.id, account_id=fake.api.account)
    assert one is not None
    assert fake.api.stats.requests == 2


def test_the_sdk_key_iterator_stops_at_an_empty_page(
    fake: FakeServer, sdk: cloudflare.Cloudflare, tmp_path: Path
) -> None:
    long_ago, namespace = int(time.time()) - 1000, fake.api.namespace
    namespace.load((f"a{number:03}", Entry(b"")) for number in range(1000))
    namespace.load((f"b{number:03}", Entry(b"", None, long_ago)) for number in range(1000))
    namespace.put("c", b"")
    everything = list(namespace.entries(time.time()))
    assert (len(everything), everything[-1]) == (1001, "c")

    keys = sdk.kv.namespaces.keys.list(namespace.id, account_id=fake.api.account)
    assert [key.name for key in keys] == everything[:-1]  # and no word that there is more

    environment = {
        "CLOUDFLARE_API_BASE_URL": fake.url,
        "CLOUDFLARE_API_TOKEN": fake.api.token,
        "CLOUDFLARE_ACCOUNT_ID": fake.api.account,
    }
    done = run_wrangler(
        tmp_path,
        tmp_path / "home",
        ["kv", "key", "list", "--remote", "--namespace-id", namespace.id],
        environment,
    )
    assert done.stdout.count(b'"name"') == len(everything)
