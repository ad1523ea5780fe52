from __future__ import annotations

import random
from collections.abc import Iterator

import httpx
import pytest

from migrate.core.limiting import MemoryRequestLog, Rate
from migrate.errors import StoreRefused, StoreUnavailable
from migrate.stores.cloudflare import Api
from migrate.stores.kv_account import Named, TokenState, namespace, namespaces, verify_token
from tests.fake_api import ACCOUNT, NAMESPACE, FakeServer, Reply
from tests.stores.kv_server import BASE, TOKEN, SleepingClock, failure, success


class Scripted:
    """Answers in turn, and remembers the paths."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.answers = list(answers)
        self.paths: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.paths.append(request.url.raw_path.decode())
        return self.answers.pop(0)


def api_of(script: Scripted) -> Api:
    return Api(
        BASE,
        TOKEN,
        clock=SleepingClock(),
        log=MemoryRequestLog(),
        rate=Rate(10**6, 1),
        transport=httpx.MockTransport(script),
        chance=random.Random(1),
    )


def test_a_users_token_is_asked_about_once() -> None:
    script = Scripted(success({"id": "x", "status": "active", "expires_on": "2027-01-15T08:00:00Z"}))
    assert verify_token(api_of(script), "acc") == TokenState("active", 1_800_000_000.0)
    assert script.paths == ["/client/v4/user/tokens/verify"]


def test_an_accounts_own_token_is_asked_about_at_the_account() -> None:
    script = Scripted(failure(401, 1000), success({"status": "disabled"}))
    assert verify_token(api_of(script), "a/b") == TokenState("disabled", None)
    assert script.paths[1] == "/client/v4/accounts/a%2Fb/tokens/verify"


def test_a_token_that_nobody_knows_is_refused_as_by_the_first() -> None:
    script = Scripted(failure(401, 1000), failure(404, 7003))
    with pytest.raises(StoreRefused, match="HTTP 401, code 1000"):
        verify_token(api_of(script), "acc")


@pytest.mark.parametrize("result", [[], {}, {"status": 7, "expires_on": "soon"}, "active"])
def test_an_answer_without_a_state_is_an_unknown_state(result: object) -> None:
    assert verify_token(api_of(Scripted(success(result))), "acc") == TokenState("unknown", None)


def test_a_namespace_has_a_title_or_none() -> None:
    script = Scripted(success({"id": "ns", "title": "sessions"}), success({}))
    api = api_of(script)
    assert namespace(api, "acc", "ns") == Named("ns", "sessions")
    assert namespace(api, "acc", "n/s") == Named("n/s", "")
    assert script.paths[1] == "/client/v4/accounts/acc/storage/kv/namespaces/n%2Fs"


@pytest.fixture
def api(fake: FakeServer) -> Iterator[Api]:
    opened = Api(
        fake.url,
        fake.api.token,
        clock=SleepingClock(),
        log=MemoryRequestLog(),
        rate=Rate(10**6, 1),
        patience=5,
    )
    yield opened
    opened.close()


def test_against_the_fake_it_sees_what_is_there(fake: FakeServer, api: Api) -> None:
    fake.api.add_namespace("b" * 32, "another")
    assert verify_token(api, ACCOUNT).status == "active"
    assert namespace(api, ACCOUNT, NAMESPACE) == Named(NAMESPACE, "sessions")
    assert namespaces(api, ACCOUNT) == [Named("b" * 32, "another"), Named(NAMESPACE, "sessions")]
    with pytest.raises(StoreRefused):
        namespace(api, ACCOUNT, "0" * 32)
    assert set(fake.api.stats.by_kind) == {"verify", "namespace", "namespaces"}


def test_an_answer_that_fails_is_no_refusal(fake: FakeServer, api: Api) -> None:
    fake.api.faults.add(Reply(500))
    with pytest.raises(StoreUnavailable):
        verify_token(api, ACCOUNT)
