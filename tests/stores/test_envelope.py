from __future__ import annotations

import pytest

from migrate.errors import BudgetSpent, StoreRefused
from migrate.stores.envelope import FailedError, Rejected, judge, open_document, succeeded
from tests.stores.kv_server import START, failure, success

AGAIN, REFUSED, REJECTED, SPENT = FailedError, StoreRefused, Rejected, BudgetSpent


def verdict(status: int, *codes: int, bare: bool = False, headers: dict[str, str] | None = None) -> Exception:
    response = failure(status, *codes, headers=headers)
    document = open_document(response.content)
    return judge(response, document, who="Cloudflare", bare=bare, attempt=1, now=START)


@pytest.mark.parametrize(
    ("status", "codes", "kind"),
    [
        (429, (10022,), AGAIN),
        (429, (), AGAIN),
        (200, (10046,), AGAIN),
        (200, (10001,), AGAIN),
        (500, (), AGAIN),
        (503, (10013,), AGAIN),
        (524, (), AGAIN),
        (408, (), AGAIN),
        (401, (10000,), REFUSED),
        (403, (10022,), REFUSED),
        (400, (6003,), REFUSED),
        (404, (10013,), REFUSED),
        (404, (7003,), REFUSED),
        (404, (10009,), REJECTED),
        (400, (10041,), REJECTED),
        (400, (), REJECTED),
        (413, (10024,), REJECTED),
        (302, (), REJECTED),
        (429, (10048,), SPENT),
        (403, (10048,), REFUSED),
    ],
)
def test_the_status_decides_first_and_the_code_second(
    status: int, codes: tuple[int, ...], kind: type[Exception]
) -> None:
    assert type(verdict(status, *codes)) is kind


def test_a_missing_route_of_one_key_is_not_a_missing_namespace() -> None:
    assert type(verdict(404, 7003, bare=True)) is Rejected
    assert type(verdict(404, 10013, bare=True)) is StoreRefused


@pytest.mark.parametrize(("status", "choked"), [(504, True), (524, True), (503, False), (429, False)])
def test_a_gateway_that_waited_too_long_counts_as_a_broken_answer(status: int, choked: bool) -> None:
    failed = verdict(status)
    assert isinstance(failed, FailedError)
    assert failed.choked is choked


def test_retry_after_is_dated_by_the_servers_own_clock() -> None:
    an_hour_ahead = {"date": "Fri, 15 Jan 2027 09:00:00 GMT", "retry-after": "Fri, 15 Jan 2027 09:00:43 GMT"}
    failed = verdict(429, headers=an_hour_ahead)
    assert isinstance(failed, FailedError)
    assert failed.after == 43.0
    assert failed.cause == "Cloudflare asked for 43 s (429)"


def test_the_free_plans_limit_names_the_time_to_resume() -> None:
    spent = verdict(429, 10048)
    assert isinstance(spent, BudgetSpent)
    assert "2027-01-16T00:00:00Z" in spent.hint


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"success":tr', b"[]", b"null", b'"x"'])
def test_what_is_no_envelope_is_an_empty_document(content: bytes) -> None:
    assert open_document(content) == {}


def test_success_needs_all_three_of_status_flag_and_result() -> None:
    response = success([])
    assert succeeded(response, {"success": True, "result": None})
    assert not succeeded(response, {"success": True})
    assert not succeeded(response, {"success": "yes", "result": []})
    assert not succeeded(failure(503), {"success": True, "result": []})
