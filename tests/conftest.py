import signal
from collections.abc import Iterator

import pytest

from tests.fake_api import FakeApi, FakeServer

# Whoever starts the tests in the background may have had interrupts ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    """Cloudflare's production API, faked, on 127.0.0.1: `fake.url` to call it, `fake.api` to change it."""
    with FakeServer(FakeApi()) as server:
        yield server
