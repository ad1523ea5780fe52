"""The store as `kvferry store init` writes it: strict TypeScript, and a Worker that runs with it."""

import json
import subprocess
import time
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from migrate.vendoring.folder import store_files
from tests.edge.edge import EDGE
from tests.flows.shell import kvferry
from tests.runtime.install import install, node
from tests.runtime.runtime import LocalRuntime

CONFIG = """name = "shop"
main = "src/index.ts"
compatibility_date = "2026-04-01"

[[kv_namespaces]]
binding = "SESSIONS"
id = "1"

"""

WORKER = """
import { UserSessions } from "../edge/user-sessions.ts";
import { sessionStore } from "./kvferry/session-store.ts";
import { STATS_NAME } from "./kvferry/stats-calls.ts";

export { MigrationStats } from "./kvferry/migration-stats.ts";
export { UserSessions };

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/") return new Response("ready");
    if (pathname === "/seen") {
      const stats = await env.MIGRATION_STATS.getByName(STATS_NAME).kvferryStats();
      return Response.json(stats.seen.map(({ stage }) => stage));
    }
    if (pathname === "/canary") {
      const { canary } = await env.MIGRATION_STATS.getByName(STATS_NAME).kvferryStats();
      return Response.json({ ...canary, kv: await env.SESSIONS.get("kvferry:canary", "json") });
    }
    const store = sessionStore({ ...env, SESSION_STAGE: searchParams.get("stage") });
    await store.put("s1", { user: "u" }, { expirationTtl: 3600, metadata: { m: 1 } });
    const found = await store.get<{ user: string }>("s1");
    const kv = await env.SESSIONS.get("spotify_session:s1");
    return Response.json({ found, kv });
  },
};
"""
"""A Worker that puts and gets one session at a stage."""


STAGES = ("kv", "dual-write", "shadow-read", "object-first", "object-only")


def asked(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A Worker with the session class, after `kvferry store init`; its configuration as that says."""
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "wrangler.toml").write_text(CONFIG)
    done = kvferry("store", "init", "src/kvferry", cwd=shop)
    assert done.returncode == 0, done.stderr
    (shop / "src" / "index.ts").write_text(WORKER)
    said = done.stdout.split("add to wrangler.toml:")[1].split("\nbefore dual-write")[0]
    text = CONFIG + said.replace('["MigrationStats"]', '["MigrationStats", "UserSessions"]')
    text += '[[durable_objects.bindings]]\nname = "USER_SESSIONS"\nclass_name = "UserSessions"\n'
    assert tomllib.loads(text)["vars"]["SESSION_STAGE"] == "kv"
    (shop / "wrangler.toml").write_text(text)
    (shop / "edge").symlink_to(EDGE / "src")
    return shop


def test_what_is_written_is_strict_typescript(tmp_path: Path) -> None:
    modules = install()
    for path, text in store_files().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    options = json.loads((EDGE / "tsconfig.json").read_text())["compilerOptions"]
    types = {"types": [str(modules / "workers-types")]}
    config = {"compilerOptions": options | types, "include": ["**/*.ts"]}
    (tmp_path / "tsconfig.json").write_text(json.dumps(config))
    command = [str(node()), str(modules / "typescript" / "bin" / "tsc"), "-p", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.returncode) == ("", 0)


def test_a_worker_with_it_puts_and_gets_at_every_stage(tmp_path: Path, shop: Path) -> None:
    with LocalRuntime(tmp_path / "runtime", worker=shop) as runtime:
        for stage in STAGES:
            told = asked(f"{runtime.url}/put?stage={stage}")
            assert told["found"]["data"] == {"user": "u"}
            assert told["found"]["metadata"] == {"m": 1}
            assert json.loads(told["kv"]) == {"user": "u"}
        deadline = time.monotonic() + 10
        while (seen := set(asked(runtime.url + "/seen"))) != set(STAGES) and time.monotonic() < deadline:
            time.sleep(0.05)  # heartbeats come behind the answers
        assert seen == set(STAGES)
        while (canary := asked(runtime.url + "/canary"))["written"] is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert (canary["written"]["number"], canary["kv"]["number"]) == (1, 1)
        while not canary["reads"]["counted"]["times"] and time.monotonic() < deadline:
            asked(f"{runtime.url}/put?stage=kv")
            canary = asked(runtime.url + "/canary")
        assert canary["reads"]["counted"]["times"] > 0
        assert canary["reads"]["uncounted"]["times"] == canary["reads"]["foreign"]["times"] == 0
