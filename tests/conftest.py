from collections.abc import Iterator

import pytest

from tests.fake_api import FakeApi, FakeServer


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    """Cloudflare's production API, faked, on 127.0.0.1: `fake.url` to call it, `fake.api` to change it."""
    with FakeServer(FakeApi()) as server:
        yield server
