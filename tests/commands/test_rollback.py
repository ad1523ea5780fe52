"""The command line of rollback, over a fake account and a SQLite file."""

from __future__ import annotations

import json
from pathlib import Path

from migrate.formats import report
from tests.fake_api import NAMESPACE, Entry, FakeServer
from tests.flows.shell import KV, PREFIX, kvferry, variables

WORDS = ("--source", KV, "--target", "sqlite:sessions.db", "--quiet")


def test_it_says_what_it_would_do_then_wants_the_name(fake: FakeServer, tmp_path: Path) -> None:
    fake.api.namespace.load([(f"{PREFIX}planted-id", Entry(b"v", None, 2_000_000_000))])
    env = variables(fake)
    assert kvferry("export", *WORDS, cwd=tmp_path, env=env).returncode == 0
    goes_back = ("rollback", *WORDS, "--stage", "shadow-read", "--json")
    done = kvferry(*goes_back, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    report.validate(document, "rollback-report")
    assert (document["listed"], document["tally"]["kept"]) == (1, 1), "a row of the copy is left as it is"
    assert document["next"].endswith(f"--execute --name {NAMESPACE}")
    refused = kvferry(*goes_back, "--execute", "--name", "another", cwd=tmp_path, env=env)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "planted-id" not in done.stdout + done.stderr + refused.stderr
