from __future__ import annotations

import re
from decimal import Decimal

from migrate.core.limiting import Budget
from migrate.cost.prices import prices


def test_the_table_is_dated_and_names_where_it_is_from() -> None:
    table = prices()
    assert re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", table.dated)
    assert table.currency == "USD"
    assert table.sources
    assert all(page.startswith("https://developers.cloudflare.com/") for page in table.sources)


def test_the_table_holds_cloudflares_figures() -> None:
    table = prices()
    assert str(table.ceiling) == "1200/300"
    assert table.free_day == Budget(reads=100_000, lists=1000)
    assert {name: row.per_million for name, row in table.kv.items()} == {
        "reads": Decimal("0.50"),
        "lists": Decimal(5),
        "writes": Decimal(5),
        "deletes": Decimal(5),
    }
    assert table.kv["reads"].included_per_month == 10_000_000
    assert {row.included_per_month for name, row in table.kv.items() if name != "reads"} == {1_000_000}
    assert {name: row.per_million for name, row in table.objects.items()} == {
        "requests": Decimal("0.15"),
        "rows_written": Decimal("1.00"),
        "rows_read": Decimal("0.001"),
        "gb_seconds": Decimal("12.50"),
        "worker_requests": Decimal("0.30"),
    }
    included = {name: row.included_per_month for name, row in table.objects.items()}
    assert included == {
        "requests": 10**6,
        "rows_written": 50 * 10**6,
        "rows_read": 25 * 10**9,
        "gb_seconds": 400_000,
        "worker_requests": 10**7,
    }
    own = ("gb_seconds", "rows_read")
    assert {row.free_per_day for name, row in table.objects.items() if name not in own} == {100_000}
    assert table.objects["rows_read"].free_per_day == 5_000_000
    assert table.objects["gb_seconds"].free_per_day == 13_000
    assert (table.objects_storage.per_gb_month, table.objects_storage.included_gb) == (Decimal("0.20"), 5)
