import dataclasses
import gc
from collections.abc import Iterator

import pytest

from tests.model.liveness import stuck
from tests.model.middle import (
    BEGINNINGS,
    EXTRA_ROW,
    OF_KV,
    STALE_KV,
    STALE_ROW,
    entering,
)
from tests.model.rules import Rules
from tests.model.search import Bounds, Found, Search
from tests.model.world import FIRST, KV, SHADOW, STAGES, Session


@pytest.fixture(autouse=True)
def nothing_to_collect() -> Iterator[None]:
    """Nothing of a search is garbage before its end."""
    gc.disable()
    yield
    gc.enable()


def search(rules: Rules, stage: int, session: Session, operations: int | None = None) -> Search:
    bounds = Bounds(values=session.born, at_once=1, operations=operations)
    return Search(rules, bounds, (entering(stage), session))


def found(right: str, stage: int, session: Session, *, off: str = "", operations: int | None = None) -> Found:
    rules = dataclasses.replace(Rules(right=right), **dict.fromkeys([off] if off else [], False))
    return search(rules, stage, session, operations).run()


class TestWithTheOperatorsWord:
    @pytest.mark.parametrize(("right", "stage", "name"), BEGINNINGS)
    def test_a_migration_may_be_entered_at_the_stages_that_believe_that_store(
        self, right: str, stage: int, name: str
    ) -> None:
        done = found(right, stage, BEGINNINGS[right, stage, name], operations=1)
        assert (done.broken, done.trace) == ("", ())
        assert done.states > 1000

    @pytest.mark.parametrize("session", OF_KV.values())
    def test_the_gate_opens_in_the_end_where_kv_is_right(self, session: Session) -> None:
        assert stuck(search(Rules(right="kv"), KV, session, operations=1)) == []

    def test_it_may_stay_shut_if_no_sweep_replaces_what_is_stale(self) -> None:
        rules = Rules(right="kv", legacy_rows_of_kv_are_replaced=False)
        assert stuck(search(rules, KV, STALE_ROW, operations=1))

    @pytest.mark.parametrize("session", OF_KV.values())
    def test_it_may_stay_shut_as_long_as_nobody_has_said_a_word(self, session: Session) -> None:
        assert stuck(search(Rules(), KV, session, operations=1))


class TestWithoutIt:
    def test_a_sweep_that_does_not_wait_for_it_puts_an_older_value_over_a_newer(self) -> None:
        done = found("target", FIRST, STALE_KV, off="legacy_rows_wait_for_the_word")
        assert done.broken.startswith("an older value is served")
        assert done.trace[-1] == "sweep: apply"

    @pytest.mark.parametrize("session", [STALE_ROW, EXTRA_ROW])
    def test_a_gate_that_does_not_look_at_them_opens_over_a_stale_row(self, session: Session) -> None:
        done = found("", KV, session, off="a_stale_legacy_row_shuts_the_gate")
        assert done.broken.startswith("an older value is served")
        assert done.trace[-1] == "roll out object-first"

    def test_a_gate_over_rows_of_which_nobody_has_said_anything_stays_safe(self) -> None:
        assert found("", KV, STALE_ROW, operations=1).broken == ""


class TestWithTheWrongStage:
    @pytest.mark.parametrize("stage", [KV, SHADOW])
    def test_where_the_target_is_right_the_stages_of_kv_serve_what_is_older(self, stage: int) -> None:
        assert found("target", stage, STALE_KV).broken, STAGES[stage]

    def test_where_kv_is_right_object_first_serves_what_is_older(self) -> None:
        assert found("kv", FIRST, STALE_ROW).broken

    def test_there_is_no_way_back_below_object_first_while_such_rows_are_left(self) -> None:
        done = found("target", FIRST, STALE_KV, off="legacy_rows_of_the_target_bar_the_way_back")
        assert done.broken.startswith("an older value is served")
        assert done.trace == ("roll back to shadow-read",)
