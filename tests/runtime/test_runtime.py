import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.runtime.cases import awkward_seeds
from tests.runtime.runtime import EXPLORER, LocalRuntime, Seed

ROOT = Path(__file__).parents[2]


def ask(runtime: LocalRuntime, path: str, body: Any = None, binding: str = "SESSIONS") -> bytes:
    url = f"{runtime.explorer}/storage/kv/namespaces/{runtime.namespace_id(binding)}{path}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        content: bytes = answer.read()
    return content


def listed(runtime: LocalRuntime, binding: str = "SESSIONS") -> list[dict[str, Any]]:
    document = json.loads(ask(runtime, "/keys?limit=1000", binding=binding))
    assert not document["result_info"]["cursor"]
    keys: list[dict[str, Any]] = document["result"]
    return keys


def on_disk(runtime: LocalRuntime, binding: str = "SESSIONS") -> dict[str, tuple[bytes, Any, int | None]]:
    rows: dict[str, tuple[bytes, Any, int | None]] = {}
    with closing(sqlite3.connect(f"file:{runtime.database(binding)}?mode=ro", uri=True)) as database:
        for key, blob, expiration, metadata in database.execute(
            "SELECT key, blob_id, expiration, metadata FROM _mf_entries"
        ):
            value = (runtime.blobs(binding) / blob).read_bytes()
            meaning = None if metadata is None else json.loads(metadata)
            rows[key] = (value, meaning, None if expiration is None else expiration // 1000)
    return rows


def same_expiration(seed: Seed, seeded_at: float, got: int | None) -> bool:
    if seed.ttl is not None:
        return got is not None and seeded_at + seed.ttl - 1 <= got <= time.time() + seed.ttl + 1
    return got == seed.expiration


# ---------------------------------------------------------------- what is seeded is there


def test_every_awkward_case_is_on_disk_as_it_was_seeded(runtime: LocalRuntime) -> None:
    seeds, started = awkward_seeds(), time.time()
    runtime.seed(seeds)
    rows = on_disk(runtime)
    assert set(rows) == {seed.key for seed in seeds}
    for seed in seeds:
        value, metadata, expiration = rows[seed.key]
        assert (value, metadata) == (seed.value, seed.metadata)
        assert same_expiration(seed, started, expiration)


def test_every_awkward_case_comes_back_over_the_rest_api(runtime: LocalRuntime) -> None:
    seeds, started = awkward_seeds(), time.time()
    runtime.seed(seeds)
    keys = listed(runtime)
    assert [key["name"] for key in keys] == sorted((seed.key for seed in seeds), key=str.encode)
    by_key = {seed.key: seed for seed in seeds}
    for item in keys:
        seed = by_key[item["name"]]
        assert item.get("metadata") == seed.metadata
        assert same_expiration(seed, started, item.get("expiration"))
        assert ask(runtime, f"/values/{quote(seed.key, safe='')}") == seed.value


def test_the_binding_reads_what_it_wrote(runtime: LocalRuntime) -> None:
    runtime.seed([Seed("a", b"\xff\x00", {"x": 1}, ttl=60), Seed("b", b"")])
    assert runtime.read("a") == (b"\xff\x00", {"x": 1})
    assert runtime.read("b") == (b"", None)
    assert runtime.read("c") is None


def test_a_bulk_get_spoils_what_is_not_text_and_has_no_metadata(runtime: LocalRuntime) -> None:
    runtime.seed([Seed("bin", b"\xffa", {"x": 1}, ttl=60), Seed("bom", b"\xef\xbb\xbfa")])
    body = {"keys": ["bin", "bom", "none"], "type": "text", "withMetadata": True}
    values = json.loads(ask(runtime, "/bulk/get", body))["result"]["values"]
    assert values == {"bin": "\ufffda", "bom": "a", "none": None}


def test_a_listing_is_cut_into_pages_as_in_production(runtime: LocalRuntime) -> None:
    names = [f"many:{number:02}" for number in range(25)]
    runtime.seed(Seed(name, b"v") for name in [*names, "other"])
    found: list[list[str]] = []
    cursor = ""
    while True:
        path = f"/keys?limit=10&prefix=many:&cursor={quote(cursor, safe='')}"
        document = json.loads(ask(runtime, path))
        found.append([key["name"] for key in document["result"]])
        cursor = document["result_info"]["cursor"]
        if not cursor:
            break
    assert found == [names[:10], names[10:20], names[20:]]


def test_each_binding_has_a_namespace_of_its_own_under_its_preview_id_id_or_name(
    runtime: LocalRuntime,
) -> None:
    for binding in ("SESSIONS", "PREVIEWED", "UNNAMED"):
        runtime.seed([Seed(f"only in {binding}", b"v")], binding)
    for binding in ("SESSIONS", "PREVIEWED", "UNNAMED"):
        assert [key["name"] for key in listed(runtime, binding)] == [f"only in {binding}"]
        assert list(on_disk(runtime, binding)) == [f"only in {binding}"]
    url = f"{runtime.explorer}/storage/kv/namespaces"
    with urllib.request.urlopen(url, timeout=20) as answer:
        ids = {one["id"] for one in json.load(answer)["result"]}
    assert ids == {runtime.namespace_id(binding) for binding in ("SESSIONS", "PREVIEWED", "UNNAMED")}


def test_deleted_keys_are_gone(runtime: LocalRuntime) -> None:
    runtime.seed([Seed("a", b"1"), Seed("b", b"2")])
    runtime.delete(["a", "none"])
    assert [key["name"] for key in listed(runtime)] == ["b"]
    assert list(on_disk(runtime)) == ["b"]


def test_an_expiration_that_is_set_behind_its_back_takes_effect_at_once(runtime: LocalRuntime) -> None:
    runtime.seed([Seed("a", b"1", ttl=600), Seed("b", b"2", ttl=600)])
    runtime.set_expiration("a", int(time.time()) - 5)
    assert runtime.read("a") is None
    assert [key["name"] for key in listed(runtime)] == ["b"]
    with pytest.raises(KeyError):
        runtime.set_expiration("none", 1)


def test_what_cloudflare_refuses_is_refused_with_its_reason(runtime: LocalRuntime) -> None:
    with pytest.raises(RuntimeError, match="60"):
        runtime.seed([Seed("a", b"1", ttl=59)])
    assert listed(runtime) == []


def test_the_rest_api_has_two_paths_of_which_the_older_version_knows_one(runtime: LocalRuntime) -> None:
    answering: list[str] = []
    for version, path in EXPLORER.items():
        try:
            with urllib.request.urlopen(runtime.url + path, timeout=20) as answer:
                assert "openapi" in json.load(answer)
            answering.append(version)
        except urllib.error.HTTPError as refused:
            refused.close()
    assert answering == (["4.164", "4.86"] if runtime.version == "4.164" else ["4.86"])


def test_wrangler_itself_agrees_with_the_fixture_about_the_folder(runtime: LocalRuntime) -> None:
    runtime.seed([Seed("a", "väl".encode())])
    done = runtime.wrangler("kv", "key", "get", "a", "--binding", "SESSIONS", "--local", "--text")
    assert done.stdout.decode().strip().startswith("väl")


# ---------------------------------------------------------------- starting and ending


def members(group: int) -> list[str]:
    found = subprocess.run(
        ["ps", "-o", "stat=", "-o", "args=", "-g", str(group)], capture_output=True, text=True, check=False
    )
    return [line for line in found.stdout.splitlines() if not line.startswith("Z")]


def wait_until_empty(group: int) -> list[str]:
    deadline = time.monotonic() + 10
    while members(group) and time.monotonic() < deadline:
        time.sleep(0.05)
    return members(group)


def test_the_whole_group_ends_even_when_the_tests_are_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from tests.runtime.runtime import LocalRuntime\n"
        "with LocalRuntime(Path(sys.argv[1])) as runtime:\n"
        "    print(runtime.process_group, flush=True); time.sleep(60)"
    )
    tests = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE)
    assert tests.stdout is not None
    group = int(tests.stdout.readline())
    assert any("workerd" in line for line in members(group))
    os.kill(tests.pid, signal.SIGKILL)
    tests.wait()
    tests.stdout.close()
    assert wait_until_empty(group) == []


def test_a_runtime_that_does_not_start_fails_with_wranglers_own_words(tmp_path: Path) -> None:
    worker = tmp_path / "worker"
    worker.mkdir()
    (worker / "wrangler.json").write_text('{"name": "broken", "main": "missing.js"}')
    with pytest.raises(RuntimeError, match=r"missing\.js"), LocalRuntime(tmp_path, worker=worker):
        pass
