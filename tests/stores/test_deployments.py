from __future__ import annotations

from typing import Any

import httpx
import pytest

from migrate.errors import StoreBroken
from migrate.stores.cloudflare import Api
from migrate.stores.deployments import Deployment, newest
from tests.fake_api import ACCOUNT, FakeServer
from tests.stores.kv_server import success
from tests.stores.test_scripts import api, connected, fake

__all__ = ["api", "fake"]


def test_the_newest_deployment_counts(fake: FakeServer, api: Api) -> None:
    shop = fake.api.workers.deploy("shop")
    shop.tags = {"new": "0123abc"}
    shop.serve("2026-11-01T00:00:00Z", old=100)
    shop.serve("2026-11-02T00:00:00.5Z", new=100)
    assert newest(api, ACCOUNT, "shop") == Deployment({"new": 100.0}, 1793577600.5, "0123abc")


def test_of_several_versions_none_has_the_tag(fake: FakeServer, api: Api) -> None:
    shop = fake.api.workers.deploy("shop")
    shop.serve("2026-11-02T00:00:00Z", old=90, new=10)
    assert newest(api, ACCOUNT, "shop") == Deployment({"old": 90.0, "new": 10.0}, 1793577600.0, None)


def test_a_version_without_traffic_does_not_serve(fake: FakeServer, api: Api) -> None:
    fake.api.workers.deploy("shop").serve("2026-11-02T00:00:00Z", old=0, new=100)
    found = newest(api, ACCOUNT, "shop")
    assert found is not None
    assert (found.versions, found.tag) == ({"new": 100.0}, "")


def test_what_was_never_deployed_is_none(fake: FakeServer, api: Api) -> None:
    assert newest(api, ACCOUNT, "nobody") is None
    fake.api.workers.deploy("shop")
    assert newest(api, ACCOUNT, "shop") is None


SOUND = {"created_on": "2026-11-02T00:00:00Z", "versions": [{"version_id": "v", "percentage": 100}]}


@pytest.mark.parametrize(
    "result",
    [
        None,
        [],
        {},
        {"deployments": {}},
        {"deployments": [None]},
        {"deployments": [SOUND | {"versions": []}]},
        {"deployments": [SOUND | {"versions": [{"version_id": "", "percentage": 100}]}]},
        {"deployments": [SOUND | {"versions": [{"version_id": "v", "percentage": "100"}]}]},
        {"deployments": [SOUND | {"versions": [{"version_id": "v", "percentage": True}]}]},
        {"deployments": [SOUND | {"created_on": None}]},
        {"deployments": [SOUND | {"created_on": "yesterday"}]},
    ],
)
def test_an_answer_that_says_less_is_no_deployment(result: Any) -> None:
    api = connected(transport=httpx.MockTransport(lambda _: success(result)))
    with pytest.raises(StoreBroken):
        newest(api, ACCOUNT, "shop")
