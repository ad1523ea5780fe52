"""`kvferry bridge init` and `keys`, as their users type them."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from migrate.bridge_keys import Scope, find_bridge_keys
from migrate.bridging.folder import package_sources
from migrate.written_files import fingerprint
from tests.bridging.projects import CONFIG, application, contents
from tests.flows.shell import kvferry, variables


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return application(tmp_path)


def init(shop: Path, *words: str) -> str:
    done = kvferry("bridge", "init", "../bridge", *words, cwd=shop)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(shop: Path, *words: str) -> str:
    done = kvferry("bridge", *words, cwd=shop)
    assert (done.returncode, done.stdout) == (2, ""), done.stdout
    return done.stderr


def secret_of(bridge: Path) -> str:
    match = re.fullmatch(r"KVFERRY_BRIDGE_SECRET=([A-Za-z0-9_-]{43})\n", (bridge / ".dev.vars").read_text())
    assert match is not None
    return match[1]


def test_init_writes_a_whole_project_and_shows_no_secret(shop: Path) -> None:
    told = init(shop, "--env", "production")
    bridge = shop.parent / "bridge"
    made = contents(bridge)
    assert {path: made[path] for path in package_sources()} == package_sources()
    assert made.keys() - package_sources().keys() == {
        ".dev.vars",
        ".gitignore",
        "kvferry-bridge.json",
        "wrangler.json",
    }
    config = json.loads(made["wrangler.json"])
    assert (config["name"], config["account_id"]) == ("shop-production-kvferry-bridge", "abc123")
    assert config["vars"]["KVFERRY_ENVIRONMENT"] == "production"
    assert secret_of(bridge) not in told + "".join(made[name] for name in made.keys() - {".dev.vars"})
    assert (bridge / ".dev.vars").stat().st_mode & 0o777 == 0o600


def test_the_line_that_it_tells_hands_over_the_secret_and_nothing_else(shop: Path) -> None:
    told = init(shop)
    (line,) = [line.strip() for line in told.splitlines() if "secret put" in line]
    (shop.parent / "npx").write_text('#!/bin/sh\necho "$@" > ../asked\ncat > ../given\n')
    (shop.parent / "npx").chmod(0o755)
    env = variables() | {"PATH": f"{shop.parent}:{variables()['PATH']}"}
    done = subprocess.run(["sh", "-c", line], cwd=shop, env=env, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    assert (shop.parent / "given").read_text() == secret_of(shop.parent / "bridge") + "\n"
    assert (shop.parent / "asked").read_text() == "wrangler secret put KVFERRY_BRIDGE_SECRET\n"


def test_a_dry_run_shows_it_and_writes_nothing(shop: Path) -> None:
    told = init(shop, "--dry-run", "--placement", "shards:16")
    assert not (shop.parent / "bridge").exists()
    assert "would create  .dev.vars" in told
    assert '"KVFERRY_PLACEMENT": "shards:16"' in told
    assert "nothing was written" in told


@pytest.mark.parametrize(
    ("placement", "said"), [("per-session", "idFromName(sessionId)"), ("shards:16", "shards:16, for ever")]
)
def test_it_says_what_the_placement_means_for_ever(shop: Path, placement: str, said: str) -> None:
    assert said in init(shop, "--placement", placement)


def test_again_it_keeps_everything_and_the_secret(shop: Path) -> None:
    init(shop)
    before = contents(shop.parent / "bridge")
    assert "create" not in init(shop)
    assert contents(shop.parent / "bridge") == before


def test_another_choice_needs_force_and_keeps_the_secret(shop: Path) -> None:
    init(shop)
    bridge = shop.parent / "bridge"
    before = contents(bridge)
    assert "differs: wrangler.json" in refused(shop, "init", "../bridge", "--location-hint", "weur")
    assert contents(bridge) == before
    init(shop, "--location-hint", "weur", "--force")
    after = contents(bridge)
    assert {path for path in after if after[path] != before.get(path)} == {
        "wrangler.json",
        "kvferry-bridge.json",
    }


def test_a_secret_that_others_may_read_is_told(shop: Path) -> None:
    assert "other users" not in init(shop)
    (shop.parent / "bridge" / ".dev.vars").chmod(0o640)
    assert "other users may read the secret: chmod 600 ../bridge/.dev.vars" in init(shop)


def test_another_placement_is_told_to_be_dangerous(shop: Path) -> None:
    assert "CAREFUL" not in init(shop)
    told = init(shop, "--placement", "shards:4", "--force")
    assert "CAREFUL: it was per-session" in told
    assert "CAREFUL" not in init(shop, "--placement", "shards:4")


def test_force_takes_back_what_kvferry_wrote_before_and_does_not_write_now(shop: Path) -> None:
    init(shop)
    bridge = shop.parent / "bridge"
    (bridge / "src" / "older.ts").write_text("// of an older release\n")
    manifest = json.loads((bridge / "kvferry-bridge.json").read_text())
    manifest["files"]["src/older.ts"] = fingerprint("// of an older release\n")
    (bridge / "kvferry-bridge.json").write_text(json.dumps(manifest))
    assert "src/older.ts" in refused(shop, "init", "../bridge")
    init(shop, "--force")
    assert not (bridge / "src" / "older.ts").exists()


@pytest.mark.parametrize("path", ["wrangler.json", "src/bridge.ts", ".gitignore"])
def test_what_was_edited_is_named_and_nothing_is_written_even_with_force(shop: Path, path: str) -> None:
    init(shop)
    bridge = shop.parent / "bridge"
    (bridge / path).write_text((bridge / path).read_text() + "\n")
    before = contents(bridge)
    told = refused(shop, "init", "../bridge", "--force", "--location-hint", "weur")
    assert f"edited since kvferry wrote them: {path}\n" in told
    assert contents(bridge) == before


@pytest.mark.parametrize(
    "path", ["package.json", "wrangler.json", "wrangler.toml", "wrangler.jsonc", "src/bridge.ts", ".dev.vars"]
)
def test_foreign_files_stay_even_with_force(shop: Path, path: str) -> None:
    foreign = shop.parent / "bridge" / path
    foreign.parent.mkdir(parents=True)
    foreign.write_text("mine")
    told = refused(shop, "init", "../bridge", "--force")
    assert path in told
    assert contents(shop.parent / "bridge") == {path: "mine"}


def test_links_are_not_followed_out_of_the_folder(shop: Path) -> None:
    bridge, elsewhere = shop.parent / "bridge", shop.parent / "elsewhere"
    bridge.mkdir()
    elsewhere.mkdir()
    (bridge / "src").symlink_to(elsewhere)
    assert "not written by kvferry" in refused(shop, "init", "../bridge", "--force")
    (bridge / "src").unlink()
    (bridge / ".dev.vars").symlink_to(elsewhere / "vars")
    assert ".dev.vars is there already" in refused(shop, "init", "../bridge", "--force")
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("folder", [".", "..", "../../"])
def test_it_never_takes_the_place_of_the_applications_configuration(shop: Path, folder: str) -> None:
    assert "is where the application is" in refused(shop, "init", folder)
    assert contents(shop) == {"wrangler.toml": CONFIG}


def test_in_the_bridges_own_folder_it_points_to_the_application(shop: Path) -> None:
    init(shop)
    told = refused(shop.parent / "bridge", "init", "../another")
    assert "belongs to another Worker, shop" in told


def test_keys_go_into_a_private_file_that_commands_find(shop: Path) -> None:
    init(shop)
    bridge = shop.parent / "bridge"
    done = kvferry("bridge", "keys", "../bridge", "--days", "2", cwd=shop)
    assert done.returncode == 0, done.stderr
    path = (bridge / ".kvferry-keys").resolve()
    assert done.stdout == f"export KVFERRY_BRIDGE_TOKEN_FILE={path}\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert "kvf1" not in done.stdout + done.stderr
    assert secret_of(bridge) not in done.stdout + done.stderr + path.read_text()
    assert set(find_bridge_keys({"KVFERRY_BRIDGE_TOKEN_FILE": str(path)}, shop, 0.0).keys) == {
        Scope.IMPORT,
        Scope.VERIFY,
    }
    issued, expires = path.read_text().split(".")[2:4]
    assert int(expires) - int(issued) == 2 * 86_400


def test_keys_take_the_place_of_older_keys_and_of_nothing_else(shop: Path) -> None:
    init(shop)
    words = ("bridge", "keys", "../bridge", "--for", "verify", "--to", "here.keys")
    assert kvferry(*words, cwd=shop).returncode == 0
    first = (shop / "here.keys").read_text()
    assert first.startswith("kvf1.verify.")
    assert kvferry(*words, cwd=shop).returncode == 0
    (shop / "here.keys").write_text("mine")
    assert "something else than keys" in refused(shop, *words[1:])
    assert (shop / "here.keys").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--days", "15"), "14 days"),
        (("--for", "everything"), "choose of verify"),
        (("--for", ","), "what are the keys for"),
    ],
)
def test_keys_that_cannot_be_are_refused(shop: Path, words: tuple[str, ...], said: str) -> None:
    init(shop)
    assert said in refused(shop, "keys", "../bridge", *words)
    assert not (shop.parent / "bridge" / ".kvferry-keys").exists()


def test_keys_without_a_secret_say_where_it_is_looked_for(shop: Path) -> None:
    assert "cannot be read" in refused(shop, "keys", "../nowhere")


def vars_of(shop: Path) -> dict[str, str]:
    document = json.loads((shop.parent / "bridge" / "wrangler.json").read_text())
    found: dict[str, str] = document["vars"]
    return found


def test_a_bridge_is_made_with_what_the_configuration_says_of_an_export(shop: Path) -> None:
    general = 'prefix = "cart:"\nenv = "production"\nbinding = "SESSIONS"\n'
    (shop / "kvferry.toml").write_text(general + '[export]\nlocation-hint = "oc"\n')
    init(shop)
    made = vars_of(shop)
    assert (made["KVFERRY_PREFIX"], made["KVFERRY_ENVIRONMENT"]) == ("cart:", "production")
    assert made["KVFERRY_LOCATION_HINT"] == "oc"
    (shop / "other.toml").write_text('prefix = "basket:"\n')
    init(shop, "--force", "--config", "other.toml", "--env", "production")
    assert vars_of(shop)["KVFERRY_PREFIX"] == "basket:"
    init(shop, "--force", "--prefix", "typed:")
    assert vars_of(shop)["KVFERRY_PREFIX"] == "typed:"


def test_of_several_prefixes_one_must_be_named_for_a_bridge(shop: Path) -> None:
    (shop / "kvferry.toml").write_text('prefix = ["cart:", "basket:"]\n')
    assert "--prefix" in refused(shop, "init", "../bridge")
    init(shop, "--prefix", "cart:")
    assert vars_of(shop)["KVFERRY_PREFIX"] == "cart:"
