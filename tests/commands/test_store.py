"""`kvferry store init`, as its users type it."""

import itertools
import json
import tomllib
from pathlib import Path

import pytest

from audits import vendored
from migrate.bridging.folder import package_sources
from migrate.vendoring.folder import store_files
from migrate.vendoring.sources import closure
from tests.bridging.projects import application, contents
from tests.flows.shell import kvferry, variables

CONFIG = """
name = "shop"
main = "src/index.ts"
compatibility_date = "2026-04-01"

[[kv_namespaces]]
binding = "SESSIONS"
id = "1"
"""
STORE = "src/kvferry"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return application(tmp_path, CONFIG)


def typed(shop: Path, *words: str, code: int = 0, env: dict[str, str] | None = None) -> str:
    done = kvferry("store", "init", STORE, *words, cwd=shop, env=env)
    assert done.returncode == code, done.stderr
    return done.stderr if code == 2 else done.stdout


def earlier(shop: Path, path: str, text: str = "// as it was\n") -> None:
    """A file as an earlier kvferry wrote it."""
    (shop / STORE / path).write_text(vendored.stamped(text, "0.0.1", path))


def settings(told: str) -> dict[str, object]:
    """What is to be added to wrangler.toml."""
    lines = told.split("add to wrangler.toml:")[1].splitlines()
    return tomllib.loads("\n".join(itertools.takewhile(lambda line: not line or line[0] == " ", lines)))


def test_init_writes_all_that_the_store_imports_each_with_its_marker(shop: Path) -> None:
    typed(shop)
    made = contents(shop / STORE)
    assert made == store_files()
    assert {"session-store.ts", "migration-stats.ts", "store/store.ts", "record.ts"} <= made.keys()
    assert not {"bridge.ts", "toolkit.ts", "user-sessions.ts"} & made.keys()
    sources = package_sources()
    for path, text in made.items():
        assert vendored.is_migrations(f"{STORE}/{path}", text.encode())
        assert text.split("\n", 1)[1] == sources[f"src/{path}"]


def test_what_is_imported_is_found_over_lines_and_folders() -> None:
    sources = {
        "a.ts": 'import { b } from "./in/b.ts";\n//   import { x } from "./x.ts";\n',
        "in/b.ts": 'import type {\n  C,\n} from "../c.ts";\nexport { d } from "./d.ts";\n',
        "c.ts": 'import { DurableObject } from "cloudflare:workers";\n',
        "in/d.ts": "",
        "x.ts": "",
    }
    assert list(closure(sources, "a.ts")) == ["a.ts", "c.ts", "in/b.ts", "in/d.ts"]


def test_check_is_content_with_what_init_wrote_and_a_second_init_changes_nothing(shop: Path) -> None:
    typed(shop)
    before = contents(shop)
    assert "unedited" in typed(shop, "--check")
    assert "keep" in typed(shop)
    assert contents(shop) == before


def test_check_names_what_is_older_edited_or_missing(shop: Path) -> None:
    typed(shop)
    earlier(shop, "record.ts")
    earlier(shop, "gone.ts")
    (shop / STORE / "text.ts").unlink()
    edited = shop / STORE / "store" / "store.ts"
    edited.write_text(edited.read_text() + "// mine\n")
    (shop / STORE / "placement.ts").write_text("export {};\n")
    (shop / STORE / "mine.ts").write_text("export {};\n")
    said = typed(shop, "--check", code=1)
    assert f"{STORE}/record.ts: of kvferry 0.0.1, this is" in said
    assert f"{STORE}/gone.ts: not part of the store any more" in said
    assert f"{STORE}/text.ts: missing" in said
    assert f"{STORE}/store/store.ts: edited" in said
    assert f"{STORE}/placement.ts: not written by kvferry" in said
    assert len(said.splitlines()) == 6


def test_what_a_check_says_to_do_next_mends_it(shop: Path) -> None:
    typed(shop)
    edited, missing, foreign = (shop / STORE / name for name in ("record.ts", "text.ts", "placement.ts"))
    command = f"kvferry store init {STORE} --update"
    missing.unlink()
    assert typed(shop, "--check", code=1).endswith(f"next: {command}\n")
    edited.write_text(edited.read_text() + "// mine\n")
    said = f"keep the edits elsewhere, then {command} --force\n"
    assert typed(shop, "--check", code=1).endswith(f"next: {said}")
    assert typed(shop, "--update", code=2).endswith(f"hint: {said}")
    foreign.write_text("export {};\n")
    assert typed(shop, "--check", code=1).endswith(f"next: move away placement.ts; {said}")
    foreign.unlink()
    typed(shop, "--update", "--force")
    assert contents(shop / STORE) == store_files()


def test_an_older_store_is_replaced_only_when_asked_for(shop: Path) -> None:
    typed(shop)
    earlier(shop, "record.ts")
    earlier(shop, "gone.ts")
    assert "--update replaces" in typed(shop, code=2)
    assert "would replace  record.ts" in typed(shop, "--update", "--dry-run")
    assert (shop / STORE / "gone.ts").exists()
    typed(shop, "--update")
    assert contents(shop / STORE) == store_files()


def test_an_edited_file_stops_an_update_as_a_whole(shop: Path) -> None:
    typed(shop)
    earlier(shop, "record.ts")
    edited = shop / STORE / "text.ts"
    edited.write_text(edited.read_text().replace("export", "export  ", 1))
    before = contents(shop)
    said = typed(shop, "--update", code=2)
    assert "text.ts" in said
    assert "record.ts" not in said
    assert contents(shop) == before
    typed(shop, "--update", "--force")
    assert contents(shop / STORE) == store_files()


def test_what_is_not_of_the_store_is_never_replaced(shop: Path) -> None:
    (shop / STORE).mkdir(parents=True)
    (shop / STORE / "text.ts").write_text("export const mine = 1;\n")
    for words in ((), ("--update",), ("--update", "--force")):
        assert "not written by kvferry store init: text.ts" in typed(shop, *words, code=2)
    assert contents(shop / STORE) == {"text.ts": "export const mine = 1;\n"}


def test_a_link_is_not_followed(shop: Path, tmp_path: Path) -> None:
    typed(shop)
    outside = tmp_path / "outside.ts"
    (shop / STORE / "text.ts").rename(outside)
    (shop / STORE / "text.ts").symlink_to(outside)
    before = outside.read_text()
    assert "text.ts" in typed(shop, "--update", "--force", code=2)
    assert outside.read_text() == before


def test_another_store_below_the_folder_is_left_alone(shop: Path) -> None:
    typed(shop)
    done = kvferry("store", "init", "src", "--update", cwd=shop)
    assert done.returncode == 0, done.stderr
    assert contents(shop / STORE) == store_files()


def test_line_ends_that_git_changed_are_no_edit(shop: Path) -> None:
    typed(shop)
    for path in (shop / STORE).rglob("*.ts"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert "unedited" in typed(shop, "--check")


def test_a_dry_run_writes_nothing(shop: Path) -> None:
    before = contents(shop)
    assert "nothing was written" in typed(shop, "--dry-run")
    assert contents(shop) == before


def test_it_says_what_to_set_and_leaves_the_configuration_alone(shop: Path) -> None:
    told = typed(shop, "--prefix", "session:", "--placement", "shards:8")
    assert (shop / "wrangler.toml").read_text() == CONFIG
    assert settings(told) == {
        "vars": {"SESSION_STAGE": "kv", "KVFERRY_PREFIX": "session:", "KVFERRY_PLACEMENT": "shards:8"},
        "durable_objects": {"bindings": [{"name": "MIGRATION_STATS", "class_name": "MigrationStats"}]},
        "version_metadata": {"binding": "CF_VERSION_METADATA"},
        "migrations": [{"tag": "kvferry-1", "new_sqlite_classes": ["MigrationStats"]}],
    }
    assert 'export { MigrationStats } from "./kvferry/migration-stats.ts";' in told
    assert 'import { sessionStore } from "./kvferry/session-store.ts";' in told


def test_what_is_set_is_not_said_again(shop: Path) -> None:
    first = settings(typed(shop))
    text = "\n".join(line[2:] for line in typed(shop).splitlines() if line.startswith("  "))
    written = CONFIG + text[text.index("[vars]") : text.index("export {")]
    (shop / "wrangler.toml").write_text(written)
    assert first
    assert "has all that it needs" in typed(shop)


def test_names_that_differ_are_told_to_the_store(shop: Path) -> None:
    objects = '[[durable_objects.bindings]]\nname = "USERS"\nclass_name = "Users"\nscript_name = "owner"\n'
    (shop / "wrangler.toml").write_text(CONFIG.replace("SESSIONS", "LOGINS") + objects)
    told = typed(shop)
    found = settings(told)
    assert found["vars"]["KVFERRY_KV_BINDING"] == "LOGINS"  # type: ignore[index]
    assert found["vars"]["KVFERRY_OBJECTS_BINDING"] == "USERS"  # type: ignore[index]
    stats = {"name": "MIGRATION_STATS", "class_name": "MigrationStats", "script_name": "owner"}
    assert found["durable_objects"] == {"bindings": [stats]}
    assert "migrations" not in found
    assert "export MigrationStats from owner" in told


def test_json_is_answered_in_json_and_for_the_environment(shop: Path) -> None:
    (shop / "wrangler.toml").unlink()
    (shop / "wrangler.jsonc").write_text('{"name": "shop", "main": "src/index.ts", "env": {"live": {}}}')
    told = typed(shop, env=variables(CLOUDFLARE_ENV="live"))
    assert "add to wrangler.jsonc, env.live:" in told
    found = json.loads(told[told.index("  {\n") : told.index("\n  }\n") + 4])
    assert found["env"]["live"]["kv_namespaces"] == [{"binding": "SESSIONS", "id": "NAMESPACE"}]
    assert found["migrations"][0]["new_sqlite_classes"] == ["MigrationStats"]


@pytest.mark.parametrize(
    "words", [("--check", "--update"), ("--force",), ("--check",), ("--placement", "none"), ("--env", "none")]
)
def test_what_makes_no_sense_is_refused(shop: Path, words: tuple[str, ...]) -> None:
    assert "hint: " in typed(shop, *words, code=2)
    assert not (shop / "src").exists()


def test_rewriting_goes_where_init_put_the_store_and_leaves_the_store_alone(shop: Path) -> None:
    typed(shop)
    code = "export const f = async (env: Env, id: string) => await env.SESSIONS.delete(`session:${id}`);\n"
    (shop / "src" / "index.ts").write_text(code)
    done = kvferry("rewrite", "--to", "store", cwd=shop)
    assert '+import { sessionStore } from "./kvferry/session-store";\n' in done.stdout
    assert "kv-side.ts" not in done.stdout + done.stderr


def test_an_audit_finds_nothing_in_the_store_until_it_is_edited(shop: Path) -> None:
    typed(shop)
    assert kvferry("audit", cwd=shop).returncode == 0
    shown = kvferry("audit", "--inventory", "--json", cwd=shop)
    operations = json.loads(shown.stdout)["operations"]
    assert {one["path"] for one in operations} == {f"{STORE}/store/kv-side.ts"}
    assert all(one["migration"] for one in operations)
    edited = shop / STORE / "store" / "kv-side.ts"
    edited.write_text(edited.read_text() + "\n")
    found = kvferry("audit", cwd=shop)
    assert (found.returncode, "KV002" in found.stdout) == (1, True), found.stdout


def test_the_configuration_is_the_one_that_holds_at_the_folder(tmp_path: Path) -> None:
    shop = application(tmp_path, CONFIG)
    done = kvferry("store", "init", "shop/src/kvferry", cwd=tmp_path)
    assert "add to shop/wrangler.toml:" in done.stdout, done.stderr
    assert 'from "./kvferry/session-store.ts"' in done.stdout
    assert contents(shop / STORE) == store_files()


def test_a_pages_project_gets_no_class_of_its_own(shop: Path) -> None:
    (shop / "wrangler.toml").write_text(CONFIG.replace("main =", 'pages_build_output_dir = "dist"\n# main ='))
    told = typed(shop)
    found = settings(told)
    assert "migrations" not in found
    assert found["durable_objects"] == {
        "bindings": [{"name": "MIGRATION_STATS", "class_name": "MigrationStats", "script_name": "WORKER"}]
    }
    assert "export { MigrationStats }" not in told


def test_of_two_stores_rewriting_asks_which(shop: Path) -> None:
    typed(shop)
    assert kvferry("store", "init", "src/other", cwd=shop).returncode == 0
    (shop / "src" / "index.ts").write_text("export const f = 1;\n")
    done = kvferry("rewrite", "--to", "store", cwd=shop)
    assert (done.returncode, "./kvferry/session-store, ./other/session-store" in done.stderr) == (2, True)
    chosen = kvferry("rewrite", "--to", "store", "--store-module", "./other/session-store", cwd=shop)
    assert chosen.returncode == 0
