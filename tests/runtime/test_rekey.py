"""`kvferry rekey` on a real `wrangler dev`: value, metadata and expiration keep, and the old names go."""

import json
from pathlib import Path

import pytest

from migrate.formats import report
from migrate.main import run
from tests.runtime.cases import PREFIX, awkward_seeds
from tests.runtime.runtime import LocalRuntime, Seed
from tests.runtime.test_sources_agree import from_disk, records

NEW = "renamed:"


def test_live_sessions_get_another_prefix(
    runtime: LocalRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    seeds = [*awkward_seeds(), Seed("cache:a", b"1")]
    runtime.seed(seeds)
    with from_disk(runtime) as disk:
        before = {one.key[len(PREFIX) :]: one for one in records(disk, PREFIX)}
    name = runtime.namespace_id()
    words = ["rekey", PREFIX, NEW, "--source", f"kv+{runtime.url}/{name}", "--quiet", "--json"]
    go = ["--execute", "--name", name]

    assert run([*words, *go]) == 3, capsys.readouterr()
    copied = json.loads(capsys.readouterr().out)
    report.validate(copied, "rekey-report")
    with from_disk(runtime) as disk:
        after = {one.key[len(NEW) :]: one for one in records(disk, NEW)}
    dated = {rest for rest, one in before.items() if isinstance(one.expiration, int)}
    falsy = {rest for rest, one in before.items() if one.metadata == "false"}
    unable = dated | falsy if runtime.version == "4.86" else set()  # it would make them last for ever
    assert set(after) == set(before) - unable
    for rest, one in after.items():
        assert one[1:] == before[rest][1:]
    assert copied["copied"]["tally"]["failed"] == len(unable)

    code = run([*words, "--delete-old", *go])
    deleted = json.loads(capsys.readouterr().out)
    report.validate(deleted, "rekey-report")
    assert (code, deleted["left"]) == ((1, len(unable)) if unable else (0, 0))
    with from_disk(runtime) as disk:
        assert {one.key[len(PREFIX) :] for one in records(disk, PREFIX)} == unable
        assert {one.key[len(NEW) :] for one in records(disk, NEW)} == set(after)
    assert runtime.read("cache:a") == (b"1", None)
