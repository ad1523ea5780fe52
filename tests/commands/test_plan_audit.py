"""A plan audits the application's code: does it use KV and another store for sessions already?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from migrate.commands.plan_audit import audited
from migrate.main import run

WRANGLER = """
name = "shop"
main = "src/a.ts"
kv_namespaces = [{ binding = "SESSIONS", id = "0" }]
d1_databases = [{ binding = "DB", database_name = "d", database_id = "0" }]
"""
ENV = "interface Env { SESSIONS: KVNamespace; DB: D1Database }\n"
ALONE = "export const login = (env: Env, id: string) => env.SESSIONS.put(`spotify_session:${id}`, '1');\n"
BOTH = """export async function login(env: Env, id: string, data: string) {
  await env.DB.prepare("INSERT INTO sessions (id, data) VALUES (?, ?)").bind(id, data).run();
  await env.SESSIONS.put(`spotify_session:${id}`, data, { expirationTtl: 3600 });
}
"""
FALLBACK = """export async function current(env: Env, id: string) {
  const row = await env.DB.prepare("SELECT data FROM sessions WHERE id = ?").bind(id).first();
  if (row) return row.data;
  return env.SESSIONS.get(`spotify_session:${id}`, "json");
}
"""
PRODUCTS = """export async function product(env: Env, id: string, data: string) {
  await env.DB.prepare("INSERT INTO products (id, data) VALUES (?, ?)").bind(id, data).run();
  await env.SESSIONS.put(`product:${id}`, data, { expirationTtl: 3600 });
}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "wrangler.toml").write_text(WRANGLER)
    (tmp_path / "src").mkdir()
    return tmp_path


def both(shop: Path, text: str) -> list[str]:
    (shop / "src/a.ts").write_text(ENV + text)
    return list(audited(shop, ["spotify_session:"]).both)


def test_a_write_beside_another_store_is_named_by_its_place_and_the_store(shop: Path) -> None:
    assert both(shop, BOTH) == ["src/a.ts:4"]


def test_a_read_behind_another_store_is_half_a_migration_too(shop: Path) -> None:
    assert both(shop, FALLBACK) == ["src/a.ts:5 (D1)"]


def test_a_session_in_kv_alone_and_other_data_in_both_are_not(shop: Path) -> None:
    assert both(shop, ALONE) == []
    assert both(shop, PRODUCTS) == []


def test_an_excused_write_is_in_both_stores_all_the_same(shop: Path) -> None:
    put = "  await env.SESSIONS"
    excused = BOTH.replace(put, f"  // kvferry: ignore[session-kv-call] later\n{put}")
    assert both(shop, excused) == ["src/a.ts:5"]


def test_the_plan_proposes_to_adopt_and_asks_who_is_right(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(shop)
    both(shop, BOTH)
    (shop / "s.ndjson").write_text('{"key":"spotify_session:a","value":"v"}\n')
    words = ["plan", "--source", "dump:s.ndjson", "--target", "sqlite:t.db", "--audit", "."]
    words += ["--json", "--quiet"]
    assert run(words) == 0
    unsaid = json.loads(capsys.readouterr().out)
    assert (unsaid["recipe"]["name"], unsaid["recipe"]["because"]) == ("adopt", "both_written")
    assert unsaid["next"].endswith("--authority kv")
    (shop / "kvferry.toml").write_text('authority = "target"\n')
    assert run(words) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["recipe"]["authority"] == "target"
    assert said["next"].endswith("--authority target")
    assert said["next"].startswith("kvferry export ")
