"""`kvferry cleanup` on a real `wrangler dev`: what it dumps can be put back, and nothing else is touched."""

import json
import time
from pathlib import Path

import pytest

from migrate.core.record import NEVER, Record
from migrate.formats import report
from migrate.main import run
from migrate.stores.dump import DumpSource
from tests.runtime.cases import PREFIX, awkward_seeds
from tests.runtime.runtime import LocalRuntime, Seed


def test_a_prefix_is_dumped_and_emptied_and_the_rest_stays(
    runtime: LocalRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    seeds, started = awkward_seeds(), time.time()
    others = [Seed("cache:a", b"1"), Seed("spotify_sessions", b"2", ttl=600)]
    runtime.seed([*seeds, *others])
    wanted = {seed.key: seed for seed in seeds if seed.key.startswith(PREFIX)}
    name = runtime.namespace_id()
    words = ["cleanup", "--source", f"kv+{runtime.url}/{name}", "--prefix", PREFIX, "--migrated", "user:"]
    words += ["--quiet", "--json"]
    assert run(words) == 0
    dry = json.loads(capsys.readouterr().out)
    assert dry["tally"]["selected"] == len(wanted)
    assert runtime.read(f"{PREFIX}plain") is not None

    assert run([*words, "--execute", "--name", name, "--dump", "all.ndjson"]) == 0, capsys.readouterr()
    document = json.loads(capsys.readouterr().out)
    report.validate(document, "cleanup-report")
    assert document["tally"]["deleted"] == len(wanted)
    assert document["relisted"] == {"at": document["relisted"]["at"], "still": 0, "kept": 0}
    assert [runtime.read(key) for key in wanted] == [None] * len(wanted)
    for seed in seeds:
        assert (runtime.read(seed.key) is None) == (seed.key in wanted)
    assert runtime.read("cache:a") == (b"1", None)

    dump = DumpSource(Path("all.ndjson"))
    page = dump.scan("", None)
    records = dump.read([head.key for head in page.heads])
    assert set(records) == set(wanted)
    for key, record in records.items():
        assert isinstance(record, Record)
        seed = wanted[key]
        assert record.value == seed.value
        assert (None if record.metadata is None else json.loads(record.metadata)) == seed.metadata
        if seed.ttl is None:
            assert record.expiration == (NEVER if seed.expiration is None else seed.expiration)
        else:
            assert isinstance(record.expiration, int)
            assert started - 1 <= record.expiration - seed.ttl <= time.time() + 1
    dump.close()
