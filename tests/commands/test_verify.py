from __future__ import annotations

import json
import sqlite3
import xml.etree.ElementTree as ET
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from migrate.formats import report
from migrate.main import run
from tests.fake_api import FakeServer, Reply
from tests.fake_api.sample import stamp
from tests.flows.shell import KV, PREFIX, kvferry, variables

WORDS = ["--source", "dump:sessions.ndjson", "--target", "sqlite:sessions.db"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    items = [
        {"key": f"{PREFIX}{number:02d}", "value": json.dumps({"n": number}), "metadata": {"m": number}}
        for number in range(30)
    ]
    (tmp_path / "sessions.ndjson").write_text("".join(json.dumps(item) + "\n" for item in items))
    assert run(["export", *WORDS, "--quiet"]) == 0
    return tmp_path


@pytest.fixture
def ask(here: Path, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    def call(*more: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = run(["verify", *WORDS, "--json", *more])
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        report.validate(document, "verify-report")
        assert document["exit"] == code
        return code, document

    return call


def alter(folder: Path, change: str) -> None:
    with closing(sqlite3.connect(folder / "sessions.db")) as db, db:
        assert db.execute(f"UPDATE sessions SET version = version + 1, {change}").rowcount


def classes(document: dict[str, Any]) -> dict[str, int]:
    return {name: one["keys"] for name, one in document["classes"].items() if one["keys"]}


def test_a_clean_copy_is_clean(ask: Any) -> None:
    code, document = ask()
    assert (code, document["verdict"], classes(document)) == (0, "clean", {"equal": 30})
    assert (document["rehearsal"], document["settle_seconds"]) == (None, 0.0)


def test_a_prefix_under_which_the_source_has_no_key_is_named(ask: Any) -> None:
    code, document = ask("--prefix", PREFIX, "--prefix", "spotify_sesion:")
    assert (code, document["verdict"]) == (0, "clean")
    assert document["note"] == 'no key of the source begins with "spotify_sesion:": is the prefix right?'
    code, document = ask("--prefix", "spotify_sesion:")
    assert (code, document["verdict"]) == (3, "unproven")
    assert '"spotify_sesion:"' in document["note"]


def test_a_difference_shows_fingerprint_field_sizes_and_digests_and_no_value(here: Path, ask: Any) -> None:
    alter(here, f"value = CAST('planted' AS BLOB), digest = NULL WHERE key = '{PREFIX}07'")
    code, document = ask()
    [one] = document["differences"]
    assert (code, one["class"], one["fields"], one["state"]) == (1, "value", ["value"], "settled")
    assert (one["source"]["size"], one["target"]["size"]) == (8, 7)
    assert one["source"]["digest"] != one["target"]["digest"]
    assert one["fingerprint"].startswith(f"{PREFIX}#")
    assert "planted" not in json.dumps(document)


def test_bytes_count_only_when_they_are_asked_to(here: Path, ask: Any) -> None:
    alter(here, f"value = CAST('{{ \"n\":7 }}' AS BLOB), digest = NULL WHERE key = '{PREFIX}07'")
    assert classes(ask()[1]) == {"equal": 29, "same_json": 1}
    code, document = ask("--exact")
    assert (code, classes(document), document["exact"]) == (1, {"equal": 29, "value": 1}, True)


def test_metadata_is_ignored_only_when_it_is_asked_to_be(here: Path, ask: Any) -> None:
    alter(here, f"metadata = NULL WHERE key = '{PREFIX}07'")
    assert ask()[0] == 1
    code, document = ask("--ignore", "metadata")
    assert (code, classes(document), document["ignored"]) == (0, {"equal": 30}, ["metadata"])


def test_a_sample_is_never_a_clean_verdict(ask: Any) -> None:
    for number in ("5", "30", "99"):
        code, document = ask("--sample", number)
        assert (code, document["verdict"]) == (3, "unproven")
    assert "--sample" not in document["next"]


def test_a_sample_does_not_stand_in_for_the_whole(here: Path, ask: Any) -> None:
    ask("--sample", "5")
    alter(here, f"expiration = 5000000000 WHERE key = '{PREFIX}29'")
    assert classes(ask()[1]) == {"equal": 29, "expiration": 1}


def test_a_recheck_reads_the_last_differences_and_proves_nothing_more(here: Path, ask: Any) -> None:
    alter(here, f"expiration = 5000000000 WHERE key IN ('{PREFIX}07', '{PREFIX}08')")
    assert ask()[1]["against"] == 2
    alter(here, f"expiration = NULL WHERE key = '{PREFIX}07'")
    code, document = ask("--recheck")
    assert (code, document["against"], document["compared"]) == (1, 1, 2)
    alter(here, f"expiration = NULL WHERE key = '{PREFIX}08'")
    code, document = ask("--recheck", "--exact")
    assert (code, document["verdict"], document["against"]) == (3, "unproven", 0)


def test_a_recheck_without_a_verify_before_says_what_to_do(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify", *WORDS, "--recheck"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[-1] == "  hint: run the same command without --recheck first"


def test_a_sample_and_a_recheck_exclude_each_other(here: Path) -> None:
    assert run(["verify", *WORDS, "--recheck", "--sample", "3"]) == 2


def test_the_stage_decides_about_dual_rows(here: Path, ask: Any) -> None:
    alter(here, f"expiration = 5000000000, origin = 'dual' WHERE key = '{PREFIX}07'")
    assert ask()[0] == 1
    code, document = ask("--stage", "object-first")
    assert (code, classes(document), document["stage"]) == (0, {"equal": 29, "kv_behind": 1}, "object-first")


def test_junit_fails_for_a_settled_difference(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alter(here, f"expiration = 5000000000 WHERE key = '{PREFIX}07'")
    capsys.readouterr()
    assert run(["verify", *WORDS, "--format", "junit", "--output", "json=report.json"]) == 1
    suite = ET.fromstring(capsys.readouterr().out)
    assert list(suite.iter("failure"))
    assert json.loads(Path("report.json").read_text())["against"] == 1


def test_less_patience_than_workers_kv_calls_for_is_named_and_is_another_verify(
    fake: FakeServer, tmp_path: Path
) -> None:
    for number in range(20):
        fake.api.namespace.put(f"{PREFIX}{number:02d}", b"v", None, None)
    both = ("--source", KV, "--target", "sqlite:sessions.db", "--rate", "100000/1", "--json")
    assert kvferry("export", *both, cwd=tmp_path, env=variables(fake)).returncode == 0
    short = json.loads(kvferry("verify", *both, "--settle", "0", cwd=tmp_path, env=variables(fake)).stdout)
    whole = json.loads(kvferry("verify", *both, cwd=tmp_path, env=variables(fake)).stdout)
    assert (short["verdict"], whole["verdict"]) == ("clean", "clean")
    assert "never satisfies a gate" in short["rehearsal"]
    assert (whole["rehearsal"], whole["settle_seconds"]) == (None, 120.0)
    assert short["run"] != whole["run"]


def test_a_verify_that_cannot_read_everything_proves_nothing(fake: FakeServer, tmp_path: Path) -> None:
    for number in range(20):
        fake.api.namespace.put(f"{PREFIX}{number:02d}", b"v", None, None)
    both = ("--source", KV, "--target", "sqlite:sessions.db", "--rate", "100000/1", "--json")
    env = variables(fake)
    assert kvferry("export", *both, cwd=tmp_path, env=env).returncode == 0
    fake.api.namespace.put(f"{PREFIX}07", b"\xff", None, None)
    fake.api.faults.add(Reply(404, 10009, "no"), on="get")
    done = kvferry("verify", *both, cwd=tmp_path, env=env)
    document = json.loads(done.stdout)
    assert (done.returncode, document["verdict"], document["errors"]["source"]) == (3, "unproven", 1)
    fake.api.faults.clear()
    fake.api.faults.add(Reply(403, 10000, "no"), on="list")
    done = kvferry("verify", *both, cwd=tmp_path, env=env)
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (2, "unproven")


def stamped(fake: FakeServer, number: int, value: bytes, said: bytes | None = None) -> None:
    """A session as the session store writes it; `said`: of which value its stamp is."""
    metadata = json.dumps({"m": number, "_kvferry": stamp(value if said is None else said, None)})
    fake.api.namespace.put(f"{PREFIX}{number:03d}", value, metadata, None)


BOTH = ("--source", KV, "--target", "sqlite:sessions.db", "--rate", "100000/1", "--settle", "0", "--json")


def test_a_fast_verify_reads_the_sample_and_what_has_no_stamp(fake: FakeServer, tmp_path: Path) -> None:
    for number in range(300):
        stamped(fake, number, b"v%d" % number)
    fake.api.namespace.put(f"{PREFIX}300", b"v", None, None)
    env = variables(fake)
    assert kvferry("export", *BOTH, cwd=tmp_path, env=env).returncode == 0
    done = kvferry("verify", *BOTH, "--fast", "--sample-values", "10", cwd=tmp_path, env=env)
    document = json.loads(done.stdout)
    report.validate(document, "verify-report")
    sampled = document["fast"]["values_sampled"]
    assert (done.returncode, document["verdict"], document["fast"]["one_in"]) == (0, "clean", 10)
    assert 0 < sampled < 100
    assert document["proofs"] == {"bytes": sampled + 1, "digest": 0, "listing": 300 - sampled}


def test_a_stamp_of_another_value_escapes_a_fast_verify_and_never_the_full_one(
    fake: FakeServer, tmp_path: Path
) -> None:
    for number in range(30):
        stamped(fake, number, b"v%d" % number)
    env = variables(fake)
    assert kvferry("export", *BOTH, cwd=tmp_path, env=env).returncode == 0
    stamped(fake, 7, b"planted by another", said=b"v7")
    codes = {}
    for how in (("--fast", "--sample-values", "1000000000"), ("--fast", "--sample-values", "1"), ()):
        done = kvferry("verify", *BOTH, *how, cwd=tmp_path, env=env)
        codes[how[-1] if how else "full"] = done.returncode
        assert "planted" not in done.stdout + done.stderr
        assert f"{PREFIX}007" not in done.stdout + done.stderr
    assert codes == {"1000000000": 0, "1": 1, "full": 1}


def test_options_that_contradict_a_fast_verify_are_refused(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify", *WORDS, "--fast", "--recheck"]) == 2
    assert "--fast and --recheck exclude each other" in capsys.readouterr().err
    assert run(["verify", *WORDS, "--sample-values", "5"]) == 2
    assert "--sample-values is for --fast only" in capsys.readouterr().err


def test_values_that_come_with_their_listing_are_compared_by_bytes(ask: Any) -> None:
    code, document = ask("--fast")
    assert (code, document["proofs"]) == (0, {"bytes": 30, "digest": 0, "listing": 0})


def test_a_fast_verify_a_wider_one_and_a_full_one_are_runs_of_their_own(ask: Any) -> None:
    runs = [ask(*how)[1]["run"] for how in ((), ("--fast",), ("--fast", "--sample-values", "5"))]
    assert len(set(runs)) == 3
    assert ask("--fast", "--sample-values", "100")[1]["run"] == runs[1]
