"""Who is bound to a namespace, asked of the fake account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from migrate.errors import StoreBroken, StoreRefused
from migrate.stores import applications
from migrate.stores.applications import Project, Version
from migrate.stores.cloudflare import Api
from tests.fake_api import ACCOUNT, NAMESPACE, FakeServer, Reply
from tests.fake_api.scripts import kv_binding
from tests.stores.kv_server import success
from tests.stores.test_scripts import api, connected, fake

__all__ = ["api", "fake"]

OTHER = "b" * 32


def test_bindings_are_those_to_this_namespace(fake: FakeServer, api: Api) -> None:
    shop = fake.api.workers.deploy("shop")
    shop.keeps(OTHER, "CACHE")
    assert applications.bound_now(api, ACCOUNT, "shop", NAMESPACE) == ()
    shop.keeps(NAMESPACE, "B")
    shop.keeps(NAMESPACE, "A")
    shop.reaches("UserSessions", "shop", NAMESPACE)
    assert applications.bound_now(api, ACCOUNT, "shop", NAMESPACE) == ("A", "B")
    assert applications.scripts(api, ACCOUNT) == ["shop"]


def test_a_version_keeps_its_own_bindings(fake: FakeServer, api: Api) -> None:
    shop = fake.api.workers.deploy("shop")
    shop.makes("old", kv_binding(NAMESPACE))
    shop.makes("new", kv_binding(OTHER), preview=False)
    found = list(applications.versions(api, ACCOUNT, "shop"))
    assert found == [Version("new", reachable=False), Version("old", reachable=True)]
    bound = [applications.bound_by(api, ACCOUNT, "shop", one.id, NAMESPACE) for one in found]
    assert bound == [(), ("SESSIONS",)]


def test_the_newest_deployment_serves(fake: FakeServer, api: Api) -> None:
    shop = fake.api.workers.deploy("shop")
    assert applications.serving(api, ACCOUNT, "shop") == []
    shop.serve("2026-11-01T00:00:00Z", a=100)
    shop.serve("2026-11-02T00:00:00Z", b=90, c=10)
    assert applications.serving(api, ACCOUNT, "shop") == ["b", "c"]


def test_versions_of_many_pages_are_each_given_once(fake: FakeServer, api: Api) -> None:
    shop = fake.api.workers.deploy("shop")
    for number in range(230):
        shop.makes(f"v{number}")
    found = [one.id for one in applications.versions(api, ACCOUNT, "shop")]
    assert found == [f"v{number}" for number in reversed(range(230))]
    assert fake.api.stats.by_kind["versions"] > 1


def test_a_script_that_is_gone_meanwhile_is_bound_to_nothing(fake: FakeServer, api: Api) -> None:
    assert applications.bound_now(api, ACCOUNT, "gone", NAMESPACE) == ()
    assert applications.bound_by(api, ACCOUNT, "gone", "v", NAMESPACE) == ()
    assert applications.serving(api, ACCOUNT, "gone") == []
    assert applications.has_version_urls(api, ACCOUNT, "gone") is False


def test_preview_urls_are_on_or_off(fake: FakeServer, api: Api) -> None:
    shop = fake.api.workers.deploy("shop")
    assert applications.has_version_urls(api, ACCOUNT, "shop") is False
    shop.version_urls = True
    assert applications.has_version_urls(api, ACCOUNT, "shop") is True


def test_projects_are_walked_to_the_end_with_both_configurations(fake: FakeServer, api: Api) -> None:
    for number in range(21):
        fake.api.pages.make(f"p{number:02}")
    fake.api.pages.make("site", production={"S": NAMESPACE, "C": OTHER}, preview={"T": NAMESPACE})
    found = list(applications.projects(api, ACCOUNT, NAMESPACE))
    assert len(found) == 22
    assert found[-1] == Project("site", ("S",), ("T",))
    assert found[0] == Project("p00", (), ())


@pytest.mark.parametrize(("deployments", "others"), [([], 0), (["a"], 0), (list("abcdefghijkl"), 11)])
def test_deployments_beside_the_serving_one_are_counted(
    fake: FakeServer, api: Api, deployments: list[str], others: int
) -> None:
    fake.api.pages.make("site", deployments=deployments)
    assert applications.other_deployments(api, ACCOUNT, "site") == others


def test_a_missing_permission_is_a_refusal(fake: FakeServer, api: Api) -> None:
    fake.api.faults.add(Reply(403, 10000), on=["scripts", "pages", "subdomain"])
    fake.api.workers.deploy("shop")
    with pytest.raises(StoreRefused):
        applications.scripts(api, ACCOUNT)
    with pytest.raises(StoreRefused):
        list(applications.projects(api, ACCOUNT, NAMESPACE))
    with pytest.raises(StoreRefused):
        applications.has_version_urls(api, ACCOUNT, "shop")


Call = Callable[[Api], object]
CALLS: dict[str, Call] = {
    "scripts": lambda api: applications.scripts(api, ACCOUNT),
    "serving": lambda api: applications.serving(api, ACCOUNT, "s"),
    "bound_now": lambda api: applications.bound_now(api, ACCOUNT, "s", NAMESPACE),
    "bound_by": lambda api: applications.bound_by(api, ACCOUNT, "s", "v", NAMESPACE),
    "has_version_urls": lambda api: applications.has_version_urls(api, ACCOUNT, "s"),
    "versions": lambda api: list(applications.versions(api, ACCOUNT, "s")),
    "projects": lambda api: list(applications.projects(api, ACCOUNT, NAMESPACE)),
    "other_deployments": lambda api: applications.other_deployments(api, ACCOUNT, "p"),
}


@pytest.mark.parametrize(
    ("call", "result"),
    [
        *((name, result) for name in CALLS for result in (None, {}, "text", 1)),
        ("scripts", [{"id": ""}]),
        ("serving", {"deployments": [{"versions": 1}]}),
        ("serving", {"deployments": [{"versions": [{}]}]}),
        ("bound_by", {"bindings": []}),
        ("bound_by", {"resources": {"bindings": {}}}),
        ("has_version_urls", {"previews_enabled": "no"}),
        ("versions", {"items": None}),
        ("projects", [{"name": "p"}]),
        ("projects", [{"name": "p", "deployment_configs": {"preview": {"kv_namespaces": []}}}]),
    ],
)
def test_what_is_not_understood_is_never_taken_for_nothing_bound(call: str, result: Any) -> None:
    strange = connected(transport=httpx.MockTransport(lambda _: success(result)))
    with pytest.raises(StoreBroken):
        CALLS[call](strange)
