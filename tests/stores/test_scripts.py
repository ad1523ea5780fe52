from __future__ import annotations

import random
from collections.abc import Iterator

import httpx
import pytest

from migrate.core.limiting import MemoryRequestLog, Rate
from migrate.errors import StoreBroken, StoreRefused
from migrate.stores.cloudflare import Api
from migrate.stores.scripts import (
    ClassBinding,
    OwnedClass,
    account_root,
    class_bindings,
    delete_script,
    owned_classes,
)
from tests.fake_api import ACCOUNT, TOKEN, FakeApi, FakeServer
from tests.stores.kv_server import BASE, SleepingClock, success


def connected(base: str = BASE, transport: httpx.BaseTransport | None = None) -> Api:
    log, rate = MemoryRequestLog(), Rate(10**6, 1)
    return Api(
        base,
        TOKEN,
        clock=SleepingClock(),
        log=log,
        rate=rate,
        transport=transport,
        chance=random.Random(1),
    )


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    with FakeServer(FakeApi()) as server:
        yield server


@pytest.fixture
def api(fake: FakeServer) -> Iterator[Api]:
    api = connected(fake.url)
    yield api
    api.close()


def test_the_classes_that_a_script_is_bound_to(fake: FakeServer, api: Api) -> None:
    script = fake.api.workers.deploy("bridge")
    script.reaches("UserSessions", "shop", "space-1")
    script.reaches("Own", "bridge", "space-2")
    assert class_bindings(api, ACCOUNT, "bridge") == [
        ClassBinding("USER_SESSIONS", "UserSessions", "shop", "space-1"),
        ClassBinding("USER_SESSIONS", "Own", None, "space-2"),
    ]


def test_a_binding_by_the_scripts_own_name_is_its_own() -> None:
    own = {"type": "durable_object_namespace", "name": "A", "class_name": "Own", "script_name": "bridge"}
    transport = httpx.MockTransport(lambda _: success({"bindings": [own]}))
    found = class_bindings(connected(transport=transport), ACCOUNT, "bridge")
    assert found == [ClassBinding("A", "Own", None, None)]


def test_a_script_that_is_not_there_has_no_bindings_at_all(api: Api) -> None:
    assert class_bindings(api, ACCOUNT, "bridge") is None


def test_an_answer_without_bindings_is_no_proof_that_there_are_none() -> None:
    transport = httpx.MockTransport(lambda _: success({}))
    with pytest.raises(StoreBroken):
        class_bindings(connected(transport=transport), ACCOUNT, "bridge")


def test_all_classes_of_the_account_are_listed_page_by_page(fake: FakeServer, api: Api) -> None:
    fake.api.workers.deploy("shop", **{f"C{number}": f"space-{number}" for number in range(250)})
    found = list(owned_classes(api, account_root(ACCOUNT)))
    assert len(found) == 250
    assert found[249] == OwnedClass("space-249", "shop", "C249")


@pytest.mark.parametrize("last", [[], [2, 3, 4]], ids=["an empty one", "the same once more"])
def test_pages_without_a_total_end_with_the_first_that_brings_nothing_new(last: list[int]) -> None:
    numbers = [[0, 1], [2, 3, 4], last]
    pages = [[{"id": f"{n}", "script": "s", "class": "C"} for n in some] for some in numbers]
    transport = httpx.MockTransport(lambda _: success(pages.pop(0)))
    found = owned_classes(connected(transport=transport), account_root(ACCOUNT))
    assert [one.namespace for one in found] == ["0", "1", "2", "3", "4"]


def test_a_script_is_deleted_without_force(fake: FakeServer, api: Api) -> None:
    fake.api.workers.deploy("bridge")
    assert delete_script(api, ACCOUNT, "bridge")
    assert fake.api.workers.deleted == [("bridge", {})]
    assert not delete_script(api, ACCOUNT, "bridge")


def test_a_script_that_owns_a_class_is_not_deleted(fake: FakeServer, api: Api) -> None:
    fake.api.workers.deploy("bridge", UserSessions="space")
    with pytest.raises(StoreRefused):
        delete_script(api, ACCOUNT, "bridge")
    assert "bridge" in fake.api.workers.scripts


def test_a_deletion_that_cloudflare_says_failed_is_none() -> None:
    transport = httpx.MockTransport(
        lambda _: httpx.Response(200, json={"success": False, "errors": [{"code": 1}], "result": None})
    )
    with pytest.raises(StoreRefused):
        delete_script(connected(transport=transport), ACCOUNT, "bridge")


def test_a_deletion_without_a_body_is_one() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    assert delete_script(connected(transport=transport), ACCOUNT, "bridge")


def test_who_may_only_read_may_not_delete(fake: FakeServer, api: Api) -> None:
    fake.api.workers.deploy("bridge")
    fake.api.tokens[TOKEN] = frozenset({"read"})
    with pytest.raises(StoreRefused):
        delete_script(api, ACCOUNT, "bridge")
    assert "bridge" in fake.api.workers.scripts
