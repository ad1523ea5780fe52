"""A cleanup that is blocked by the rate limit between reading and deleting, in the test's own time."""

from __future__ import annotations

from pathlib import Path

from migrate.cleaning.run import cleanup
from migrate.cleaning.wish import Cleanup
from migrate.core.document import Document
from migrate.desk import Ended
from migrate.opening import Settings
from tests.cleaning.world import KV, OTHER
from tests.fake_api import NAMESPACE, FakeApi, FakeServer, Reply
from tests.fake_api.wire import Kind
from tests.stores.manual_clock import ManualClock


class _Writing(ManualClock):
    """Somebody writes a key while kvferry sleeps for the first time."""

    fake: FakeApi | None = None

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if self.fake is not None:
            self.fake.namespace.put(f"{OTHER}1", b"written meanwhile")
            self.fake = None


def cleaned_while_blocked() -> tuple[Document, bytes, bytes]:
    """The report, what is left under the key that was written, and what was written."""
    clock = _Writing()
    fake = FakeApi(clock=clock.now, monotonic=clock.monotonic)
    for number in range(4):
        fake.namespace.put(f"{OTHER}{number}", b"v")
    clock.fake = fake
    fake.faults.add(Reply(429, 10046, retry_after=300), on=Kind.BULK_DELETE, nth=[1])
    with FakeServer(fake) as server:
        settings = Settings(
            clock=clock,
            ledger=Path("waiting.db"),
            rate="100000/1",
            environ={"CLOUDFLARE_API_TOKEN": fake.token, "CLOUDFLARE_API_BASE_URL": server.url},
        )
        wish = Cleanup(KV, None, [OTHER], settings, True, lambda _: NAMESPACE, migrated=["s:"], settle=0.0)
        ended = cleanup(wish, lambda _: None)
    assert isinstance(ended, Ended)
    assert ended.error is None
    left = fake.namespace.entries(clock.now())
    assert list(left) == [f"{OTHER}1"]
    return ended.document, left[f"{OTHER}1"].value, b"written meanwhile"
