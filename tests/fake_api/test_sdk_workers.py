"""The official Python SDK asks the fake about Workers, their versions, and Pages projects."""

from collections.abc import Iterator
from pathlib import Path

import cloudflare
import pytest

from tests.fake_api import NAMESPACE, FakeServer
from tests.fake_api.scripts import kv_binding
from tests.runtime.runtime import run_wrangler


@pytest.fixture
def sdk(fake: FakeServer) -> Iterator[cloudflare.Cloudflare]:
    with cloudflare.Cloudflare(base_url=fake.url, api_token=fake.api.token, max_retries=0) as client:
        yield client


def test_it_lists_scripts_and_what_they_are_bound_to(fake: FakeServer, sdk: cloudflare.Cloudflare) -> None:
    account, scripts = fake.api.account, sdk.workers.scripts
    shop = fake.api.workers.deploy("shop")
    shop.keeps(NAMESPACE)
    shop.version_urls = True
    fake.api.workers.deploy("other")
    assert [one.id for one in scripts.list(account_id=account)] == ["other", "shop"]
    settings = scripts.script_and_version_settings.get("shop", account_id=account)
    assert settings is not None
    bound = [one.model_dump() for one in settings.bindings or ()]
    assert kv_binding(NAMESPACE) in bound
    subdomain = scripts.subdomain.get("shop", account_id=account)
    assert subdomain.previews_enabled is True


def test_it_walks_versions_and_deployments(fake: FakeServer, sdk: cloudflare.Cloudflare) -> None:
    account, scripts = fake.api.account, sdk.workers.scripts
    shop = fake.api.workers.deploy("shop")
    for number in range(25):
        shop.makes(f"v{number:02}", preview=number != 3)
    shop.makes("bound", kv_binding(NAMESPACE))
    shop.serve("2026-11-01T00:00:00Z", bound=100)
    found = list(scripts.versions.list("shop", account_id=account))
    assert [one.id for one in found] == ["bound", *(f"v{number:02}" for number in reversed(range(25)))]
    about = [one.metadata.has_preview for one in found if one.metadata is not None]
    assert about.count(False) == 1
    # Its model of one version cannot be built by pydantic, so only its question is used.
    one = scripts.versions.with_raw_response.get("bound", account_id=account, script_name="shop")
    assert kv_binding(NAMESPACE) in one.http_response.json()["result"]["resources"]["bindings"]
    deployed = scripts.deployments.list("shop", account_id=account)
    assert deployed is not None


def test_wrangler_shows_what_a_version_is_bound_to(fake: FakeServer, tmp_path: Path) -> None:
    shop = fake.api.workers.deploy("shop")
    shop.makes("bound", kv_binding(NAMESPACE))
    environment = {
        "CLOUDFLARE_API_BASE_URL": fake.url,
        "CLOUDFLARE_API_TOKEN": fake.api.token,
        "CLOUDFLARE_ACCOUNT_ID": fake.api.account,
    }
    words = ["versions", "view", "bound", "--name", "shop"]
    done = run_wrangler(tmp_path, tmp_path / "home", words, environment)
    assert NAMESPACE in done.stdout.decode(), done.stderr
    assert "SESSIONS" in done.stdout.decode()


def test_it_walks_pages_projects_and_their_deployments(fake: FakeServer, sdk: cloudflare.Cloudflare) -> None:
    account = fake.api.account
    for number in range(23):
        fake.api.pages.make(f"p{number:02}")
    fake.api.pages.make("site", production={"S": NAMESPACE}, deployments=["c", "b", "a"])
    found = list(sdk.pages.projects.list(account_id=account))
    assert [one.name for one in found] == [*(f"p{number:02}" for number in range(23)), "site"]
    bound = found[-1].deployment_configs.production.kv_namespaces
    assert bound is not None
    assert bound["S"].namespace_id == NAMESPACE
    assert found[0].deployment_configs.production.kv_namespaces is None
    deployments = sdk.pages.projects.deployments.list("site", account_id=account)
    assert [one.id for one in deployments] == ["c", "b", "a"]
    with pytest.raises(cloudflare.BadRequestError):
        list(sdk.pages.projects.list(account_id=account, per_page=100))
