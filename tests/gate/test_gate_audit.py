"""What a gate makes of the code: writes past the session store, caches, and the commit."""

import subprocess
from pathlib import Path

import pytest

from migrate.commands.gate_audit import audited
from migrate.main import run

NOW = 1_700_000_000.0
WRITE = "export const login = (env: Env, id: string) => env.SESSIONS.put(`spotify_session:${id}`, '1');\n"
READ = "export const read = (env: Env, id: string) => env.SESSIONS.get(`spotify_session:${id}`, %s);\n"
ENV = "interface Env { SESSIONS: KVNamespace }\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "wrangler.toml").write_text(
        'name = "shop"\nmain = "src/a.ts"\nkv_namespaces = [{ binding = "SESSIONS", id = "0" }]\n'
    )
    (tmp_path / "src").mkdir()
    return tmp_path


def code(shop: Path, text: str) -> None:
    (shop / "src/a.ts").write_text(ENV + text)


def asked(shop: Path):
    return audited(shop, ["spotify_session:"], NOW)


def test_a_write_past_the_session_store_is_named_by_its_place(shop):
    code(shop, WRITE)
    assert asked(shop)["writes"] == ["src/a.ts:2"]


def test_a_read_is_no_write_and_its_cache_counts(shop):
    code(shop, READ % "'json'")
    assert (asked(shop)["writes"], asked(shop)["caches_seconds"]) == ([], 60.0)
    code(shop, READ % "{ type: 'json', cacheTtl: 3600 }")
    assert (asked(shop)["writes"], asked(shop)["caches_seconds"]) == ([], 3600.0)


KEPT = """
const known = new Map<string, %s>();
export const kept = async (env: Env, id: string) => {
  const session = await env.SESSIONS.get(`%s${id}`, "json");
  known.set(id, %s);
  return session;
};
"""


@pytest.mark.parametrize(
    ("kind", "value"), [("unknown", "session"), ("Kept", "{ session, until: Date.now() + 60_000 }")]
)
def test_a_session_that_the_isolate_keeps_is_named_with_an_end_and_without(shop, kind, value):
    code(shop, KEPT % (kind, "spotify_session:", value))
    assert asked(shop)["kept"] == ["src/a.ts:6"]


def test_what_is_no_session_may_be_kept(shop):
    code(shop, KEPT.replace("session", "flag") % ("unknown", "flags:", "flag"))
    assert asked(shop)["kept"] == []


def test_one_that_a_comment_excuses_writes_all_the_same(shop):
    code(shop, "// kvferry: ignore[session-kv-call] it is the old way\n" + WRITE)
    assert asked(shop)["writes"] == ["src/a.ts:3"]


def test_the_session_stores_own_writes_are_the_migrations(shop, monkeypatch):
    code(shop, 'import { sessionStore } from "./kvferry/session-store.ts";\nexport { sessionStore };\n')
    monkeypatch.chdir(shop)
    assert run(["store", "init", "src/kvferry"]) == 0
    assert asked(shop)["writes"] == []
    assert list(shop.glob("src/kvferry/**/kv-side.ts"))


def test_a_file_that_cannot_be_parsed_leaves_the_audit_open(shop):
    code(shop, WRITE + "export const {{{ = ;\n")
    assert asked(shop)["whole"] is False


def test_the_commit_and_whether_files_differ_from_it(shop):
    code(shop, READ % "'json'")
    assert (asked(shop)["commit"], asked(shop)["dirty"]) == (None, True)
    git = ["git", "-C", str(shop), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"]):
        subprocess.run([*git, *words], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
    assert (asked(shop)["commit"], asked(shop)["dirty"], asked(shop)["whole"]) == (head.strip(), False, True)
    code(shop, WRITE)
    assert asked(shop)["dirty"] is True
