from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from migrate.core.limiting import Budget, MemoryRequestLog, Rate
from migrate.core.ports import Answer, Cursor, CursorRefused, Page, Unreadable
from migrate.core.record import NEVER, Head, Key, Record
from migrate.errors import BudgetSpent, StoreBroken, StoreRefused, StoreUnavailable
from migrate.stores.cloudflare import Api
from migrate.stores.kv import KvSource
from tests.stores.kv_server import BASE, TOKEN, Entry, Kv, SleepingClock, failure, success

MIB = 2**20


class Setup:
    def __init__(self, kv: Kv | None = None, **options: Any) -> None:
        self.kv = kv or Kv()
        self.clock = SleepingClock()
        wanted: dict[str, Any] = {"log": MemoryRequestLog(), "rate": Rate(10**6, 1)}
        self.api = Api(
            BASE,
            TOKEN,
            clock=self.clock,
            transport=httpx.MockTransport(self.kv),
            chance=random.Random(1),
            **(wanted | options),
        )
        self.source = KvSource(self.api, "acc", "ns")

    def read(self, *keys: str) -> dict[str, Answer]:
        return dict(self.source.read([Key(key) for key in keys]))

    def read_one(self, key: str) -> Answer:
        return self.read(key)[key]

    def pages(self, prefix: str = "") -> list[Page]:
        pages = [self.source.scan(prefix, None)]
        while (cursor := pages[-1].next) is not None:
            pages.append(self.source.scan(prefix, cursor))
        return pages


def many(count: int, size: int = 1) -> dict[str, Entry]:
    return {f"p:{number:05d}": Entry(b"x" * size) for number in range(count)}


def page(*names: str, cursor: str = "") -> httpx.Response:
    return success([{"name": name} for name in names], cursor=cursor)


# ---------------------------------------------------------------- listing


def test_the_address_names_account_and_namespace() -> None:
    setup = Setup()
    assert (setup.source.address, setup.source.horizon, setup.source.width) == ("kv://acc/ns", 120.0, 100)
    assert setup.source.skew == 0


def test_a_listing_follows_the_cursor_and_repeats_the_prefix() -> None:
    setup = Setup(Kv(many(25) | {"q": Entry(b"")}, per_page=10))
    pages = setup.pages("p:")
    assert [len(each.heads) for each in pages] == [10, 10, 5]
    assert [head.key for each in pages for head in each.heads] == sorted(many(25))
    for request in setup.kv.seen:
        assert request.url.params["prefix"] == "p:"
        assert request.url.params["limit"] == "1000"


def test_prefix_and_cursor_are_escaped() -> None:
    names = [f"a&b=ü+/ #?%41:{number}" for number in range(4)]
    setup = Setup(Kv({name: Entry(b"") for name in names}, per_page=1))
    assert [head.key for each in setup.pages("a&b=ü+/ #?%41:") for head in each.heads] == names


def test_an_empty_page_with_a_cursor_is_not_the_end() -> None:
    kv = Kv()
    kv.script.extend([page(cursor="1"), page(cursor="2"), page("a", cursor="3"), page(cursor="4"), page("b")])
    assert [[head.key for head in each.heads] for each in Setup(kv).pages()] == [[], [], ["a"], [], ["b"]]


def test_heads_carry_metadata_and_expiration() -> None:
    setup = Setup(Kv({"a": Entry(b"v", {"u": 1}, 1900000000), "b": Entry(b"v")}))
    assert setup.source.scan("", None).heads == [
        Head(Key("a"), '{"u":1}', 1900000000),
        Head(Key("b"), None, NEVER),
    ]


@pytest.mark.parametrize(
    "pages",
    [
        [page("b", cursor="1"), page("a", cursor="2")],
        [page("b", cursor="1"), page("b", cursor="2")],
        [page("b", cursor="1"), page(cursor="2"), page("a")],
        [page("a", cursor="1"), page("b", cursor="1")],
        [page(cursor="1"), page(cursor="1")],
        [page(cursor="1"), page(cursor="2"), page(cursor="3"), page(cursor="1")],
        [page("a", cursor="1"), page(cursor="2"), page(cursor="1")],
        [page("b", "a")],
    ],
)
def test_a_listing_that_goes_back_or_round_is_broken(pages: list[httpx.Response]) -> None:
    kv = Kv()
    kv.script.extend([*pages, *[page("z", cursor="")] * 3])
    with pytest.raises(StoreBroken):
        Setup(kv).pages()


def test_the_same_page_may_be_asked_for_again() -> None:
    setup = Setup(Kv(many(25), per_page=10))
    first = setup.source.scan("p:", None)
    second = setup.source.scan("p:", first.next)
    assert setup.source.scan("p:", first.next) == second
    assert setup.source.scan("p:", None) == first
    assert setup.source.scan("p:0000", None).heads == first.heads


def test_a_failed_page_does_not_lose_the_trail() -> None:
    kv = Kv()
    setup = Setup(kv, patience=0)
    kv.script.extend([page("b", cursor="1"), failure(503), page("a")])
    cursor = setup.source.scan("", None).next
    with pytest.raises(StoreUnavailable):
        setup.source.scan("", cursor)
    with pytest.raises(StoreBroken):
        setup.source.scan("", cursor)


def test_a_refused_cursor_is_a_signal_and_not_an_error() -> None:
    kv = Kv()
    kv.script.extend([failure(400, 10041), failure(400, 10041), failure(400, 10029)])
    setup = Setup(kv)
    with pytest.raises(CursorRefused):
        setup.source.scan("", Cursor("planted-cursor"))
    with pytest.raises(StoreRefused):  # without a cursor it cannot be the cursor
        setup.source.scan("", None)
    with pytest.raises(StoreRefused):  # nor with another code
        setup.source.scan("", Cursor("planted-cursor"))


@pytest.mark.parametrize("codes", [(10013,), (7003,)])
def test_an_unknown_namespace_is_refused(codes: tuple[int, ...]) -> None:
    kv = Kv()
    kv.script.extend([failure(404, *codes), failure(404, *codes)])
    setup = Setup(kv)
    with pytest.raises(StoreRefused, match="no such namespace"):
        setup.source.scan("", None)
    with pytest.raises(StoreRefused, match="no such namespace"):
        setup.read("a")


# ---------------------------------------------------------------- reading


def test_value_metadata_and_expiration_come_from_the_one_answer() -> None:
    setup = Setup(Kv({"a": Entry("ü".encode(), {"u": 1}, 1900000000), "b": Entry(b"")}))
    assert setup.read("a", "b", "gone") == {
        "a": Record(Key("a"), "ü".encode(), '{"u":1}', 1900000000),
        "b": Record(Key("b"), b"", None, NEVER),
        "gone": None,
    }
    assert setup.api.requests == Counter({"bulk reads": 1})


def test_every_key_gets_an_answer_however_often_it_is_asked_for() -> None:
    setup = Setup(Kv(many(250)))
    keys = [*many(250), "p:00000"]
    assert list(setup.read(*keys)) == sorted(many(250))
    assert [len(json.loads(request.content)["keys"]) for request in setup.kv.seen] == [100, 100, 50]
    assert setup.read() == {}


def test_keys_that_the_answer_left_out_are_asked_for_again() -> None:
    kv = Kv(many(3))
    kv.script.append(success({"values": {"p:00001": {"value": "x", "metadata": None}}}))
    setup = Setup(kv)
    answers = setup.read(*many(3))
    assert all(isinstance(answer, Record) for answer in answers.values())
    assert json.loads(kv.seen[1].content)["keys"] == ["p:00000", "p:00002"]


def test_a_key_that_is_always_left_out_is_unreadable_and_not_gone() -> None:
    kv = Kv()
    kv.script.extend([success({"values": {}})] * 10)
    setup = Setup(kv)
    assert isinstance(setup.read_one("a"), Unreadable)
    assert len(kv.seen) == 3


def test_an_answer_without_expirations_is_never_taken_for_never() -> None:
    kv = Kv()
    kv.script.append(success({"values": {"a": "a bare value"}}))
    with pytest.raises(StoreBroken):
        Setup(kv).read("a")


# ---------------------------------------------------------------- values that are not text


def test_bytes_that_are_no_text_are_read_singly() -> None:
    kv = Kv({"a/b ü?%": Entry(b"\xff\x00\xfe", {"m": 1}, 1900000000), "b": Entry(b"text")})
    setup = Setup(kv)
    answers = setup.read("a/b ü?%", "b")
    assert answers["a/b ü?%"] == Record(Key("a/b ü?%"), b"\xff\x00\xfe", '{"m":1}', 1900000000)
    assert kv.seen[1].url.raw_path.endswith(b"/values/a%2Fb%20%C3%BC%3F%25")
    assert setup.api.requests == Counter({"bulk reads": 1, "single reads": 1})


def test_text_that_holds_a_replacement_character_is_itself() -> None:
    setup = Setup(Kv({"a": Entry("so \ufffd it is".encode(), None, 1900000000)}))
    assert setup.read_one("a") == Record(Key("a"), "so \ufffd it is".encode(), None, 1900000000)


def test_a_byte_order_mark_that_the_text_lost_comes_back_with_the_bytes() -> None:
    kv = Kv({"a": Entry(b"\xef\xbb\xbf\xff")})
    kv.script.append(success({"values": {"a": {"value": "\ufffd", "metadata": None}}}))
    assert Setup(kv).read_one("a") == Record(Key("a"), b"\xef\xbb\xbf\xff", None, NEVER)


@pytest.mark.parametrize(
    "later", [Entry(b"\xffnew", None, 1900000000), Entry(b"\xffold", None, 1900000060), Entry(b"\xffold")]
)
def test_a_session_that_changes_between_both_answers_is_read_again(later: Entry) -> None:
    kv = Kv({"a": Entry(b"\xffold", {"m": 1}, 1900000000)})

    def change(request: httpx.Request) -> httpx.Response:
        kv.entries["a"] = later
        return kv.answer(request)

    kv.script.extend([kv.answer, change])
    expiration = NEVER if later.expiration is None else later.expiration
    assert Setup(kv).read_one("a") == Record(Key("a"), later.value, None, expiration)


def test_a_session_that_turns_into_text_meanwhile_is_taken_from_the_bulk_answer() -> None:
    kv = Kv({"a": Entry(b"\xff")})

    def change(request: httpx.Request) -> httpx.Response:
        kv.entries["a"] = Entry(b"text", {"m": 1})
        return kv.answer(request)

    kv.script.extend([kv.answer, change])
    assert Setup(kv).read_one("a") == Record(Key("a"), b"text", '{"m":1}', NEVER)


def test_a_session_deleted_between_both_answers_is_gone() -> None:
    kv = Kv({"a": Entry(b"\xff")})

    def delete(request: httpx.Request) -> httpx.Response:
        kv.entries.clear()
        return kv.answer(request)

    kv.script.extend([kv.answer, delete])
    assert Setup(kv).read_one("a") is None


def test_a_session_that_never_holds_still_is_unreadable_and_never_mixed() -> None:
    kv = Kv({"a": Entry(b"\xff0", None, 1900000000)})

    def change(request: httpx.Request) -> httpx.Response:
        kv.entries["a"] = Entry(f"{len(kv.seen)}".encode() + b"\xff", None, 1900000000 + len(kv.seen))
        return kv.answer(request)

    kv.script.extend([change] * 20)
    assert Setup(kv).read_one("a") == Unreadable("it changes faster than it can be read")
    assert len(kv.seen) == 6


def test_a_single_answer_without_the_expiration_is_not_believed() -> None:
    kv = Kv({"a": Entry(b"\xff", None, 1900000000)})
    undated = httpx.Response(200, content=b"\xff")
    kv.script.extend([kv.answer, undated] * 3)
    answer = Setup(kv).read_one("a")
    assert isinstance(answer, Unreadable)
    assert "expiration" in answer.reason


def test_bytes_under_a_key_without_a_route_are_unreadable() -> None:
    kv = Kv({"^": Entry(b"\xff"), "b": Entry(b"text")}, unroutable=frozenset({"^"}))
    answers = Setup(kv).read("^", "b")
    assert answers["^"] == Unreadable("its value is not text and this key cannot be read singly")
    assert answers["b"] == Record(Key("b"), b"text", None, NEVER)


# ---------------------------------------------------------------- big and refused batches


def test_batches_shrink_when_values_are_big_and_nothing_is_lost() -> None:
    kv = Kv(many(40, MIB))
    setup = Setup(kv)
    answers = setup.read(*many(40))
    assert all(isinstance(answer, Record) and len(answer.value) == MIB for answer in answers.values())
    setup.kv.seen.clear()
    setup.read(*many(40))
    sizes = [len(json.loads(request.content)["keys"]) for request in setup.kv.seen]
    assert max(sizes) <= 16
    assert sum(sizes) == 40


def test_batches_grow_again_after_the_big_ones() -> None:
    kv = Kv(many(20, MIB) | {f"q:{number:03d}": Entry(b"x") for number in range(100)})
    setup = Setup(kv)
    setup.read(*many(20))
    keys = [key for key in kv.entries if key.startswith("q")]
    for _ in range(30):
        setup.read(*keys)
    setup.kv.seen.clear()
    setup.read(*keys)
    assert len(setup.kv.seen) == 1


def test_one_invalid_key_fails_alone() -> None:
    kv = Kv(many(10), refused=frozenset({"p:00003"}), unroutable=frozenset({"p:00003"}))
    answers = Setup(kv).read(*many(10))
    assert [key for key, answer in answers.items() if isinstance(answer, Unreadable)] == ["p:00003"]
    assert sum(isinstance(answer, Record) for answer in answers.values()) == 9


def test_a_key_that_no_bulk_read_takes_is_read_between_two_listings() -> None:
    big = Entry(b"\xff" * 26, {"m": 1}, 1900000000)
    kv = Kv({"p:big": big, "p:big2": Entry(b"x"), "p:a": Entry(b"x")}, most_bytes=10)
    answers = Setup(kv).read("p:a", "p:big", "gone")
    assert answers["p:big"] == Record(Key("p:big"), b"\xff" * 26, '{"m":1}', 1900000000)
    assert answers["p:a"] == Record(Key("p:a"), b"x", None, NEVER)
    assert answers["gone"] is None


@pytest.mark.parametrize("change_at", [0, 1, 2, 3])
def test_a_key_read_alone_is_never_put_together_from_two_writes(change_at: int) -> None:
    old, new = Entry(b"o" * 20, {"m": 1}, 1900000000), Entry(b"n" * 20, {"m": 2}, 1900000060)
    kv = Kv({"a": old}, most_bytes=10)

    def step(number: int) -> Any:
        def answer(request: httpx.Request) -> httpx.Response:
            if number == change_at:
                kv.entries["a"] = new
            return kv.answer(request)

        return answer

    kv.script.extend(map(step, range(4)))
    assert Setup(kv).read_one("a") == Record(Key("a"), b"n" * 20, '{"m":2}', 1900000060)


def test_a_batch_whose_answers_break_off_is_halved() -> None:
    kv = Kv(many(4))

    def breaks(request: httpx.Request) -> httpx.Response:
        if len(json.loads(request.content)["keys"]) > 2:
            kv.script.appendleft(breaks)
            raise httpx.ReadTimeout("too big")
        return kv.answer(request)

    kv.script.append(breaks)
    setup = Setup(kv)
    assert all(isinstance(answer, Record) for answer in setup.read(*many(4)).values())
    assert setup.api.requests == Counter({"bulk reads": 1, "retries": 2, "split reads": 2})


def test_a_dead_network_is_unavailable_and_not_unreadable() -> None:
    kv = Kv(many(4))
    kv.script.extend([httpx.ReadTimeout("no")] * 5000)
    with pytest.raises(StoreUnavailable):
        Setup(kv).read(*many(4))


def test_a_bulk_read_spends_a_read_for_each_key() -> None:
    setup = Setup(Kv(many(150)), budget=Budget(reads=120))
    keys: Sequence[str] = list(many(150))
    setup.read(*keys[:100])
    with pytest.raises(BudgetSpent):
        setup.read(*keys[100:])
    setup.read(*keys[:20])
    with pytest.raises(BudgetSpent):
        setup.read(keys[0])


def test_no_key_or_cursor_gets_into_an_error() -> None:
    kv = Kv({"planted-session-id": Entry(b"\xff")}, unroutable=frozenset({"planted-session-id"}))
    kv.script.extend([failure(400, 10041), success([{"name": "planted-session-id"}] * 2)])
    setup = Setup(kv)
    with pytest.raises(CursorRefused) as refused:
        setup.source.scan("", Cursor("planted-cursor"))
    with pytest.raises(StoreBroken) as broken:
        setup.source.scan("", None)
    answer = setup.read_one("planted-session-id")
    shown = f"{refused.value!r} {refused.value.__context__!r} {broken.value!r} {broken.value.hint} {answer!r}"
    assert "planted" not in shown
    assert "planted" not in repr(setup.source)
