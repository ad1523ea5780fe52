import dataclasses
import gc
from collections.abc import Iterator

import pytest

from tests.model.liveness import stuck
from tests.model.operator import Evidence
from tests.model.rules import NAMES, Rules
from tests.model.search import Bounds, Search, World, among_others
from tests.model.world import BEGINNING, LOGGED_IN

ONE = Bounds(values=1, at_once=1)
TWO_VALUES = Bounds(values=2, at_once=1)
TWO_AT_ONCE = Bounds(values=2, at_once=2, operations=2)

SECOND_LINES = {
    "tombstones_stay_until_all_has_expired": "the end waits for everything that could come late",
    "a_sweep_leaves_app_rows": "there are app rows only behind the gate, and no sweep runs there",
    "a_sweep_waits_to_delete": "an id that has expired is not put again, so KV does not miss what lives",
}
"""Rules that the others make unnecessary, as far as was searched. They are kept, and say why."""

PROGRESS = ("a_sweep_deletes", "a_missing_row_does_not_shut_it")

WIDER = {
    "ids_are_not_used_again": TWO_VALUES,
    "a_shadow_touch_compares_and_sets": TWO_AT_ONCE,
    "a_shadow_touch_needs_agreement": TWO_AT_ONCE,
}
"""Rules whose breach needs more than one value and one operation at a time."""

SAFETY = [
    name for name in NAMES if name not in SECOND_LINES and name not in PROGRESS and "legacy_row" not in name
]
"""Those of legacy rows have a test of their own: nothing here begins with one."""


@pytest.fixture(autouse=True)
def nothing_to_collect() -> Iterator[None]:
    """Nothing of a search is garbage before its end."""
    gc.disable()
    yield
    gc.enable()


def without(*names: str) -> Rules:
    return dataclasses.replace(Rules(), **dict.fromkeys(names, False))


class TestTheWholeProtocol:
    """Every interleaving within the bounds, to the last state: nothing cuts a search but a breach."""

    def test_one_session_touched_and_deleted_without_end(self) -> None:
        found = Search(Rules(), ONE).run()
        assert (found.broken, found.trace) == ("", ())
        assert found.states > 150_000

    def test_two_operations_in_flight_and_three_values(self) -> None:
        found = Search(Rules(), Bounds(values=3, at_once=2, operations=2)).run()
        assert (found.broken, found.trace) == ("", ())
        assert found.states > 300_000

    def test_others_bring_a_session_nowhere_where_it_could_not_come_alone(self) -> None:
        bounds = Bounds(values=1, at_once=1, operations=2)
        alone = Search(Rules(), bounds).run()
        among = Search(Rules(), dataclasses.replace(bounds, others=True)).run()
        assert (among.broken, among.trace) == ("", ())
        assert among.states == alone.states

    def test_two_sessions_with_one_operation_each(self) -> None:
        found = Search(Rules(), Bounds(values=1, at_once=1, sessions=2, operations=1)).run()
        assert (found.broken, found.trace) == ("", ())
        assert found.states > 1_500_000

    def test_reads_of_kv_that_are_stale_for_longer(self) -> None:
        found = Search(Rules(stale=1), Bounds(values=2, at_once=1, operations=2)).run()
        assert (found.broken, found.trace) == ("", ())


@pytest.mark.parametrize("name", SAFETY)
def test_without_this_rule_the_contract_is_broken(name: str) -> None:
    found = Search(without(name), WIDER.get(name, ONE)).run()
    assert found.broken
    assert found.trace


@pytest.mark.parametrize("name", SECOND_LINES)
def test_this_rule_is_a_second_line(name: str) -> None:
    assert Search(without(name), ONE).run().broken == ""


class TestTheGateOpensInTheEnd:
    def test_from_every_state(self) -> None:
        assert stuck(Search(Rules(), ONE)) == []

    def test_also_without_another_export(self) -> None:
        assert stuck(Search(Rules(), Bounds(1, 1, operations=2)), exporting=False) == []

    @pytest.mark.parametrize("name", PROGRESS)
    def test_without_this_rule_it_may_stay_shut(self, name: str) -> None:
        assert stuck(Search(without(name), Bounds(1, 1, operations=2)), exporting=False)


def test_a_trace_is_steps_that_follow_each_other_from_the_beginning() -> None:
    search = Search(without("tombstones_are_final"), ONE)
    found = search.run()
    worlds = {search.start}
    for name in found.trace:
        worlds = {then for world in worlds for step, then, _ in search.steps(world) if step == name}
        assert worlds, name
    assert any(search.breach(world) for world in worlds)


def test_a_session_begins_logged_in_at_kv() -> None:
    assert (BEGINNING.low, BEGINNING.high) == (0, 0)
    assert LOGGED_IN.kv == (1, 2)
    assert LOGGED_IN.row is None


def test_others_can_keep_each_part_of_the_evidence_from_holding() -> None:
    best = Evidence(True, True, True, importing=False, sweeping=False, going_back=False)
    worst = Evidence(False, False, False, importing=True, sweeping=True, going_back=True)
    assert among_others(worst) == [worst]
    found = among_others(best)
    assert len(set(found)) == len(found) == 64
    assert {best, worst} <= set(found)


def test_others_can_shut_a_gate_over_a_session_that_agrees() -> None:
    search = Search(Rules(), dataclasses.replace(ONE, operations=0, others=True))
    search.run()
    endings = {
        (world, name)
        for world in every(search)
        for name, _, _ in search.steps(world)
        if name in ("verify: open", "verify: shut")
    }
    assert {name for world, name in endings if (world, "verify: open") in endings} == {
        "verify: open",
        "verify: shut",
    }


def every(search: Search) -> set[World]:
    """All that can be reached."""
    found, level = {search.start}, [search.start]
    while level:
        level = [then for world in level for _, then, _ in search.steps(world) if then not in found]
        found.update(level)
    return found
