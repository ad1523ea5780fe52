from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from migrate.core.limiting import MemoryRequestLog, Rate
from migrate.core.ports import Answer, Cursor, CursorRefused, Unreadable
from migrate.core.record import NEVER, Key, Record
from migrate.errors import StoreRefused, StoreUnavailable
from migrate.stores.cloudflare import Api
from migrate.stores.kv_explorer import EXPLORERS, PATIENCE
from migrate.stores.kv_local import LocalKvSource
from tests.stores.kv_server import Entry, Kv, SleepingClock, failure, success


@dataclass
class LocalKv(Kv):
    """The local runtime's gaps, as wrangler 4.164 has them; other paths reach the Worker."""

    explorer: str = EXPLORERS[0]
    title: str = "SESSIONS"
    worker: httpx.Response = field(default_factory=lambda: httpx.Response(200, content=b"hello"))

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == self.explorer:
            return httpx.Response(200, json={"openapi": "3.0.3", "paths": {}})
        if not path.startswith(self.explorer + "/"):
            return self.worker
        root = self.explorer + "/storage/kv/namespaces"
        if path == root:
            return success([{"id": "ns", "title": self.title}, {"id": "other", "title": "OTHER"}])
        self.root = root + "/ns"
        if not path.startswith(self.root):
            return success([])
        return super().answer(request)

    def page(self, request: httpx.Request) -> httpx.Response:
        """A cursor is the last key in base64; anything else starts again."""
        params = dict(request.url.params)
        if int(params["limit"]) < 10:
            return failure(400, 10001)
        try:
            params["cursor"] = base64.b64decode(params.get("cursor", ""), validate=True).decode()
        except ValueError:
            params["cursor"] = ""
        answer = super().page(httpx.Request("GET", request.url.copy_with(params=params)))
        document = json.loads(answer.content)
        document["result_info"]["cursor"] = base64.b64encode(
            document["result_info"]["cursor"].encode()
        ).decode()
        return httpx.Response(200, json=document)

    def bulk(self, body: dict[str, Any]) -> httpx.Response:
        keys = body["keys"]
        assert 1 <= len(keys) <= 100
        if self.refused & set(keys):
            return failure(400, 10000)
        if sum(len(self.entries[key].value) for key in keys if key in self.entries) > self.most_bytes:
            return failure(413, 10000)
        texts = {
            key: self.entries[key].value.decode("utf-8", "replace") for key in keys if key in self.entries
        }
        return success({"values": {key: texts.get(key) for key in keys}})

    def value(self, key: str) -> httpx.Response:
        answer = super().value(key)
        answer.headers.pop("expiration", None)
        return answer


def source(kv: Kv, namespace: str = "ns") -> LocalKvSource:
    api = Api(
        "http://127.0.0.1:8787",
        None,
        clock=SleepingClock(),
        log=MemoryRequestLog(),
        rate=Rate(10**6, 1),
        transport=httpx.MockTransport(kv),
        patience=PATIENCE,
    )
    return LocalKvSource(api, namespace)


def read(kv: Kv, *keys: str) -> dict[str, Answer]:
    return dict(source(kv).read([Key(key) for key in keys]))


def some() -> LocalKv:
    return LocalKv(
        {
            "p:a": Entry("ü".encode(), {"m": 1.10}, 1900000000),
            "p:ab": Entry(b"", "text"),
            "p:b": Entry(b"\xff\x00", None, 1900000001),
            "q": Entry(b"x"),
        }
    )


RECORDS = [
    Record(Key("p:a"), "ü".encode(), '{"m":1.1}', 1900000000),
    Record(Key("p:ab"), b"", '"text"', NEVER),
    Record(Key("p:b"), b"\xff\x00", None, 1900000001),
]


def test_the_address_names_host_port_and_namespace() -> None:
    local = source(some())
    assert local.address == "kv+http://127.0.0.1:8787/ns"
    assert (local.horizon, local.width, local.skew) == (0, 100, 0)


def test_a_page_comes_with_its_records_joined() -> None:
    page = source(some()).scan("p:", None)
    assert page.records == RECORDS
    assert [head.key for head in page.heads] == ["p:a", "p:ab", "p:b"]
    assert page.next is None


def test_reading_outside_of_a_listing_gives_the_same_records() -> None:
    assert read(some(), "p:a", "p:ab", "p:b", "gone", "p:") == {
        **{record.key: record for record in RECORDS},
        "gone": None,
        "p:": None,
    }


def test_a_key_is_not_mistaken_for_one_that_it_begins() -> None:
    assert read(LocalKv({"p:ab": Entry(b"x")}), "p:a") == {"p:a": None}


@pytest.mark.parametrize("explorer", EXPLORERS)
def test_both_paths_of_the_explorer_are_found(explorer: str) -> None:
    kv = some()
    kv.explorer = explorer
    assert source(kv).scan("p:", None).records == RECORDS


@pytest.mark.parametrize("worker", [httpx.Response(500), httpx.Response(404), httpx.Response(200, json=[])])
def test_a_worker_that_answers_for_the_missing_path_is_no_explorer(worker: httpx.Response) -> None:
    kv = some()
    kv.explorer, kv.worker = EXPLORERS[1], worker
    assert source(kv).scan("p:", None).records == RECORDS
    kv.explorer = "/nowhere"
    with pytest.raises(StoreUnavailable) as gone:
        source(kv).scan("p:", None)
    assert "wrangler dev" in gone.value.hint


def test_a_server_that_is_down_is_said_to_be_down() -> None:
    kv = some()
    kv.script.extend([httpx.ConnectError("refused")] * 1000)
    with pytest.raises(StoreUnavailable, match=r"no `wrangler dev` answers at 127\.0\.0\.1:8787"):
        source(kv).scan("p:", None)


def test_an_unknown_namespace_is_refused_with_those_that_exist() -> None:
    with pytest.raises(StoreRefused) as refused:
        source(some(), "typo").scan("", None)
    assert "ns (SESSIONS), other (OTHER)" in refused.value.hint
    with pytest.raises(StoreRefused):
        source(some(), "typo").read([Key("p:a")])


def test_a_long_listing_follows_the_cursor() -> None:
    kv = LocalKv({f"k{number:02d}": Entry(b"x") for number in range(25)}, per_page=10)
    local = source(kv)
    page = local.scan("k", None)
    keys = [head.key for head in page.heads]
    while page.next is not None:
        page = local.scan("k", page.next)
        keys += [head.key for head in page.heads]
    assert keys == sorted(kv.entries)


def test_a_cursor_serves_the_next_process() -> None:
    kv = LocalKv({f"k{number:02d}": Entry(b"x") for number in range(25)}, per_page=10)
    cursor = source(kv).scan("k", None).next
    assert [head.key for head in source(kv).scan("k", cursor).heads][:2] == ["k10", "k11"]


@pytest.mark.parametrize(
    "cursor", ["garbage", "[]", '["k05"]', '["k05",7]', "null", '["k05","?"]', '["k99","azA5"]']
)
def test_a_cursor_that_would_start_the_listing_again_is_refused(cursor: str) -> None:
    kv = LocalKv({f"k{number:02d}": Entry(b"x") for number in range(25)}, per_page=10)
    with pytest.raises(CursorRefused):
        source(kv).scan("k", Cursor(cursor))


def test_a_strange_cursor_that_ends_the_listing_is_refused_but_a_known_one_is_not() -> None:
    kv = LocalKv({f"k{number:02d}": Entry(b"x") for number in range(12)}, per_page=10)
    local = source(kv)
    cursor = local.scan("k", None).next
    del kv.entries["k10"], kv.entries["k11"]
    assert local.scan("k", cursor).heads == []
    with pytest.raises(CursorRefused):
        source(kv).scan("k", cursor)


def test_a_session_deleted_between_listing_and_value_is_left_to_a_second_reading() -> None:
    kv = some()
    local = source(kv)
    local.scan("zzz", None)

    def delete(request: httpx.Request) -> httpx.Response:
        del kv.entries["p:ab"]
        return kv.answer(request)

    kv.script.extend([kv.answer, delete])
    page = local.scan("p:", None)
    assert [head.key for head in page.heads] == ["p:a", "p:ab", "p:b"]
    assert page.records is None
    assert local.read([head.key for head in page.heads]) == {
        "p:a": RECORDS[0],
        "p:ab": None,
        "p:b": RECORDS[2],
    }


def test_values_too_big_together_are_read_apart() -> None:
    kv = LocalKv({f"k{number}": Entry(b"x" * 6) for number in range(4)}, most_bytes=10)
    records = source(kv).scan("k", None).records
    assert records is not None
    assert [record.value for record in records] == [b"x" * 6] * 4


def test_a_value_too_big_for_any_bulk_read_is_read_singly() -> None:
    kv = LocalKv({"k": Entry(b"\xff" * 20, {"m": 1}, 1900000000)}, most_bytes=10)
    assert read(kv, "k") == {"k": Record(Key("k"), b"\xff" * 20, '{"m":1}', 1900000000)}


def test_one_unreadable_key_leaves_the_others_readable() -> None:
    kv = some()
    kv.refused, kv.unroutable = frozenset({"p:a"}), frozenset({"p:a"})
    local = source(kv)
    page = local.scan("p:", None)
    assert page.records is None
    answers = local.read([head.key for head in page.heads])
    assert isinstance(answers[Key("p:a")], Unreadable)
    assert [answers[key] for key in (Key("p:ab"), Key("p:b"))] == RECORDS[1:]
