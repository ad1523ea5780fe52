"""`kvferry bridge rotate` and `destroy`, against a fake of Cloudflare's API."""

import json
import subprocess
from pathlib import Path

import pytest

from migrate.bridge_secret import in_variables
from tests.bridging.projects import application
from tests.fake_api import ACCOUNT, TOKEN, FakeServer
from tests.flows.shell import kvferry, variables

NAME = "shop-kvferry-bridge"


@pytest.fixture
def bridge(tmp_path: Path) -> Path:
    shop = application(tmp_path)
    done = kvferry("bridge", "init", "../bridge", cwd=shop)
    assert done.returncode == 0, done.stderr
    return tmp_path / "bridge"


def destroy(bridge: Path, fake: FakeServer | None, *words: str) -> subprocess.CompletedProcess[str]:
    env = variables(fake) | ({} if fake is None else {"CLOUDFLARE_ACCOUNT_ID": ACCOUNT})
    secret = in_variables((bridge / ".dev.vars").read_text()) or ""
    done = kvferry("bridge", "destroy", ".", *words, cwd=bridge, env=env)
    assert secret not in done.stdout + done.stderr
    assert TOKEN not in done.stdout + done.stderr
    return done


def deployed(fake: FakeServer) -> None:
    fake.api.workers.deploy("shop", UserSessions="space")
    fake.api.workers.deploy(NAME).reaches("UserSessions", "shop", "space")


def test_it_is_deleted_with_its_secrets_when_the_name_is_given(bridge: Path, fake: FakeServer) -> None:
    deployed(fake)
    (bridge / ".kvferry-keys").write_text("")
    done = destroy(bridge, fake, "--execute", "--name", NAME)
    assert done.returncode == 0, done.stderr
    assert fake.api.workers.deleted == [(NAME, {})]
    assert "shop" in fake.api.workers.scripts
    assert not (bridge / ".dev.vars").exists()
    assert not (bridge / ".kvferry-keys").exists()


@pytest.mark.parametrize("words", [(), ("--name", NAME)])
def test_without_execute_it_only_says_what_would_be_done(
    bridge: Path, fake: FakeServer, words: tuple[str, ...]
) -> None:
    deployed(fake)
    done = destroy(bridge, fake, *words)
    assert done.returncode == 0, done.stderr
    assert f"npx wrangler delete --name {NAME}\n" in done.stdout
    assert "--force" not in done.stdout
    assert fake.api.workers.deleted == []
    assert (bridge / ".dev.vars").exists()


@pytest.mark.parametrize("words", [(), ("--name", "shop")])
def test_without_its_name_nothing_is_deleted(bridge: Path, fake: FakeServer, words: tuple[str, ...]) -> None:
    deployed(fake)
    done = destroy(bridge, fake, "--execute", *words)
    assert done.returncode == 2
    assert "nothing was deleted" in done.stderr
    assert fake.api.workers.deleted == []
    assert (bridge / ".dev.vars").exists()


@pytest.mark.parametrize("how", ["namespaces", "bindings"])
def test_a_bridge_that_owns_a_class_at_cloudflare_is_never_deleted(
    bridge: Path, fake: FakeServer, how: str
) -> None:
    deployed(fake)
    if how == "namespaces":
        fake.api.workers.scripts[NAME].classes["Other"] = "space-2"
    else:
        fake.api.workers.scripts[NAME].reaches("Other", NAME)
    done = destroy(bridge, fake, "--execute", "--name", NAME)
    assert done.returncode == 1
    assert "owns Other" in done.stdout
    assert fake.api.workers.deleted == []
    assert (bridge / ".dev.vars").exists()


def test_a_folder_that_gives_the_bridge_a_class_stops_before_anything_is_asked(
    bridge: Path, fake: FakeServer
) -> None:
    deployed(fake)
    config = json.loads((bridge / "wrangler.json").read_text())
    config["migrations"] = [{"tag": "v1", "new_sqlite_classes": ["UserSessions"]}]
    (bridge / "wrangler.json").write_text(json.dumps(config))
    assert destroy(bridge, fake, "--execute", "--name", NAME).returncode == 1
    assert fake.api.stats.requests == 0


def test_without_a_token_nothing_is_deleted(bridge: Path) -> None:
    done = destroy(bridge, None, "--execute", "--name", NAME)
    assert done.returncode == 2
    assert "Cloudflare must be asked" in done.stderr
    assert "Cloudflare was not asked" in destroy(bridge, None).stdout


def test_a_token_that_may_not_delete_leaves_everything(bridge: Path, fake: FakeServer) -> None:
    deployed(fake)
    fake.api.tokens[TOKEN] = frozenset({"read"})
    done = destroy(bridge, fake, "--execute", "--name", NAME)
    assert done.returncode == 2
    assert "Workers Scripts Edit" in done.stderr
    assert (bridge / ".dev.vars").exists()


def test_a_bridge_that_is_gone_already_leaves_no_secret_behind(bridge: Path, fake: FakeServer) -> None:
    fake.api.workers.deploy("shop", UserSessions="space")
    done = destroy(bridge, fake, "--execute", "--name", NAME)
    assert done.returncode == 0, done.stderr
    assert "was not there any more" in done.stdout
    assert not (bridge / ".dev.vars").exists()


def test_rotate_makes_a_new_secret_and_ends_the_keys(bridge: Path) -> None:
    assert kvferry("bridge", "keys", ".", cwd=bridge).returncode == 0
    old = in_variables((bridge / ".dev.vars").read_text())
    done = kvferry("bridge", "rotate", ".", cwd=bridge)
    assert done.returncode == 0, done.stderr
    new = in_variables((bridge / ".dev.vars").read_text())
    assert new is not None
    assert new != old
    assert new not in done.stdout + done.stderr
    assert not (bridge / ".kvferry-keys").exists()
    assert "npx wrangler secret put KVFERRY_BRIDGE_SECRET" in done.stdout


def test_rotate_and_destroy_touch_no_folder_that_is_not_a_bridges(tmp_path: Path) -> None:
    for words in (("rotate", "."), ("destroy", ".", "--execute", "--name", "x")):
        done = kvferry("bridge", *words, cwd=tmp_path)
        assert done.returncode == 2
        assert "not a bridge's folder" in done.stderr
    assert list(tmp_path.iterdir()) == []
