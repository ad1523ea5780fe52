"""The fence of a gate's verify in whole commands: put up, met, lifted."""

from __future__ import annotations

import io
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from migrate import runner
from migrate.core.document import iso
from migrate.core.record import Key
from migrate.desk import Ended
from migrate.errors import ConfigError
from migrate.formats.progress import Progress
from migrate.opening import Settings
from migrate.stores.sqlite import SqliteHolder, SqliteTarget
from tests.fake_api import TOKEN, FakeServer
from tests.flows.shell import KV, PREFIX
from tests.flows.world import FakeClock


class Migration:
    """Ten sessions in KV and their copy, and an operator whose time passes in waits only."""

    def __init__(self, fake: FakeServer, folder: Path) -> None:
        self.fake, self.file = fake, folder / "sessions.db"
        self.clock = FakeClock(time.time())
        environ = {"CLOUDFLARE_API_TOKEN": TOKEN, "CLOUDFLARE_API_BASE_URL": fake.url}
        self.settings = Settings(self.clock, folder / "ledger.db", cwd=folder, environ=environ)
        self.said = io.StringIO()
        for number in range(10):
            self.write(number, b"{}")
        assert self.run("export").exit == 0

    def write(self, number: int, value: bytes) -> None:
        self.fake.api.namespace.put(f"{PREFIX}{number:02d}", value, None, None)

    def run(self, command: str, **options: Any) -> Ended:
        progress = Progress(self.said, self.clock)
        call = getattr(runner, command)
        ended: Ended = call(KV, f"sqlite:{self.file}", settings=self.settings, progress=progress, **options)
        return ended

    def value(self, number: int) -> object:
        with closing(SqliteHolder(self.file)) as holder:
            (row,) = holder.rows([Key(f"{PREFIX}{number:02d}")]).values()
        return row.value

    @property
    def since(self) -> float | None:
        with closing(SqliteHolder(self.file)) as holder:
            return holder.fenced_since()

    def lift(self) -> None:
        with closing(SqliteTarget(self.file, clock=self.clock)) as target:
            target.end_gate_verify()

    def while_differences_settle(self, what: Any) -> None:
        """Do it once, in the middle of the wait."""

        def during() -> None:
            if self.clock.slept[-1] > 60:
                self.clock.during = None
                what()

        self.clock.during = during


@pytest.fixture
def migration(fake: FakeServer, tmp_path: Path) -> Migration:
    return Migration(fake, tmp_path)


def interrupted() -> None:
    raise KeyboardInterrupt


def started(ended: Ended) -> float:
    return float(ended.document["started"]["unix"])


def test_a_verify_begins_behind_the_fence(migration: Migration) -> None:
    assert migration.run("verify").document["note"] == ""
    assert migration.since is None
    ended = migration.run("verify", fence=True)
    since = migration.since
    assert since is not None
    assert (ended.exit, ended.document["verdict"]) == (0, "clean")
    assert started(ended) >= since + 1.9
    assert ended.document["note"] == f"the fence has been up since {iso(since)}"
    assert f"the fence has been up since {iso(since)}\n" in migration.said.getvalue()
    migration.clock.time += 3600
    again = migration.run("verify", fence=True)
    assert migration.since == since
    assert migration.clock.slept == [2.0]
    assert started(again) > started(ended)


def test_the_same_verify_resumed_stays_behind_the_same_fence(migration: Migration) -> None:
    migration.write(3, b"[]")
    migration.while_differences_settle(interrupted)
    with pytest.raises(KeyboardInterrupt):
        migration.run("verify", fence=True)
    since, began = migration.since, migration.clock.now()
    ended = migration.run("verify", fence=True)
    assert ended.document["number"] == 1
    assert started(ended) < began
    assert migration.since == since
    assert (ended.exit, ended.document["verdict"]) == (1, "differences")
    assert " --lift-fence" in ended.document["next"]


@pytest.mark.parametrize("fence", [False, True])
def test_one_that_began_before_the_fence_was_up_is_not_resumed(migration: Migration, fence: bool) -> None:
    migration.write(3, b"[]")
    migration.while_differences_settle(interrupted)
    with pytest.raises(KeyboardInterrupt):
        migration.run("verify", fence=fence)
    migration.lift()
    ended = migration.run("verify", fence=True)
    assert ended.document["number"] == 2
    assert started(ended) > (migration.since or 0)


@pytest.mark.parametrize("again", [False, True])
def test_a_fence_that_was_lifted_meanwhile_leaves_the_verify_unfinished(
    migration: Migration, again: bool
) -> None:
    def lifted() -> None:
        migration.lift()
        if again:
            with closing(SqliteTarget(migration.file, clock=migration.clock)) as target:
                target.begin_gate_verify()

    migration.write(3, b"[]")
    migration.while_differences_settle(lifted)
    ended = migration.run("verify", fence=True)
    assert (ended.exit, ended.document["state"]) == (3, "unfinished")
    assert "the fence was lifted while the verify ran" in str(ended.error)
    assert migration.run("verify", fence=True).document["number"] == 2


def test_an_export_that_meets_the_fence_says_so_and_replaces_nothing(migration: Migration) -> None:
    migration.run("verify", fence=True)
    assert migration.since is not None
    migration.write(3, b"[]")
    migration.write(11, b"[]")
    said = (
        f"a gate's verify has begun, and since {iso(migration.since)} no row is replaced "
        "(--lift-fence: every verdict that rests on the fence is void then)"
    )
    migration.said.truncate(0)
    ended = migration.run("export")
    assert ended.exit == 3
    assert ended.document["note"] == f"{said}; some rows differ from the source and stay as they are"
    assert said + "\n" in migration.said.getvalue()
    assert ended.document["next"].startswith("kvferry verify")
    assert ended.document["next"].endswith(" --fence")
    assert (migration.value(3), migration.value(11)) == (b"{}", b"[]")


def test_an_export_lifts_the_fence_by_the_operators_word_only(migration: Migration) -> None:
    migration.run("verify", fence=True)
    migration.write(3, b"[]")
    migration.run("export")
    assert migration.since is not None
    with pytest.raises(ConfigError, match="--dry-run"):
        migration.run("export", lift_fence=True, dry_run=True)
    assert migration.since is not None
    ended = migration.run("export", lift_fence=True)
    assert (ended.exit, ended.document["tally"]["updated"], ended.document["note"]) == (0, 1, "")
    assert "the fence is lifted: every verdict that rests on it is void\n" in migration.said.getvalue()
    assert migration.since is None
    assert migration.value(3) == b"[]"
    assert "-fence" not in ended.document["next"]


@pytest.mark.parametrize("other", [{"sample": 5}, {"recheck": True}, {"fast": True}])
def test_a_look_that_opens_no_gate_puts_up_no_fence(migration: Migration, other: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"--fence and --{next(iter(other))} exclude each other"):
        migration.run("verify", fence=True, **other)
    assert migration.since is None


def test_a_dump_has_no_fence_to_put_up_and_none_to_lift(migration: Migration, tmp_path: Path) -> None:
    dump = f"dump:{tmp_path / 'd.ndjson'}"
    settings = migration.settings
    with pytest.raises(ConfigError, match="a dump has no fence"):
        runner.export(KV, dump, settings=settings, lift_fence=True)
    assert runner.export(KV, dump, settings=settings).exit == 0
    with pytest.raises(ConfigError, match="a dump has no fence"):
        runner.verify(KV, dump, settings=settings, fence=True)


def test_a_file_that_is_not_there_is_not_made_for_a_fence(migration: Migration, tmp_path: Path) -> None:
    missing = tmp_path / "other.db"
    with pytest.raises(Exception, match=r"other\.db"):
        runner.verify(KV, f"sqlite:{missing}", settings=migration.settings, fence=True)
    assert not missing.exists()
