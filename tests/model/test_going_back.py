"""The product's own decisions on the way back keep the contract, in every interleaving within the bounds."""

import gc
from collections.abc import Iterator

import pytest

from migrate.core.rolling_back import Act, Going
from tests.model import going_back, toolkit
from tests.model.rules import Rules
from tests.model.search import Bounds, Search

SMALL = Bounds(values=1, at_once=1, operations=2)


@pytest.fixture(autouse=True)
def own_decisions(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(toolkit, "rollback", going_back.rollback)
    going_back.decided.cache_clear()
    gc.disable()
    yield
    gc.enable()
    going_back.decided.cache_clear()


def test_by_the_products_own_decisions_nobody_is_logged_out_and_nobody_comes_back() -> None:
    found = Search(Rules(), SMALL).run()
    assert (found.broken, found.trace) == ("", ())
    assert found.states > 100_000


def test_one_that_gives_rows_back_at_once_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Going.decide

    def hasty(self: Going, *given: object) -> Act:
        act = real(self, *given)  # type: ignore[arg-type]
        return Act.REVERT if act is Act.SIGHT else act

    monkeypatch.setattr(Going, "decide", hasty)
    found = Search(Rules(), SMALL).run()
    assert found.broken
