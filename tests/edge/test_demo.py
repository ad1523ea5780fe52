"""`kvferry demo --edge` as a newcomer types it: nothing is installed yet, and nothing of it is left."""

from __future__ import annotations

import os
import re
import signal
import socket
from contextlib import closing
from pathlib import Path

import pytest

from migrate.local_runtime import installed_as
from migrate.stores.wrangler_state import WranglerState
from tests.edge.edge import EDGE, PREFIX
from tests.edge.typed import check_types
from tests.flows.shell import kvferry, started, variables
from tests.runtime.install import install


def test_it_copies_in_both_placements_and_finds_what_was_tampered_with(quick_folder: Path) -> None:
    # npm needs what the machine says of registries, proxies and certificates.
    machine = {name: value for name, value in os.environ.items() if not name.startswith("CLOUDFLARE_")}
    home = {
        "HOME": str(Path.home()),
        "XDG_CACHE_HOME": str(quick_folder / "cache"),
        "TMPDIR": str(quick_folder),
    }
    env = machine | variables(**home)
    done = kvferry("demo", "--edge", "--keep", "kept", cwd=quick_folder, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "installing" in done.stdout
    assert done.stdout.count(" copied 200 ") == 2
    assert done.stdout.count(": clean\n") == 2
    assert done.stdout.count("against the copy: 1 settled difference") == 2
    assert "KV and the objects say user-200" in done.stdout
    assert "kvferry bridge init ../sessions-bridge" in done.stdout
    kept = quick_folder / "kept"
    ids = session_ids(kept / "application" / ".wrangler" / "state")
    assert len(ids) == 200
    secrets = [(kept / "bridge" / ".dev.vars").read_text().split("=", 1)[1].strip()]
    secrets += (kept / "bridge" / ".kvferry-keys").read_text().split()
    assert not [secret for secret in (*ids, *secrets, "somebody-else") if secret in done.stdout]
    assert {path.name for path in quick_folder.iterdir()} == {"cache", "kept"}
    again = kvferry("demo", "--edge", "--keep", "kept", cwd=quick_folder, env=env)
    assert (again.returncode, again.stdout) == (2, "")
    assert "application is there already" in again.stderr
    check_types(kept / "application", EDGE.parent / "local_runtime")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_whatever_ends_it_nothing_is_left_of_its_files_and_of_the_runtime(
    quick_folder: Path, number: signal.Signals
) -> None:
    tools = quick_folder / "cache" / "kvferry" / "npm" / installed_as(EDGE)
    tools.mkdir(parents=True)
    (tools / "node_modules").symlink_to(install())
    env = variables(XDG_CACHE_HOME=str(quick_folder / "cache"), TMPDIR=str(quick_folder))
    with started("demo", "--edge", cwd=quick_folder, env=env) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip().startswith("KV "):  # the runtime is up
                break
        made = {path.name.rpartition("-")[0] for path in quick_folder.iterdir()} - {""}
        assert made == {"kvferry-demo", "kvferry-local", "kvferry-bridge"}
        (address,) = re.findall(r"127\.0\.0\.1:(\d+)", line)
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "interrupted" in said
    assert {path.name for path in quick_folder.iterdir()} == {"cache"}
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(address)), timeout=1)


def session_ids(state: Path) -> list[str]:
    from migrate.clock import SystemClock

    with closing(WranglerState(state, "SESSIONS", clock=SystemClock())) as kv:
        return [head.key.removeprefix(PREFIX) for head in kv.scan(PREFIX, None).heads]
