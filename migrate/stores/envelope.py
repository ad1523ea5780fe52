"""What an answer of Cloudflare's API means: success, once more, or who must act. Sends nothing.

The HTTP status decides first, the code in the envelope second (codes: cloudflare's API, Workers KV):

    200 with success                                        the answer (a page of keys: if it is whole)
    10048 (free plan's limit)                               BudgetSpent
    401, 403, and 400 with a token of no shape              StoreRefused: the token
    10013, 7003 with 400, 404                               StoreRefused: no such namespace
    429, 10022, 10046                                       FailedError: everybody waits
    408, 425, 5xx, 200 with errors, no envelope             FailedError: once more
    any other no                                            Rejected: the caller judges
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx

from migrate.core.limiting import next_utc_day
from migrate.errors import BudgetSpent, StoreRefused, StoreUnavailable
from migrate.stores import exact
from migrate.stores.throttle import http_date, parse_retry_after

BAD_CURSOR = 10041
TOO_LARGE = 10024
FREE_LIMIT = 10048
TOO_MANY = frozenset({10022, 10046})
NO_ROUTE = 7003
NO_NAMESPACE = frozenset({10013, NO_ROUTE})
BAD_TOKEN = frozenset({6003, 6111})

_BREAKS = (httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError, httpx.DecodingError)
_GATEWAY_TIMEOUTS = frozenset({504, 524})
_DENIED = frozenset({401, 403})
_FINAL = frozenset({400, 404, 405, 410, 413, 414, 431})
"""Statuses that mean no even when no envelope comes with them."""


class Envelope(NamedTuple):
    """A successful answer: its `result`, its `result_info`, and the bytes it was parsed from.

    `info` None: there is none, or it is no object.
    """

    result: Any
    info: Mapping[str, Any] | None
    content: bytes


class Raw(NamedTuple):
    """A bare answer, and the text of its `expiration` header (None: not sent)."""

    content: bytes
    expiration: str | None


class Rejected(StoreRefused):
    """The API said no to this one request; asked again it would say the same."""

    def __init__(self, who: str, status: int, codes: frozenset[int]) -> None:
        super().__init__(
            f"{who} refused a request ({_said(status, codes)})",
            "check the store's address and CLOUDFLARE_API_BASE_URL, then run the command again",
        )
        self.status = status
        self.codes = codes


class Choked(StoreUnavailable):
    """Answers to this request timed out or broke off repeatedly: perhaps it asks for too much."""


class FailedError(Exception):
    """A request failed in a way that may pass; a signal to who sends it again.

    `after`: seconds to wait at least. `asked`: the server named them, and the cause says so.
    `everybody`: no request of this token has a chance before. `choked`: the answer broke off.
    """

    def __init__(
        self,
        cause: str,
        after: float = 0.0,
        *,
        asked: bool = False,
        everybody: bool = False,
        choked: bool = False,
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.after = after
        self.asked = asked
        self.everybody = everybody
        self.choked = choked


def open_document(content: bytes) -> dict[str, Any]:
    """The answer's JSON object; empty when it is none (HTML, cut off, a list)."""
    try:
        document = exact.loads(content)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def succeeded(response: httpx.Response, document: Mapping[str, Any]) -> bool:
    """Is this the answer that was asked for?"""
    return response.status_code == 200 and document.get("success") is True and "result" in document


def page_flaw(document: Mapping[str, Any]) -> str | None:
    """What keeps a successful answer from being a page of keys; None: nothing.

    Without its `result_info` a page would look like the last one, and the rest would be lost.
    """
    info, keys = document.get("result_info"), document["result"]
    if not isinstance(info, dict):
        return "a page of keys that does not say whether it is the last"
    count = info.get("count")
    if count is not None and isinstance(keys, list) and (isinstance(count, bool) or count != len(keys)):
        return "a page that does not hold as many keys as it counts"
    return None


def broke_off(who: str, error: httpx.RequestError) -> FailedError:
    """A transport's error, told by its class alone: it holds the request with its headers."""
    return FailedError(f"no answer from {who} ({type(error).__name__})", choked=isinstance(error, _BREAKS))


def judge(
    response: httpx.Response,
    document: Mapping[str, Any],
    *,
    who: str,
    bare: bool,
    attempt: int,
    now: float,
    writing: bool = False,
) -> Exception:
    """What an answer means that is no success, as the exception to raise.

    `bare`: a single key's route, where 7003 says no more than that the key has no route.
    `attempt` counts from 1, `now` is in Unix seconds. `writing`: the request changes Workers KV.
    """
    status, codes = response.status_code, _codes(document)
    if FREE_LIMIT in codes and status not in _DENIED:
        return BudgetSpent(
            f"the free plan's limit of Workers KV for today is reached (code {FREE_LIMIT})",
            f"run the same command after {next_utc_day(now)}: it resumes where it stopped",
        )
    if status in _DENIED or (status == 400 and codes & BAD_TOKEN):
        permission = "Workers KV Storage Edit" if writing else "Workers KV Storage Read"
        return StoreRefused(
            f"{who} refused the token ({_said(status, codes)})",
            f'set CLOUDFLARE_API_TOKEN to one with the permission "{permission}" for this account',
        )
    if codes & NO_NAMESPACE and status in (200, 400, 404) and not (bare and NO_ROUTE in codes):
        return StoreRefused(
            f"there is no such namespace or account ({_said(status, codes)})",
            "check the address: kv://ACCOUNT/NAMESPACE takes their ids, not their names",
        )
    after = _retry_after(response, now)
    if status == 429 or (codes & TOO_MANY and status != 404):
        return _too_many(who, status, after, attempt)
    if (
        status in (200, 408, 425)
        or status >= 500
        or (status >= 400 and not document and status not in _FINAL)
    ):
        return _failed(who, status, document, after or 0.0)
    return Rejected(who, status, codes)


def _too_many(who: str, status: int, after: float | None, attempt: int) -> FailedError:
    if after is not None:
        return FailedError(f"{who} asked for {after:.0f} s ({status})", after, asked=True, everybody=True)
    seconds = min(30.0, 5.0 * 2.0 ** min(attempt - 1, 8))
    return FailedError(f"{who} answers {status}", seconds, everybody=True)


def _failed(who: str, status: int, document: Mapping[str, Any], after: float) -> FailedError:
    if document:
        codes = _codes(document)
        what = _said(status, codes) if codes else str(status)
    else:
        what = f"{status} without an envelope" if status == 200 else str(status)
    choked = status in _GATEWAY_TIMEOUTS or (status == 200 and not document)
    return FailedError(f"{who} answers {what}", after, choked=choked)


def _retry_after(response: httpx.Response, now: float) -> float | None:
    """Seconds, by the server's own clock where it tells the time."""
    header = response.headers.get("retry-after")
    if header is None:
        return None
    date = http_date(response.headers.get("date", ""))
    return parse_retry_after(header, now if date is None else date)


def _codes(document: Mapping[str, Any]) -> frozenset[int]:
    errors = document.get("errors")
    if not isinstance(errors, list):
        return frozenset()
    codes = (error.get("code") for error in errors if isinstance(error, dict))
    return frozenset(code for code in codes if isinstance(code, int))


def _said(status: int, codes: frozenset[int]) -> str:
    return f"HTTP {status}" + "".join(f", code {code}" for code in sorted(codes))
