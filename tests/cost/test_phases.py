from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from migrate.core.limiting import Rate
from migrate.core.recipe import Recipe
from migrate.cost.objects import writing
from migrate.cost.phases import Phase, Reckoning, phases, total
from migrate.cost.prices import prices
from migrate.cost.survey import Survey

TABLE = prices()
MILLION = Survey(keys=10**6, pages=1000, bulk_reads=10_000, dated=10**6, key_bytes=48 * 10**6)
FILE = Reckoning(MILLION, TABLE, Rate(600, 300))
OBJECTS = replace(FILE, writing=writing(MILLION, 16, TABLE))
PER_SESSION = replace(FILE, writing=writing(MILLION, 0, TABLE))


def the(name: str, found: list[Phase]) -> Phase:
    (one,) = [phase for phase in found if phase.name == name]
    return one


def test_a_drain_has_no_export_and_every_recipe_the_same_doors() -> None:
    names = {recipe: [one.name for one in phases(recipe, FILE)] for recipe in Recipe}
    assert names[Recipe.COPY][1:] == names[Recipe.ADOPT][1:]
    assert names[Recipe.COPY][1:] == ["export before the first door", *names[Recipe.DRAIN]]
    assert names[Recipe.DRAIN] == [
        "verify for object-first",
        "verify for object-only",
        "listings for cleanup",
        "emptying KV, instead of letting it expire",
        "going back to dual-write",
    ]


def test_a_pass_lists_every_page_and_reads_every_key() -> None:
    export = the("first export", phases(Recipe.COPY, FILE))
    assert export.used == {"lists": 1000, "reads": 10**6}
    assert export.seconds == 5500  # 11,000 requests, 600 in 300 s
    assert export.cost.most == Decimal("0.505")
    assert (export.free_days, export.limit) == (10, "reads")


def test_two_sweeps_are_twice_the_pass_but_write_the_rows_once() -> None:
    once = the("first export", phases(Recipe.COPY, OBJECTS)).used
    twice = the("export and its second sweep", phases(Recipe.ADOPT, OBJECTS)).used
    for name in ("lists", "reads", "requests", "worker_requests", "rows_read"):
        assert twice[name] == 2 * once[name], name
    assert once["rows_written"] < twice["rows_written"] < once["rows_written"] * 1.1


def test_an_export_of_what_is_there_writes_notes_only() -> None:
    again = the("export before the first door", phases(Recipe.COPY, OBJECTS)).used
    assert OBJECTS.writing is not None
    assert again["rows_written"] == 2 * OBJECTS.writing.bridge_requests
    assert again["reads"] == 10**6


def test_objects_of_their_own_are_each_asked_by_a_verify_and_shards_by_the_page() -> None:
    assert the("verify for object-first", phases(Recipe.COPY, PER_SESSION)).used["requests"] == 10**6
    shards = the("verify for object-first", phases(Recipe.COPY, OBJECTS))
    assert shards.used["requests"] == 1016
    assert shards.used["rows_read"] == 2 * 10**6


def test_deleting_a_million_keys_costs_five_dollars_and_takes_a_free_plan_a_thousand_days() -> None:
    emptying = the("emptying KV, instead of letting it expire", phases(Recipe.COPY, FILE))
    assert (emptying.cost.most, emptying.cost.least, emptying.optional) == (5, 0, True)
    assert (emptying.free_days, emptying.limit) == (1000, "deletes")
    assert emptying.seconds == 50
    back = the("going back to dual-write", phases(Recipe.COPY, FILE))
    assert (back.used, back.limit) == ({"writes": 10**6}, "writes")


def test_dual_write_is_reckoned_by_the_day_when_the_writes_are_known() -> None:
    day = the("dual-write, each day", phases(Recipe.COPY, OBJECTS, 50_000))
    assert day.used == {"requests": 50_000, "rows_written": 150_000, "rows_read": 100_000}
    assert (day.free_days, day.limit) == (2, "rows_written")
    assert "dual-write, each day" not in [one.name for one in phases(Recipe.COPY, OBJECTS)]
    assert the("dual-write, each day", phases(Recipe.COPY, FILE, 50_000)).used == {}


def test_a_source_that_is_not_at_cloudflare_is_not_billed() -> None:
    found = phases(Recipe.COPY, replace(FILE, billed=False))
    assert {(len(one.used), one.cost.most, one.free_days, one.seconds) for one in found} == {(0, 0, 0, None)}
    objects = phases(Recipe.COPY, replace(OBJECTS, billed=False))
    assert set(the("first export", objects).used) == {
        "requests",
        "worker_requests",
        "gb_seconds",
        "rows_read",
        "rows_written",
    }


def test_together_what_is_optional_is_left_out_and_what_is_included_is_subtracted_once() -> None:
    found = phases(Recipe.COPY, FILE)
    whole = total(found, FILE)
    way = [one for one in found if not one.optional]
    assert whole.cost.most == sum((one.cost.most for one in way), Decimal(0))
    assert whole.seconds == sum(one.seconds or 0 for one in way)
    assert whole.days == 40  # four million reads
    huge = replace(FILE, survey=replace(MILLION, keys=4 * 10**6))
    spent = total(phases(Recipe.COPY, huge), huge)
    assert spent.cost.least == Decimal("0.50") * (16 - 10)  # 16 M reads, of which 10 M are included
    assert total([], FILE).days == 0


@pytest.mark.parametrize("by", [FILE, OBJECTS, PER_SESSION])
def test_nothing_takes_nothing(by: Reckoning) -> None:
    survey = Survey(pages=1)
    none = replace(by, survey=survey, writing=by.writing and writing(survey, 16, TABLE))
    for one in phases(Recipe.COPY, none):
        assert set(one.used) <= {"lists"}
        assert one.free_days in (0, 1)
