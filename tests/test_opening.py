from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.core.record import NEVER, Key, Record
from migrate.core.writing import WIDTH
from migrate.errors import ConfigError, StoreRefused
from migrate.ledger.ledger import Ledger
from migrate.opening import Opener, Settings
from migrate.stores.kv_local_writing import LocalKvWriter
from tests.fake_api import ACCOUNT, NAMESPACE, FakeServer
from tests.stores.manual_clock import ManualClock

KV = f"kv://{ACCOUNT}/{NAMESPACE}"


@pytest.fixture
def opener(fake: FakeServer, tmp_path: Path) -> Iterator[Opener]:
    clock = ManualClock()
    settings = Settings(
        clock=clock,
        ledger=tmp_path / "ledger.sqlite",
        budget=("deletes=50/day",),
        cwd=tmp_path,
        environ={"CLOUDFLARE_API_TOKEN": fake.api.token, "CLOUDFLARE_API_BASE_URL": fake.url},
    )
    with Ledger.open(settings.ledger, clock=clock) as ledger:
        one = Opener(settings, ledger)
        yield one
        one.close()


def test_a_namespace_at_cloudflare_is_written_by_the_budget_and_the_rate_that_reading_has(
    fake: FakeServer, opener: Opener
) -> None:
    writer = opener.writable(KV)
    assert (writer.address, writer.width) == (KV, WIDTH)
    assert writer.put([Record(Key("a"), b"v", None, NEVER)]) == {"a": None}
    assert writer.delete([Key("a")]) == {"a": None}
    assert dict(opener.requests) == {"bulk writes": 1, "bulk deletes": 1}
    fake.api.tokens[fake.api.token] = frozenset({"read"})
    with pytest.raises(StoreRefused, match="refused the token") as refused:
        writer.delete([Key("a")])
    assert '"Workers KV Storage Edit"' in refused.value.hint


def test_a_running_wrangler_dev_is_written_and_nothing_is_asked_before(opener: Opener) -> None:
    writer = opener.writable("kv+http://127.0.0.1:9/some-namespace")
    assert isinstance(writer, LocalKvWriter)
    assert writer.address == "kv+http://127.0.0.1:9/some-namespace"
    assert not opener.requests


def test_wranglers_files_are_never_written_and_the_way_there_is_named(opener: Opener, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="read and never written") as refused:
        opener.writable(f"wrangler:{tmp_path}#SESSIONS")
    assert "kv+http://" in refused.value.hint


@pytest.mark.parametrize("address", ["sqlite:app.db", "dump:a.ndjson", "do+https://bridge.example"])
def test_other_stores_are_not_written_key_by_key(opener: Opener, address: str) -> None:
    with pytest.raises(ConfigError, match="not written key by key"):
        opener.writable(address)
