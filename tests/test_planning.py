from __future__ import annotations

import io
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from migrate.core.document import Document
from migrate.core.limiting import utc_day
from migrate.desk import Ended
from migrate.errors import BudgetSpent, ConfigError, Exit, StoreBroken, StoreUnavailable
from migrate.formats.progress import Progress
from migrate.formats.report import validate
from migrate.ledger.windows import windows_path
from migrate.opening import Settings
from migrate.planning import plan
from migrate.runner import export, verify
from migrate.stores.sqlite import SqliteSessions
from tests.fake_api import (
    ACCOUNT,
    NAMESPACE,
    PREFIX,
    TOKEN,
    Disorder,
    EmptyPage,
    Entry,
    FakeServer,
    RateLimit,
    Reply,
    refuse_cursor,
    sample_sessions,
)

KV = f"kv://{ACCOUNT}/{NAMESPACE}"
PERMISSION = "Workers KV Storage Read"


class SharedTime:
    """One clock for kvferry and the fake: the tests wait for nothing."""

    def __init__(self) -> None:
        self._at = 1_800_000_000.0
        self._lock = threading.Lock()
        self.slept = 0.0

    def now(self) -> float:
        return self._at

    def monotonic(self) -> float:
        return self._at

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._at += seconds
            self.slept += seconds


@dataclass
class Desk:
    """A folder, a fake account with sessions in it, and the settings of a user of both."""

    fake: FakeServer
    clock: SharedTime
    folder: Path
    settings: Settings

    def load(self, count: int) -> None:
        self.fake.api.namespace.load(sample_sessions(count, now=self.clock.now()))

    def plan(self, source: str = KV, target: str | None = None, **words: Any) -> Ended:
        ended = plan(source, target, settings=self.settings, **words)
        validate(ended.document, "plan")
        return ended

    def settle(self, **changes: Any) -> None:
        self.settings = replace(self.settings, **changes)

    @property
    def target(self) -> str:
        return f"sqlite:{self.folder / 'sessions.db'}"


@pytest.fixture
def desk(fake: FakeServer, tmp_path: Path) -> Desk:
    clock = SharedTime()
    fake.api.clock = fake.api.monotonic = clock.now
    environ = {
        "HOME": str(tmp_path / "home"),
        "CLOUDFLARE_API_TOKEN": TOKEN,
        "CLOUDFLARE_API_BASE_URL": fake.url,
    }
    settings = Settings(clock, tmp_path / ".kvferry" / "ledger.db", cwd=tmp_path, environ=environ)
    return Desk(fake, clock, tmp_path, settings)


def standing(document: Document) -> dict[str, str]:
    return {check["name"]: check["standing"] for check in document["checks"]}


def check(document: Document, name: str) -> dict[str, str]:
    found: dict[str, str] = next(one for one in document["checks"] if one["name"] == name)
    return found


# ---------------------------------------------------------------- what is there


def test_a_plan_counts_by_listing_and_reads_no_value(desk: Desk) -> None:
    desk.load(2345)
    ended = desk.plan(target=desk.target)
    assert (ended.exit, ended.error, ended.document["verdict"]) == (Exit.CLEAN, None, "ready")
    assert set(standing(ended.document).values()) == {"ok"}
    listing = ended.document["listing"]
    truth = desk.fake.api.namespace.entries(desk.clock.now(), PREFIX)
    times = [entry.expiration for entry in truth.values() if entry.expiration is not None]
    assert (listing["complete"], listing["keys"]) == (True, 2345)
    assert listing["with_metadata"] == sum(entry.metadata is not None for entry in truth.values())
    assert listing["expirations"]["never"] == sum(entry.expiration is None for entry in truth.values())
    assert listing["expirations"]["soonest"]["unix"] == min(times)
    assert listing["expirations"]["latest"]["unix"] == max(times)
    assert listing["key_bytes"] == sum(len(key) for key in truth)
    assert listing["value_bytes"] is None
    asked = {"verify": 1, "namespace": 1, "list": 3, "scripts": 1, "pages": 1}
    assert dict(desk.fake.api.stats.by_kind) == asked
    assert desk.fake.api.stats.keys_read == 0
    assert ended.document["requests"] == {"other": 4, "lists": 3}


def test_a_plan_changes_neither_store(desk: Desk) -> None:
    desk.load(10)
    before = dict(desk.fake.api.namespace.entries(desk.clock.now()))
    desk.plan(target=desk.target)
    assert dict(desk.fake.api.namespace.entries(desk.clock.now())) == before
    assert [path.name for path in desk.folder.iterdir()] == [".kvferry"]


@pytest.mark.parametrize("pages", [3, 11])
def test_the_estimate_is_what_the_export_and_the_verify_then_send(desk: Desk, pages: int) -> None:
    desk.load(2345 if pages == 3 else 10_500)
    once = desk.plan().document["estimate"]["pass"]
    desk.fake.api.stats.reset()
    assert export(KV, desk.target, settings=desk.settings).exit == Exit.CLEAN
    sent = desk.fake.api.stats.by_kind
    assert (once["lists"], once["bulk_reads"]) == (sent["list"], sent["bulk_get"])
    assert once["lists"] == pages
    desk.fake.api.stats.reset()
    assert verify(KV, desk.target, settings=desk.settings).exit == Exit.CLEAN
    sent = desk.fake.api.stats.by_kind
    assert (once["lists"], once["bulk_reads"]) == (sent["list"], sent["bulk_get"])


def test_an_empty_page_with_a_cursor_is_not_the_end(desk: Desk) -> None:
    desk.load(1500)
    desk.fake.api.faults.add(EmptyPage(), on="list", nth=[1, 3])
    listing = desk.plan().document["listing"]
    assert (listing["keys"], listing["pages"], listing["empty_pages"]) == (1500, 4, 2)


def test_expired_keys_that_are_walked_are_pages_and_no_keys(desk: Desk) -> None:
    now = int(desk.clock.now())
    dead = [(f"{PREFIX}{number:05}", Entry(b"v", None, now - 1)) for number in range(2500)]
    desk.fake.api.namespace.load([*dead, (f"{PREFIX}x", Entry(b"v"))])
    document = desk.plan().document
    assert (document["listing"]["keys"], document["listing"]["pages"]) == (1, 3)
    assert document["estimate"]["pass"]["lists"] == 3


def test_an_empty_namespace_is_said_to_be_empty(desk: Desk) -> None:
    ended = desk.plan(target=desk.target)
    assert (ended.exit, ended.document["listing"]["keys"]) == (Exit.CLEAN, 0)
    assert check(ended.document, "list")["standing"] == "note"
    assert "no key begins with" in check(ended.document, "list")["said"]


def test_a_wrong_prefix_is_told_from_an_empty_namespace(desk: Desk) -> None:
    desk.load(5)
    document = desk.plan(prefixes=("session:",)).document
    assert "there are keys, but none begins" in check(document, "list")["said"]
    assert desk.plan(prefixes=("",)).document["listing"]["keys"] == 5


def test_prefixes_that_overlap_are_counted_once(desk: Desk) -> None:
    desk.load(20)
    assert desk.plan(prefixes=(PREFIX, f"{PREFIX}a", PREFIX)).document["listing"]["keys"] == 20


def test_a_refused_cursor_lists_again_and_counts_no_key_twice(desk: Desk) -> None:
    desk.load(2500)
    desk.fake.api.faults.add(refuse_cursor(), on="list", nth=[2, 5])
    assert desk.plan().document["listing"]["keys"] == 2500


def test_a_listing_that_never_gets_to_its_end_is_given_up(desk: Desk) -> None:
    desk.load(1500)
    desk.fake.api.faults.add(refuse_cursor(), on="list", nth=range(2, 100, 2))
    ended = desk.plan()
    assert isinstance(ended.error, StoreUnavailable)
    assert (ended.exit, ended.document["listing"]["complete"]) == (Exit.UNFINISHED, False)


# ---------------------------------------------------------------- where it was found

WRANGLER = f"""
account_id = "{ACCOUNT}"
[env.live]
kv_namespaces = [{{ binding = "SESSIONS", id = "{NAMESPACE}" }}]
"""


def test_what_the_address_leaves_out_is_found_and_its_place_is_told(desk: Desk) -> None:
    desk.load(1)
    (desk.folder / "wrangler.toml").write_text(WRANGLER)
    desk.settle(env="live")
    document = plan(settings=desk.settings).document
    found = {one["what"]: (one["value"], one["where"]) for one in document["found"]}
    place = "wrangler.toml, env.live, binding SESSIONS"
    assert found["namespace"] == (NAMESPACE, place)
    assert found["binding"] == ("SESSIONS", place)
    assert found["environment"] == ("live", place)
    assert found["account"][0] == ACCOUNT
    assert "wrangler.toml" in found["account"][1]
    assert found["token"] == (None, "CLOUDFLARE_API_TOKEN")
    assert found["API"] == (desk.fake.url, "CLOUDFLARE_API_BASE_URL")
    assert (document["source"], document["listing"]["keys"]) == (KV, 1)
    assert document["next"].endswith("--env live --ledger " + str(desk.settings.ledger))


def test_what_discovery_has_to_say_is_a_note(desk: Desk) -> None:
    desk.settle(binding="SESSIONS")
    assert "--binding SESSIONS is not used" in check(desk.plan().document, "found")["said"]


@pytest.mark.parametrize(
    ("source", "target", "changes"),
    [
        ("kv", None, {}),
        ("kv:", None, {}),  # there is no wrangler configuration here
        (KV, "sqlite", {}),
        (KV, "kv://a/b", {}),
        (KV, None, {"rate": "fast"}),
        (KV, None, {"budget": ["reads=1/week"]}),
        (KV, None, {"environ": {"HOME": "/nonexistent"}}),
        ("do+https://host", None, {}),
        ("wrangler:.", None, {}),
        ("dump:none.ndjson", None, {}),
    ],
)
def test_a_wrong_call_is_no_plan(
    desk: Desk, source: str, target: str | None, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(desk.folder)
    desk.settle(**changes)
    with pytest.raises(ConfigError) as caught:
        plan(source, target, settings=desk.settings)
    assert caught.value.hint
    assert desk.fake.api.stats.requests == 0


def test_a_schema_is_checked_and_passed_on_to_the_export(desk: Desk) -> None:
    schema = desk.folder / "session.json"
    schema.write_text("{")
    with pytest.raises(ConfigError, match="not JSON"):
        desk.plan(schema=schema)
    schema.write_text("{}")
    steps = desk.plan(schema=schema).document["steps"]
    assert [f"--schema {schema}" in step["command"] for step in steps] == [True, False]


# ---------------------------------------------------------------- permissions


def test_a_token_that_may_not_read_is_a_failed_precondition_that_names_the_permission(desk: Desk) -> None:
    desk.fake.api.tokens[TOKEN] = frozenset()
    ended = desk.plan()
    assert (ended.exit, ended.error) == (Exit.AGAINST, None)
    assert standing(ended.document) | {"target": "", "ledger": ""} == {
        "token": "failed",
        "namespace": "failed",
        "list": "failed",
        "target": "",
        "ledger": "",
    }
    assert ended.document["permissions"] == {"needed": [PERMISSION], "missing": [PERMISSION]}
    assert PERMISSION in check(ended.document, "token")["todo"]
    assert ended.document["estimate"] is None


def test_a_token_that_is_active_and_lacks_the_permission_is_told_apart(desk: Desk) -> None:
    desk.fake.api.faults.add(Reply(403, 10000), on=["list", "namespace", "namespaces"])
    document = desk.plan().document
    assert standing(document)["token"] == "ok"
    assert document["permissions"]["missing"] == [PERMISSION]
    assert PERMISSION in check(document, "list")["said"]


def test_a_token_of_the_account_is_verified_by_the_account(desk: Desk) -> None:
    desk.fake.api.faults.add(Reply(401, 1000), on="verify", nth=[1])
    desk.load(1)
    document = desk.plan().document
    assert (standing(document)["token"], document["verdict"]) == ("ok", "ready")
    assert desk.fake.api.stats.by_kind["verify"] == 2


def test_a_login_that_cannot_be_verified_is_proven_by_listing(desk: Desk) -> None:
    desk.fake.api.faults.add(Reply(403, 9109), on="verify")
    desk.load(1)
    ended = desk.plan()
    assert (standing(ended.document)["token"], ended.exit) == ("note", Exit.CLEAN)
    assert ended.document["permissions"]["missing"] == []


def test_a_namespace_that_is_not_there_names_those_that_are(desk: Desk) -> None:
    desk.fake.api.add_namespace("a" * 32, "others")
    ended = desk.plan(f"kv://{ACCOUNT}/{'0' * 32}")
    assert ended.exit == Exit.AGAINST
    assert check(ended.document, "namespace")["standing"] == "failed"
    assert f"{'a' * 32} (others)" in check(ended.document, "namespace")["todo"]
    assert ended.document["permissions"]["missing"] == []
    assert desk.fake.api.stats.by_kind["list"] == 0


def test_a_namespace_that_only_the_account_shows_is_listed_all_the_same(desk: Desk) -> None:
    desk.fake.api.faults.add(Reply(403, 10000), on="namespace")
    desk.load(4)
    ended = desk.plan()
    assert (ended.exit, ended.document["listing"]["keys"]) == (Exit.CLEAN, 4)
    assert check(ended.document, "namespace")["said"] == '"sessions"'


def test_an_account_that_is_not_ours_is_refused(desk: Desk) -> None:
    ended = desk.plan(f"kv://{'9' * 32}/{NAMESPACE}")
    assert (ended.exit, ended.document["verdict"]) == (Exit.AGAINST, "not ready")


def test_an_api_that_does_not_answer_is_no_verdict(desk: Desk) -> None:
    desk.fake.api.faults.add(Reply(503), on="list")
    ended = desk.plan(target=desk.target)
    assert isinstance(ended.error, StoreUnavailable)
    assert (ended.exit, ended.document["verdict"]) == (Exit.UNFINISHED, "unfinished")
    assert standing(ended.document)["namespace"] == "ok"  # what was seen before is not lost


def test_a_listing_out_of_order_is_not_believed(desk: Desk) -> None:
    desk.load(5)
    desk.fake.api.faults.add(Disorder(), on="list")
    ended = desk.plan()
    assert isinstance(ended.error, StoreBroken)
    assert ended.exit == Exit.UNFINISHED


# ---------------------------------------------------------------- clock


@pytest.mark.parametrize(
    ("skew", "expected", "code"),
    [(0, "ok", 0), (4, "ok", 0), (-30, "note", 0), (30, "note", 0), (90, "failed", 1), (-90, "failed", 1)],
)
def test_a_clock_that_is_wrong_is_noticed(desk: Desk, skew: float, expected: str, code: int) -> None:
    desk.load(3)
    desk.fake.api.skew = skew
    ended = desk.plan()
    assert (standing(ended.document)["clock"], ended.exit) == (expected, code)
    assert ended.document["clock_skew_seconds"] == pytest.approx(skew, abs=1)


def test_what_has_expired_is_told_by_the_sources_clock(desk: Desk) -> None:
    now = int(desk.clock.now())
    desk.fake.api.namespace.put(f"{PREFIX}a", b"v", None, now + 50)
    desk.fake.api.skew = -40
    expirations = desk.plan().document["listing"]["expirations"]
    assert (expirations["dated"], expirations["expired"]) == (1, 0)


# ---------------------------------------------------------------- rate, budget, ledger


def test_the_plans_own_requests_keep_the_rate(desk: Desk) -> None:
    desk.load(4500)
    desk.fake.api.limit = RateLimit(3, 300, 300)
    desk.settle(rate="3/300")
    assert desk.plan().document["listing"]["keys"] == 4500
    assert desk.fake.api.limit.blocks == 0
    assert desk.clock.slept >= 600  # seven requests are three windows


def test_progress_counts_and_tells_what_it_waits_for(desk: Desk) -> None:
    desk.load(3000)
    desk.fake.api.faults.add(Reply(429, 10046, retry_after=30), on="list", nth=[2])
    stream = io.StringIO()
    desk.plan(progress=Progress(stream, desk.clock))
    said = stream.getvalue().splitlines()
    assert any(line.endswith("waiting: Cloudflare asked for 30 s (429)") for line in said[:-1])
    assert said[-1].startswith("plan: 3,000 keys in 3")
    assert PREFIX not in stream.getvalue()


def test_an_export_after_a_plan_finds_the_plans_requests_in_its_window(desk: Desk) -> None:
    desk.load(150)
    desk.fake.api.limit = RateLimit(4, 300, 300)
    desk.settle(rate="4/300")
    desk.plan()
    assert export(KV, desk.target, settings=desk.settings).exit == Exit.CLEAN
    assert desk.fake.api.limit.blocks == 0
    assert desk.clock.slept >= 300
    with sqlite3.connect(windows_path(desk.settings.ledger)) as db:
        assert db.execute("SELECT count(DISTINCT name) FROM slots").fetchone() == (1,)
    db.close()


def test_the_plans_own_lists_are_taken_out_of_the_budget(desk: Desk) -> None:
    desk.load(2500)
    desk.settle(budget=["lists=5/day", "reads=1000/day"])
    budget = desk.plan().document["estimate"]["budget"]
    assert (budget["lists_spent_today"], budget["reads_spent_today"]) == (3, 0)
    # 25 bulk reads on three days; of the lists two are left, and the third comes tomorrow
    assert (budget["export_days"], budget["both_days"]) == (3, 5)


def test_a_budget_that_is_spent_ends_the_plan_with_what_it_saw(desk: Desk) -> None:
    desk.load(2500)
    desk.settle(budget=["lists=2/day"])
    ended = desk.plan()
    assert isinstance(ended.error, BudgetSpent)
    assert "counts again" in ended.error.hint
    assert (ended.exit, ended.document["listing"]["keys"]) == (Exit.UNFINISHED, 2000)
    assert "2027-01-16T00:00:00Z" in ended.error.hint
    assert utc_day(desk.clock.now()) == "2027-01-15"
    with pytest.raises(BudgetSpent):
        raise desk.plan().error or AssertionError("the budget was given twice")


def test_the_ledger_tells_of_earlier_runs_of_this_pair(desk: Desk) -> None:
    desk.load(3)
    first = desk.plan(target=desk.target).document
    assert first["ledger"] | {"path": ""} == {"path": "", "new": True, "runs": 0, "last_verdict": None}
    export(KV, desk.target, settings=desk.settings)
    verify(KV, desk.target, settings=desk.settings)
    later = desk.plan(target=desk.target).document
    assert later["ledger"] | {"path": ""} == {"path": "", "new": False, "runs": 2, "last_verdict": "clean"}
    assert later["target_state"]["rows"]["origins"] == {"copy": 3}
    assert later["target_state"]["rows"]["sweeps"] == [{"number": 1, "complete": True}]
    assert "this makes sweep 2" in later["steps"][0]["why"]
    other = desk.plan(target=f"sqlite:{desk.folder / 'other.db'}").document
    assert other["ledger"]["last_verdict"] is None


# ---------------------------------------------------------------- the target


def test_an_unfinished_export_is_found_in_the_target(desk: Desk) -> None:
    desk.load(30)
    assert export(KV, desk.target, settings=desk.settings, limit=10).exit == Exit.UNFINISHED
    document = desk.plan(target=desk.target).document
    assert document["target_state"]["rows"]["sweeps"] == [{"number": 1, "complete": False}]
    assert "goes on with sweep 1" in document["steps"][0]["why"]


def test_rows_of_the_application_and_tombstones_are_counted_apart(desk: Desk) -> None:
    sessions = SqliteSessions(desk.folder / "sessions.db", origin="app", prefix=PREFIX)
    for name in ("a", "b", "c"):
        sessions.put(name, {"user": name})
    sessions.delete("c")
    sessions.close()
    rows = desk.plan(target=desk.target).document["target_state"]["rows"]
    assert (rows["origins"], rows["tombstones"]) == ({"app": 2}, 1)


def nothing(folder: Path) -> None:
    pass


def somebody_elses(folder: Path) -> None:
    with sqlite3.connect(folder / "sessions.db") as db:
        db.execute("CREATE TABLE theirs (x)")
    db.close()


def no_database(folder: Path) -> None:
    (folder / "sessions.db").write_text("this is a diary, not a database" * 100)


def a_folder(folder: Path) -> None:
    (folder / "sessions.db").mkdir()


def an_empty_file(folder: Path) -> None:
    (folder / "sessions.db").touch()


@pytest.mark.parametrize(
    ("make", "name", "expected"),
    [
        (nothing, "sessions.db", ""),
        (an_empty_file, "sessions.db", ""),
        (somebody_elses, "sessions.db", "belongs to another program"),
        (no_database, "sessions.db", "no SQLite database"),
        (a_folder, "sessions.db", "not a file"),
        (nothing, "none/sessions.db", "there is no folder"),
        (an_empty_file, "sessions.db/x.db", "is not a folder"),
    ],
)
def test_a_target_that_cannot_be_written_is_a_failed_precondition(
    desk: Desk, make: Callable[[Path], None], name: str, expected: str
) -> None:
    make(desk.folder)
    ended = desk.plan(target=f"sqlite:{desk.folder / name}")
    found = check(ended.document, "target")
    assert expected in found["said"]
    assert (found["standing"], ended.exit) == (("failed", 1) if expected else ("ok", 0))
    assert bool(found["todo"]) == bool(expected)


def test_a_dump_that_is_there_already_is_a_failed_precondition(desk: Desk) -> None:
    desk.load(3)
    dump = f"dump:{desk.folder / 'backup.ndjson'}"
    assert desk.plan(target=dump).exit == Exit.CLEAN
    export(KV, dump, settings=desk.settings)
    ended = desk.plan(target=dump)
    assert "there already" in check(ended.document, "target")["said"]
    assert ended.exit == Exit.AGAINST


def test_a_copy_of_a_store_onto_itself_is_a_failed_precondition(desk: Desk) -> None:
    desk.load(3)
    export(KV, desk.target, settings=desk.settings)
    ended = desk.plan(desk.target, desk.target)
    assert "the source itself" in check(ended.document, "target")["said"]
    assert ended.exit == Exit.AGAINST


# ---------------------------------------------------------------- other sources


def test_a_dump_and_a_sqlite_file_are_planned_without_cloudflare(desk: Desk) -> None:
    desk.load(120)
    dump = f"dump:{desk.folder / 'backup.ndjson'}"
    export(KV, desk.target, settings=desk.settings)
    export(KV, dump, settings=desk.settings)
    desk.fake.api.stats.reset()
    desk.settle(environ={})
    for source in (desk.target, dump):
        ended = desk.plan(source, f"sqlite:{desk.folder / 'new.db'}")
        assert (ended.exit, ended.document["listing"]["keys"]) == (Exit.CLEAN, 120)
        assert ended.document["listing"]["value_bytes"] > 120 * 300
        assert not ended.document["target_state"]["needed_assumes_value_sizes"]
        assert (ended.document["estimate"], ended.document["clock_skew_seconds"]) == (None, None)
        assert ended.document["permissions"] == {"needed": [], "missing": []}
    assert desk.fake.api.stats.requests == 0


def test_a_source_that_is_not_there_is_a_failed_precondition(desk: Desk) -> None:
    ended = desk.plan(f"sqlite:{desk.folder / 'none.db'}", desk.target)
    assert ended.exit == Exit.AGAINST
    assert "no such file" in check(ended.document, "source")["said"]


def test_what_a_dump_assumes_is_repeated_in_the_next_commands(desk: Desk) -> None:
    dump = desk.folder / "values.json"
    dump.write_text(f'{{"{PREFIX}a": "v", "{PREFIX}b": "v"}}')
    with pytest.raises(ConfigError, match="does not say when"):
        desk.plan(f"dump:{dump}")
    desk.settle(assume_never=True)
    ended = desk.plan(f"dump:{dump}")
    assert (ended.exit, ended.document["listing"]["expirations"]["never"]) == (Exit.CLEAN, 2)
    assert all("--assume-never" in step["command"] for step in ended.document["steps"])


def test_a_wrangler_dev_that_is_not_running_is_no_verdict(desk: Desk) -> None:
    ended = desk.plan("kv+http://127.0.0.1:9/SESSIONS")
    assert isinstance(ended.error, StoreUnavailable)
    assert "wrangler dev" in ended.error.hint
    assert (ended.exit, ended.document["listing"]["pages"]) == (Exit.UNFINISHED, 0)
    assert ended.document["found"] == [{"what": "namespace", "value": "SESSIONS", "where": "the address"}]
