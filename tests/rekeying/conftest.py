from pathlib import Path

import pytest

from tests.fake_api import FakeServer
from tests.rekeying.world import World


@pytest.fixture
def world(
    fake: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> World:
    """A namespace at the fake API, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", fake.api.token)
    monkeypatch.setenv("CLOUDFLARE_API_BASE_URL", fake.url)
    monkeypatch.delenv("CLOUDFLARE_ACCOUNT_ID", raising=False)
    return World(fake, capsys)
