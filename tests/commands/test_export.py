from __future__ import annotations

import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from migrate import payload
from migrate.formats import report
from migrate.main import cli, run
from tests.fake_api import FakeServer
from tests.flows.shell import KV, PREFIX, kvferry, variables

WORDS = ["--source", "dump:sessions.ndjson", "--target", "sqlite:sessions.db"]
GOOD = {"userId": "u", "accessToken": "a", "refreshToken": "r", "expiresAt": 4_000_000_000}


def put(folder: Path, payloads: dict[str, Any], prefix: str = PREFIX) -> None:
    items = [{"key": prefix + name, "value": json.dumps(value)} for name, value in payloads.items()]
    (folder / "sessions.ndjson").write_text("".join(json.dumps(item) + "\n" for item in items))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    put(tmp_path, {f"{number:02d}": {**GOOD, "userId": f"u{number}"} for number in range(30)})
    return tmp_path


@pytest.fixture
def ask(here: Path, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Run a command; its exit code and its report, which keeps its schema."""

    def call(command: str, *more: str) -> tuple[int, dict[str, Any]]:
        code = run([command, *WORDS, "--json", *more])
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        report.validate(document, report.name_of(document))
        assert document["exit"] == code
        return code, document

    return call


def rows(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "sessions.db")) as db:
        return int(db.execute("SELECT count(*) FROM live_sessions").fetchone()[0])


def counts(document: dict[str, Any]) -> dict[str, int]:
    return {name: count for name, count in document["tally"].items() if count}


@pytest.mark.parametrize("more", [[], ["--dry-run"], ["--partitions", "hex"]])
def test_a_prefix_under_which_the_source_has_no_key_is_named(ask: Any, more: list[str]) -> None:
    _, document = ask("export", "--prefix", PREFIX, "--prefix", "spotify_sesion:", *more)
    assert document["note"] == 'no key of the source begins with "spotify_sesion:": is the prefix right?'
    assert document["listed"] == 30
    _, document = ask("export", "--prefix", "a:", "--prefix", "b:", *more)
    assert document["note"] == 'no key of the source begins with "a:" or "b:": is the prefix right?'
    _, document = ask("export", *more)
    assert document["note"] == ""


def test_a_prefix_without_a_key_is_named_in_the_text_as_well(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["export", *WORDS, "--prefix", "spotify_sesion:"]) == 0
    said = capsys.readouterr().out
    assert 'no key of the source begins with "spotify_sesion:"' in said
    (here / "sessions.ndjson").write_text("")
    assert run(["export", *WORDS, "--prefix", ""]) == 0
    assert "the source has no key at all" in capsys.readouterr().out


@pytest.mark.parametrize(("prefix", "ignored", "copied"), [("", 1, 30), ("kvferry:", 1, 0), (PREFIX, 0, 30)])
def test_the_canary_of_the_session_store_is_no_session(
    here: Path, ask: Any, capsys: pytest.CaptureFixture[str], prefix: str, ignored: int, copied: int
) -> None:
    with (here / "sessions.ndjson").open("a") as file:
        file.write(json.dumps({"key": "kvferry:canary", "value": '{"number":1,"at":5}'}) + "\n")
    _, document = ask("plan", "--prefix", prefix)
    assert document["listing"]["keys"] == copied
    _, document = ask("export", "--prefix", prefix)
    counted = {"copied": copied, "ignored": ignored}
    assert counts(document) == {name: number for name, number in counted.items() if number}
    assert (document["balanced"], document["listed"]) == (True, copied + ignored)
    assert document["ignored_names"] == ["kvferry:canary"] * ignored
    assert rows(here) == copied
    _, document = ask("verify", "--prefix", prefix)
    assert document["ignored_names"] == ["kvferry:canary"] * ignored
    assert (document["classes"]["equal"]["keys"], document["against"]) == (copied, False)
    assert run(["export", *WORDS, "--prefix", prefix]) == 0
    assert ("kvferry:canary" in capsys.readouterr().out) == bool(ignored)


def test_it_copies_accounts_for_every_key_and_says_what_is_next(here: Path, ask: Any) -> None:
    code, document = ask("export")
    assert (code, counts(document), document["balanced"]) == (0, {"copied": 30}, True)
    assert document["listed"] == 30
    assert document["next"].startswith("kvferry verify --source dump:sessions.ndjson --target")
    assert rows(here) == 30


def test_a_dry_run_counts_what_would_happen_and_makes_nothing(here: Path, ask: Any) -> None:
    code, document = ask("export", "--dry-run")
    assert (code, counts(document), document["dry_run"]) == (3, {"copied": 30}, True)
    assert not (here / "sessions.db").exists()
    ask("export", "--limit", "10")
    before = (here / "sessions.db").read_bytes()
    code, document = ask("export", "--dry-run")
    assert (code, counts(document)) == (3, {"copied": 20, "equal": 10})
    assert (here / "sessions.db").read_bytes() == before


def test_a_trial_is_not_success_and_the_next_command_finishes_it(here: Path, ask: Any) -> None:
    code, document = ask("export", "--limit", "7")
    assert (code, document["listed"], document["state"], document["partial"]) == (
        3,
        7,
        "unfinished",
        "--limit 7",
    )
    assert "--limit" not in document["next"]
    words = document["next"].split()[1:]
    assert run([*words, "--quiet"]) == 0
    assert rows(here) == 30


def test_its_progress_goes_on_where_the_one_before_stopped(here: Path) -> None:
    from migrate import runner
    from migrate.formats.progress import Progress
    from migrate.opening import Settings
    from tests.flows.world import FakeClock

    clock, told = FakeClock(), io.StringIO()
    settings = Settings(clock=clock, ledger=here / "ledger.db", environ={}, cwd=here)
    stores = (f"dump:{here}/sessions.ndjson", f"sqlite:{here}/sessions.db")
    runner.export(*stores, settings=settings, limit=20)

    class Noting(Progress):
        def start(self, label: str, *, total: int | None = None, done: int = 0, unit: str = "key") -> None:
            told.write(f"{done} of {total} {unit}s")

    runner.export(*stores, settings=settings, progress=Noting(io.StringIO(), clock))
    assert told.getvalue() == "20 of 30 keys"


def test_each_call_after_a_complete_one_is_the_next_sweep(here: Path, ask: Any) -> None:
    assert [ask("export")[1]["sweep"] for _ in range(2)] == [1, 2]
    code, document = ask("export", "--sweeps", "2")
    assert (code, document["sweep"], counts(document)) == (0, 4, {"equal": 30})
    assert ask("export", "--fresh")[1]["sweep"] == 5


def test_a_later_sweep_mends_what_changed_and_settles_as_long_as_it_is_told(
    here: Path, fake: FakeServer
) -> None:
    def sweep(*more: str) -> dict[str, Any]:
        words = ("export", "--source", KV, "--target", "sqlite:sessions.db", "--rate", "100000/1", "--json")
        done = kvferry(*words, *more, cwd=here, env=variables(fake))
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    for number in range(30):
        fake.api.namespace.put(f"{PREFIX}{number:02d}", b"v", None, None)
    assert sweep()["settle_seconds"] == 120.0
    fake.api.namespace.put(f"{PREFIX}00", b"changed", None, None)
    fake.api.namespace.put(f"{PREFIX}30", b"new", None, None)
    fake.api.namespace.delete(f"{PREFIX}29")
    document = sweep("--settle", "0.2", "--rounds", "2")
    assert counts(document) == {"equal": 28, "copied": 1, "updated": 1}
    assert (document["deleted_at_source"], document["settle_seconds"]) == (1, 0.2)
    assert rows(here) == 31


def test_a_schema_keeps_invalid_payloads_in_quarantine_until_they_or_it_get_well(
    here: Path, ask: Any, tmp_path: Path
) -> None:
    sample = ("--schema", str(payload.SAMPLE))
    put(here, {"good": GOOD, "bad": {"userId": 3}, "worse": [1], "odd": {**GOOD, "expiresAt": "soon"}})
    code, document = ask("export", *sample)
    assert (code, counts(document)) == (1, {"copied": 1, "quarantined": 3})
    shown = document["quarantined"]["samples"]
    assert {one["fingerprint"].partition("#")[0] for one in shown} == {PREFIX}
    assert all("schema" in one["reason"] for one in shown)
    assert "--retry-quarantined" in document["next"]

    put(here, {"good": GOOD, "bad": GOOD, "worse": [1], "odd": {**GOOD, "expiresAt": "soon"}})
    code, document = ask("export", *sample, "--retry-quarantined")
    assert (code, counts(document), document["listed"]) == (1, {"copied": 1, "quarantined": 2}, 3)

    looser = tmp_path / "looser.json"
    looser.write_text('{"type": "object"}')
    code, document = ask("export", "--schema", str(looser), "--retry-quarantined")
    assert (code, counts(document)) == (1, {"copied": 1, "quarantined": 1})
    code, document = ask("export", "--retry-quarantined")
    assert (code, counts(document), rows(here)) == (0, {"copied": 1}, 4)


def test_a_payload_that_is_no_json_fails_its_schema_and_is_not_shown(here: Path, ask: Any) -> None:
    (here / "sessions.ndjson").write_text(json.dumps({"key": PREFIX + "x", "value": "planted secret"}))
    code, document = ask("export", "--schema", str(payload.SAMPLE))
    assert (code, document["quarantined"]["samples"][0]["reason"]) == (1, "not JSON")
    assert "planted" not in json.dumps(document)


def test_prefixes_may_overlap_and_the_order_does_not_matter(here: Path, ask: Any) -> None:
    items = [{"key": key, "value": "v"} for key in ("a:1", "a:b:1", "a:b:2", "b:1", "c:1")]
    (here / "sessions.ndjson").write_text("".join(json.dumps(item) + "\n" for item in items))
    words = ("--prefix", "b:", "--prefix", "a:b:", "--prefix", "a:")
    code, document = ask("export", *words)
    assert (code, counts(document), document["prefixes"]) == (0, {"copied": 4}, ["a:", "b:"])
    again = ask("export", "--prefix", "a:", "--prefix", "b:")[1]
    assert (again["run"], again["sweep"]) == (document["run"], 2)
    assert ask("verify", *words)[0] == 0


def test_every_key_is_taken_with_an_empty_prefix(here: Path, ask: Any) -> None:
    items = [{"key": key, "value": "v"} for key in ("a:1", "\u0001", "\U0010ffff")]
    (here / "sessions.ndjson").write_text("".join(json.dumps(item) + "\n" for item in items))
    assert counts(ask("export", "--prefix", "")[1]) == {"copied": 3}
    assert ask("verify", "--prefix", "")[0] == 0


@pytest.mark.parametrize("alphabet", ["hex", "base62"])
def test_partitions_copy_what_their_alphabet_misses_too(here: Path, ask: Any, alphabet: str) -> None:
    put(here, {"0a": GOOD, "ff": GOOD, "~outside": GOOD, "é": GOOD})
    code, document = ask("export", "--partitions", alphabet)
    assert (code, counts(document), rows(here)) == (0, {"copied": 4}, 4)


def test_the_ledger_can_be_lost_and_the_target_remembers(here: Path, ask: Any) -> None:
    ask("export", "--limit", "12")
    for path in (here / ".kvferry").iterdir():
        path.unlink()
    code, document = ask("export")
    assert (code, document["sweep"], counts(document)) == (0, 1, {"copied": 30})


def test_an_export_that_fails_half_way_reports_what_it_did_of_all_prefixes(
    here: Path, fake: FakeServer
) -> None:
    from tests.fake_api import Reply

    for prefix in ("a:", "b:"):
        for number in range(150):
            fake.api.namespace.put(f"{prefix}{number:03d}", b"v", None, None)
    fake.api.faults.add(Reply(403, 10000, "no"), on="bulk_get", nth=[4])
    words = ["export", "--source", KV, "--target", "sqlite:sessions.db", "--prefix", "a:", "--prefix", "b:"]
    done = kvferry(*words, "--json", "--rate", "100000/1", cwd=here, env=variables(fake))
    document = json.loads(done.stdout)
    assert (done.returncode, document["exit"], document["state"]) == (2, 2, "unfinished")
    assert document["balanced"]
    assert document["listed"] == document["tally"]["copied"] == rows(here) >= 150
    assert done.stderr.splitlines()[-1].startswith("  hint: ")
    fake.api.faults.clear()
    done = kvferry(*words, "--json", "--rate", "100000/1", cwd=here, env=variables(fake))
    assert (done.returncode, json.loads(done.stdout)["tally"]["copied"]) == (0, 300)


def test_the_example_in_its_help_is_a_command(here: Path) -> None:
    text = CliRunner().invoke(cli, ["export", "--help"]).output
    assert "kvferry export --source dump:sessions.ndjson --target sqlite:sessions.db --schema" in text


def test_a_budget_that_is_spent_ends_cleanly_and_says_when_to_resume(here: Path, fake: FakeServer) -> None:
    for number in range(450):
        fake.api.namespace.put(f"{PREFIX}{number:03d}", b"v", None, None)
    words = ("export", "--source", KV, "--target", "sqlite:sessions.db", "--rate", "100000/1", "--json")
    spent = kvferry(*words, "--budget", "reads=200/day", cwd=here, env=variables(fake))
    assert spent.returncode == 3
    assert json.loads(spent.stdout)["tally"]["copied"] == rows(here) in (100, 200)
    assert "run the same command after 2" in spent.stderr
    done = kvferry(*words, cwd=here, env=variables(fake))
    assert (done.returncode, json.loads(done.stdout)["listed"]) == (0, 450)


def test_a_file_of_secrets_that_others_may_read_is_said_once_on_standard_error(
    here: Path, fake: FakeServer
) -> None:
    fake.api.namespace.put(f"{PREFIX}00", b"v", None, None)
    env = variables(fake)
    (here / "token").write_text(env.pop("CLOUDFLARE_API_TOKEN"))
    (here / "token").chmod(0o644)
    env["CLOUDFLARE_API_TOKEN_FILE"] = str(here / "token")
    words = ("export", "--source", KV, "--target", "sqlite:sessions.db", "--rate", "100000/1", "--json")
    done = kvferry(*words, cwd=here, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(f"other users may read the token: chmod 600 {here / 'token'}\n") == 1
    (here / "token").chmod(0o600)
    assert "chmod" not in kvferry(*words, cwd=here, env=env).stderr
