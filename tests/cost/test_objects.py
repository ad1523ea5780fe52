from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from migrate.cost.objects import PER_SESSION, Writing, writing
from migrate.cost.prices import prices
from migrate.cost.survey import Survey

TABLE = prices()
MILLION = Survey(
    keys=1_000_000,
    pages=1000,
    bulk_reads=10_000,
    dated=950_000,
    never=50_000,
    key_bytes=48_000_000,
    values=1_000_000,
    value_bytes=400_000_000,
)


def copied(shards: int, **changes: int) -> Writing:
    return writing(replace(MILLION, **changes), shards, TABLE)


def test_an_object_for_each_session_is_asked_tabled_and_alarmed_for_each() -> None:
    found = copied(PER_SESSION)
    assert (found.placement, found.objects) == ("per-session", 1_000_000)
    assert (found.bridge_requests, found.object_requests) == (10_000, 1_020_000)
    # two rows, four entries of a schema; an alarm unless it never expires; two notes in each batch
    assert found.rows_written == 2_000_000 + 4_000_000 + 950_000 + 20_000


def test_shards_are_asked_once_a_batch_and_one_of_them_twice_more() -> None:
    found = copied(16)
    assert (found.placement, found.objects) == ("shards:16", 16)
    assert (found.bridge_requests, found.object_requests) == (10_000, 170_000)
    assert found.rows_written == 2_000_000 + 16 * 4 + 16 + 20_000
    assert copied(1).object_requests == 10_000


def test_money_is_what_the_table_says() -> None:
    found = copied(PER_SESSION)
    each = {
        "requests": (found.object_requests, "0.15"),
        "rows_written": (found.rows_written, "1.00"),
        "gb_seconds": (found.gb_seconds, "12.50"),
        "worker_requests": (found.bridge_requests, "0.30"),
    }
    most = sum((Decimal(price) * amount / 1_000_000 for amount, price in each.values()), Decimal(0))
    assert found.cost.most == most
    assert found.cost.least == Decimal("0.15") * 20_000 / 1_000_000  # what is over one million requests
    assert copied(16).cost.least == 0
    assert found.monthly == Decimal("0.20") * found.stored_bytes / 10**9


def test_an_object_of_its_own_takes_four_pages_however_small_the_session() -> None:
    assert copied(PER_SESSION).stored_bytes == 1_000_000 * 16_384
    assert copied(PER_SESSION, value_bytes=1_024_000_000).stored_bytes == 1_000_000 * 20_480


def test_what_is_long_for_a_page_takes_pages_of_its_own() -> None:
    short, long = copied(16).stored_bytes, copied(16, value_bytes=1_024_000_000).stored_bytes
    assert short / 10**6 < 750
    assert 4500 < long / 10**6 < 5200


def test_days_of_a_free_plan_are_those_of_what_it_holds_least_of() -> None:
    assert copied(PER_SESSION).free_days == 70  # 6,970,000 rows in portions of 100,000
    assert copied(16).free_days == 21


def test_what_has_expired_is_not_copied() -> None:
    found = copied(PER_SESSION, expired=950_000, dated=0)
    assert (found.objects, found.rows_written) == (50_000, 50_000 * 6 + 2 * 10_000)


@pytest.mark.parametrize("shards", [PER_SESSION, 1, 16])
def test_nothing_takes_nothing(shards: int) -> None:
    found = writing(Survey(pages=1), shards, TABLE)
    assert (found.objects, found.object_requests, found.rows_written, found.stored_bytes) == (0, 0, 0, 0)
    assert (found.cost.least, found.cost.most, found.free_days) == (0, 0, 0)


def test_values_that_were_not_seen_are_assumed() -> None:
    assert copied(16, values=0, value_bytes=0).assumed
    assert not copied(16).assumed
