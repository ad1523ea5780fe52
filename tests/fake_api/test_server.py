import http.client
import time
from email.utils import parsedate_to_datetime

import pytest

from tests.fake_api import Entry, FakeApi, FakeServer, RateLimit, sample_sessions
from tests.fake_api.client import Client

SOON = int(time.time()) + 3600


def load(fake: FakeServer, *keys: str) -> None:
    fake.api.namespace.load((key, Entry(b"v")) for key in keys)


# ---------------------------------------------------------------- who asks, and for what


@pytest.mark.parametrize(("token", "status"), [("", 401), ("another", 403)])
def test_no_token_and_a_wrong_token_are_refused_before_anything_counts(
    fake: FakeServer, token: str, status: int
) -> None:
    with Client(fake, token) as client:
        got = client.kv("GET", "/keys")
    assert (got.status, got.codes) == (status, [10000])
    assert fake.api.stats.requests == 0


def test_a_token_without_write_permission_reads_only(fake: FakeServer) -> None:
    fake.api.tokens["reader"] = frozenset({"read"})
    with Client(fake, "reader") as client:
        assert client.kv("GET", "/keys").status == 200
        assert client.value("PUT", "a", b"v").status == 403
        assert client.kv("POST", "/bulk/delete", ["a"]).codes == [10000]
    assert fake.api.namespace.entries(0) == {}


def test_foreign_accounts_unknown_namespaces_and_unknown_routes_have_their_codes(fake: FakeServer) -> None:
    with Client(fake) as client:
        foreign = client.ask("GET", f"/accounts/{'e' * 32}/storage/kv/namespaces")
        assert (foreign.status, foreign.codes) == (403, [10000])
        client.namespace = "0" * 32
        unknown = client.kv("GET", "/keys")
        assert (unknown.status, unknown.codes) == (404, [10013])
        nowhere = client.kv("GET", "/keyz")
        assert (nowhere.status, nowhere.codes) == (404, [7003])


def test_a_connection_is_kept_for_the_next_request(fake: FakeServer) -> None:
    with Client(fake) as client:
        client.kv("GET", "/keys")
        socket = client.connection.sock
        client.kv("GET", "/keys")
        assert client.connection.sock is socket


def test_the_date_header_follows_the_skew_and_so_does_expiry(fake: FakeServer) -> None:
    fake.api.skew = 3600
    fake.api.namespace.put("a", b"v", expiration=int(time.time()) + 1800)
    with Client(fake) as client:
        got = client.kv("GET", "/keys")
    assert got.result == []
    ahead = parsedate_to_datetime(got.headers["date"]).timestamp() - time.time()
    assert 3590 < ahead < 3610


# ---------------------------------------------------------------- listing


def test_pages_are_cut_by_walked_keys_and_end_with_an_empty_cursor(fake: FakeServer) -> None:
    load(fake, *(f"a{number:02}" for number in range(25)))
    for number in range(10, 20):
        fake.api.namespace.delete(f"a{number}")
    with Client(fake) as client:
        assert [len(page) for page in client.pages("a", 10)] == [10, 0, 5]


@pytest.mark.parametrize("limit", [9, 1001, "x"])
def test_a_limit_outside_10_to_1000_is_refused(fake: FakeServer, limit: int | str) -> None:
    with Client(fake) as client:
        assert client.kv("GET", "/keys", limit=limit).status == 400


def test_a_cursor_that_is_not_escaped_or_lacks_its_prefix_is_refused(fake: FakeServer) -> None:
    load(fake, *(f"a{number:02}" for number in range(25)))
    with Client(fake) as client:
        cursor = client.kv("GET", "/keys", limit=10, prefix="a").document["result_info"]["cursor"]
        bare = client.kv("GET", f"/keys?limit=10&prefix=a&cursor={cursor}")
        assert (bare.status, bare.codes) == (400, [10041])
        assert client.kv("GET", "/keys", limit=10, cursor=cursor).codes == [10041]
        assert client.kv("GET", "/keys", limit=10, prefix="a", cursor=cursor).status == 200
        fake.api.cursors.expire()
        assert client.kv("GET", "/keys", limit=10, prefix="a", cursor=cursor).codes == [10041]


def test_a_listing_shows_expiration_and_metadata_only_where_there_are_some(fake: FakeServer) -> None:
    fake.api.namespace.put("a", b"", '{"n":12345678901234567890123,"f":1.0}', SOON)
    fake.api.namespace.put("b", b"")
    with Client(fake) as client:
        got = client.kv("GET", "/keys")
    assert got.result == [
        {"name": "a", "expiration": SOON, "metadata": {"n": 12345678901234567890123, "f": 1.0}},
        {"name": "b"},
    ]
    assert b'{"n":12345678901234567890123,"f":1.0}' in got.body
    assert got.document["result_info"] == {"count": 2, "cursor": ""}


# ---------------------------------------------------------------- reading


def test_a_bulk_get_gives_value_metadata_and_expiration_and_null_for_what_is_not_there(
    fake: FakeServer,
) -> None:
    fake.api.namespace.put("a", "ü".encode(), '{"v":1}', SOON)
    fake.api.namespace.put("b", b"")
    with Client(fake) as client:
        assert client.bulk_get("a", "b", "c") == {
            "a": {"value": "ü", "metadata": {"v": 1}, "expiration": SOON},
            "b": {"value": "", "metadata": None},
            "c": None,
        }
        plain = client.kv("POST", "/bulk/get", {"keys": ["a", "c"]}).result
    assert plain == {"values": {"a": "ü", "c": None}}


def test_a_bulk_get_spoils_bytes_that_are_not_text_and_a_single_get_does_not(fake: FakeServer) -> None:
    fake.api.namespace.put("bin", b"\xff\x00a\xc3", expiration=SOON)
    fake.api.namespace.put("bom", b"\xef\xbb\xbfa")
    with Client(fake) as client:
        assert client.bulk_get("bin")["bin"]["value"] == "\ufffd\0a\ufffd"
        assert client.bulk_get("bom")["bom"]["value"] == "a"
        single = client.value("GET", "bin")
        assert (single.body, single.headers["expiration"]) == (b"\xff\x00a\xc3", str(SOON))
        bom = client.value("GET", "bom")
        assert (bom.body, "expiration" in bom.headers) == (b"\xef\xbb\xbfa", False)


def test_a_bulk_get_takes_at_most_100_keys_and_25_mib(fake: FakeServer) -> None:
    fake.api.routes.bulk_bytes = 10
    load(fake, "a")
    fake.api.namespace.put("big", b"x" * 10)
    with Client(fake) as client:
        too_many = client.kv("POST", "/bulk/get", {"keys": [f"k{number}" for number in range(101)]})
        assert too_many.status == 400
        too_big = client.kv("POST", "/bulk/get", {"keys": ["a", "big"]})
        assert (too_big.status, too_big.codes) == (413, [10024])
        assert client.kv("POST", "/bulk/get", {"keys": ["big"]}).status == 200


def test_a_missing_key_and_an_unroutable_one_are_404_on_the_single_routes(fake: FakeServer) -> None:
    load(fake, "a^b", "...", "\x1f", "slash/ü?#%")
    with Client(fake) as client:
        assert client.value("GET", "none").codes == [10009]
        assert [client.value("GET", key).status for key in ("a^b", "...", "\x1f")] == [404] * 3
        assert client.value("GET", "slash/ü?#%").body == b"v"
        assert client.bulk_get("a^b")["a^b"]["value"] == "v"


def test_the_metadata_route_gives_the_metadata_or_null(fake: FakeServer) -> None:
    fake.api.namespace.put("a", b"", "[1]")
    load(fake, "b")
    with Client(fake) as client:
        assert client.kv("GET", "/metadata/a").result == [1]
        assert client.kv("GET", "/metadata/b").result is None
        assert client.kv("GET", "/metadata/c").codes == [10009]


# ---------------------------------------------------------------- writing


def test_a_put_replaces_value_metadata_and_expiration_together(fake: FakeServer) -> None:
    fake.api.namespace.put("a", b"old", "{}", SOON)
    with Client(fake) as client:
        assert client.value("PUT", "a", b"\x00new").status == 200
        assert fake.api.namespace.entries(0) == {"a": Entry(b"\x00new")}
        client.value("PUT", "a", b"newer", expiration=SOON)
        assert fake.api.namespace.entries(0) == {"a": Entry(b"newer", None, SOON)}
        client.value("DELETE", "a")
    assert fake.api.namespace.entries(0) == {}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"expiration_ttl": 59}, 10034),
        ({"expiration_ttl": "x"}, 10034),
        ({"expiration": int(time.time()) + 50}, 10033),
        ({"expiration": int(time.time() * 1000) // 1000 - 5}, 10033),
    ],
)
def test_an_expiration_less_than_60_seconds_ahead_is_refused(
    fake: FakeServer, query: dict[str, str | int], code: int
) -> None:
    with Client(fake) as client:
        got = client.value("PUT", "a", b"v", **query)
    assert (got.status, got.codes) == (400, [code])
    assert fake.api.namespace.entries(0) == {}


@pytest.mark.parametrize("key", [".", "..", "k" * 513, "ü" * 257])
def test_names_outside_the_rules_are_refused(fake: FakeServer, key: str) -> None:
    with Client(fake) as client:
        assert client.value("PUT", key, b"v").status in (400, 414)
        assert client.kv("PUT", "/bulk", [{"key": key, "value": "v"}]).status in (400, 414)
        assert client.value("PUT", "ü" * 256, b"v").status == 200


def test_a_bulk_put_takes_base64_metadata_and_both_kinds_of_expiration(fake: FakeServer) -> None:
    fake.api.clock = lambda: 1_800_000_000.0
    items = [
        {"key": "a", "value": "/wA=", "base64": True, "metadata": {"x": "ü"}},
        {"key": "b", "value": "v", "expiration": 1_800_000_060},
        {"key": "c", "value": "v", "expiration_ttl": 60, "metadata": None},
    ]
    with Client(fake) as client:
        got = client.kv("PUT", "/bulk", items)
    assert got.result == {"successful_key_count": 3, "unsuccessful_keys": []}
    assert fake.api.namespace.entries(0) == {
        "a": Entry(b"\xff\0", '{"x":"ü"}'),
        "b": Entry(b"v", None, 1_800_000_060),
        "c": Entry(b"v", None, 1_800_000_060),
    }


@pytest.mark.parametrize(
    "items",
    [
        [],
        [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}],
        [{"key": "a"}],
        [{"key": "a", "value": "?", "base64": True}],
        [{"key": "a", "value": "v"}, {"key": "b", "value": "v", "expiration_ttl": 59}],
        [{"key": "a", "value": "v", "metadata": "m" * 1023}],
    ],
)
def test_a_bulk_put_with_one_bad_item_writes_nothing(fake: FakeServer, items: list[object]) -> None:
    with Client(fake) as client:
        assert client.kv("PUT", "/bulk", items).status in (400, 413)
    assert fake.api.namespace.entries(0) == {}


@pytest.mark.parametrize(("method", "path"), [("POST", "/bulk/delete"), ("DELETE", "/bulk")])
def test_both_forms_of_bulk_delete_delete(fake: FakeServer, method: str, path: str) -> None:
    load(fake, "a", "b", "c")
    with Client(fake) as client:
        got = client.kv(method, path, ["a", "c", "none"])
    assert got.result == {"successful_key_count": 3, "unsuccessful_keys": []}
    assert list(fake.api.namespace.entries(0)) == ["b"]


# ---------------------------------------------------------------- limits and counts


def test_exceeding_the_rate_blocks_every_route_and_says_for_how_long() -> None:
    now = [100.0]
    api = FakeApi(limit=RateLimit(2, 300, 300), monotonic=lambda: now[0])
    with FakeServer(api) as fake, Client(fake) as client:
        first = client.kv("GET", "/keys")
        assert first.headers["ratelimit"] == '"default";r=1;t=300'
        assert first.headers["ratelimit-policy"] == '"default";q=2;w=300'
        client.kv("GET", "/keys")
        refused = client.value("GET", "a")
        assert (refused.status, refused.headers["retry-after"]) == (429, "300")
        now[0] += 299
        assert client.ask("GET", "/user/tokens/verify").status == 429
        now[0] += 1
        assert client.kv("GET", "/keys").status == 200
    assert (api.stats.requests, api.stats.refused, api.limit and api.limit.blocks) == (3, 2, 1)


def test_the_statistics_count_by_kind_and_keys_read(fake: FakeServer) -> None:
    load(fake, "a", "b")
    with Client(fake) as client:
        client.kv("GET", "/keys")
        client.bulk_get("a", "b", "c")
        client.value("GET", "none")
        client.connection.request("GET", "/__control/stats")
        with client.connection.getresponse() as answer:
            assert b'"list":1,"bulk_get":1,"get":1' in answer.read()
    assert fake.api.stats.by_status == {200: 2, 404: 1}
    assert fake.api.stats.keys_read == 3


def test_closing_the_server_ends_idle_connections() -> None:
    with FakeServer(FakeApi()) as fake:
        client = Client(fake)
        client.kv("GET", "/keys")
    with client, pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        client.kv("GET", "/keys")


def test_sample_sessions_are_the_same_for_the_same_seed_and_look_real() -> None:
    one = dict(sample_sessions(200, seed=7, now=1_800_000_000))
    assert one == dict(sample_sessions(200, seed=7, now=1_800_000_000))
    assert one != dict(sample_sessions(200, seed=8, now=1_800_000_000))
    assert {len(entry.value) for entry in one.values()} == {400}
    assert {entry.expiration is None for entry in one.values()} == {True, False}
    assert list(one) != sorted(one)
