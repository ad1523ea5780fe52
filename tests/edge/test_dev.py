"""`kvferry bridge dev` as its users run it: a project, its bridge, and Cloudflare's local runtime."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from migrate.bridge_keys import VARIABLE
from migrate.local_runtime import installed_as
from tests.edge.edge import EDGE, PREFIX
from tests.flows.shell import kvferry, started, variables
from tests.runtime.install import install

NAMESPACE = "5e55105e55105e55105e55105e551050"
WORKER = """
import { UserSessions } from "../edge/user-sessions";
export { UserSessions };
interface Env { SESSIONS: KVNamespace; USER_SESSIONS: DurableObjectNamespace<UserSessions> }
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const id = new URL(request.url).searchParams.get("id") ?? "";
    if (request.method === "POST") await env.SESSIONS.put("spotify_session:" + id, '{"user":"u"}');
    return Response.json(await env.USER_SESSIONS.getByName(id).getSession(id));
  },
};
"""


class Project:
    """An application with its session class, a bridge beside it, and the runtime's tools at hand."""

    def __init__(self, folder: Path, environment: str | None) -> None:
        self.folder = folder / "application"
        self.bridge = folder / "bridge"
        self.environment = environment
        (self.folder / "src").mkdir(parents=True)
        shutil.copytree(EDGE / "src", self.folder / "edge")
        (self.folder / "src" / "index.ts").write_text(WORKER)
        bindings = {
            "kv_namespaces": [{"binding": "SESSIONS", "id": NAMESPACE}],
            "durable_objects": {"bindings": [{"name": "USER_SESSIONS", "class_name": "UserSessions"}]},
        }
        config = {
            "name": "playlists",
            "main": "src/index.ts",
            "compatibility_date": "2026-04-01",
            "migrations": [{"tag": "v1", "new_sqlite_classes": ["UserSessions"]}],
        }
        config |= bindings if environment is None else {"env": {environment: bindings}}
        (self.folder / "wrangler.json").write_text(json.dumps(config))
        tools = folder / "cache" / "kvferry" / "npm" / installed_as(EDGE)
        tools.mkdir(parents=True)
        (tools / "node_modules").symlink_to(install())
        self.env = variables(XDG_CACHE_HOME=str(folder / "cache"), TMPDIR=str(folder))

    def run(self, *words: str) -> str:
        done = kvferry(*words, cwd=self.folder, env=self.env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def dev(self) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
        """The command, running, and the addresses that it shows."""
        words = ["bridge", "dev", str(self.bridge)]
        with started(*words, cwd=self.folder, env=self.env) as process:
            try:
                assert process.stdout is not None
                shown = {}
                for line in process.stdout:
                    shown[line.split()[0]] = line.split()[1]
                    if line.startswith("KV"):
                        break
                yield process, shown
            finally:
                process.kill()


def group_of(process: subprocess.Popen[str]) -> list[int]:
    """The processes whose group's first process is a child of this one."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            leader = Path(f"/proc/{fields[2]}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(leader[1]) == process.pid and fields[0] != "Z":
            found.append(int(folder.name))
    return found


def alive(number: int) -> bool:
    try:
        return (Path("/proc") / str(number) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(("environment", "end"), [(None, signal.SIGINT), ("production", signal.SIGTERM)])
def test_application_and_bridge_run_side_by_side_until_they_are_ended(
    tmp_path: Path, environment: str | None, end: signal.Signals
) -> None:
    project = Project(tmp_path, environment)
    chosen = [] if environment is None else ["--env", environment]
    project.run("bridge", "init", str(project.bridge), *chosen)
    told = project.run("bridge", "keys", str(project.bridge))
    file = re.search(rf"{VARIABLE}_FILE=(\S+)", told)
    assert file is not None
    project.env[f"{VARIABLE}_FILE"] = file[1]
    with project.dev() as (process, shown):
        assert shown["KV"] == f"kv+{shown['application']}/{NAMESPACE}"
        signed_in = urllib.request.Request(f"{shown['application']}/?id=a", method="POST")
        with urllib.request.urlopen(signed_in, timeout=30) as answer:
            assert json.load(answer) is None
        words = ("--source", shown["KV"], "--target", shown["bridge"], "--settle", "0", "--json")
        copied = json.loads(project.run("export", *words))
        assert copied["tally"]["copied"] == 1
        with urllib.request.urlopen(f"{shown['application']}/?id=a", timeout=30) as answer:
            assert json.load(answer) == {"data": {"user": "u"}}
        members = group_of(process)
        assert len(members) >= 3
        process.send_signal(end)
        told, complaints = process.communicate(timeout=30)
    assert (process.returncode, told) == (0, "")
    for text in (complaints, *shown.values()):
        assert f"{PREFIX}a" not in text
        assert (project.bridge / ".dev.vars").read_text().strip().partition("=")[2] not in text
    deadline = time.monotonic() + 20
    while any(map(alive, members)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(alive, members))
    assert (project.folder / ".wrangler" / "state" / "v3" / "do").is_dir()
    assert [path.name for path in tmp_path.glob("kvferry-*")] == []


def test_a_folder_without_a_bridge_and_another_projects_bridge_are_refused(tmp_path: Path) -> None:
    project = Project(tmp_path, None)
    project.bridge.mkdir()
    words = ("bridge", "dev", str(project.bridge))
    done = kvferry(*words, cwd=project.folder, env=project.env)
    assert done.returncode == 2
    assert "is not a bridge's folder" in done.stderr
    assert f"kvferry bridge init {project.bridge}" in done.stderr
    project.bridge.rmdir()
    project.run("bridge", "init", str(project.bridge))
    config = json.loads((project.folder / "wrangler.json").read_text()) | {"name": "others"}
    (project.folder / "wrangler.json").write_text(json.dumps(config))
    done = kvferry(*words, cwd=project.folder, env=project.env)
    assert done.returncode == 2
    assert "is Worker others, and the bridge is for playlists" in done.stderr
    (project.bridge / ".dev.vars").unlink()
    done = kvferry(*words, cwd=project.folder, env=project.env)
    assert done.returncode == 2
    assert "has no secret" in done.stderr


def test_a_port_that_somebody_listens_on_is_refused_at_once(tmp_path: Path) -> None:
    project = Project(tmp_path, None)
    project.run("bridge", "init", str(project.bridge))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        words = ("bridge", "dev", str(project.bridge), "--port", port)
        done = kvferry(*words, cwd=project.folder, env=project.env)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"port {port}: address already in use" in done.stderr
    assert "--port" in done.stderr


def test_it_says_why_when_the_runtime_does_not_come_up(tmp_path: Path) -> None:
    project = Project(tmp_path, None)
    project.run("bridge", "init", str(project.bridge))
    (project.folder / "src" / "index.ts").write_text("this is no program")
    done = kvferry("bridge", "dev", str(project.bridge), cwd=project.folder, env=project.env)
    assert done.returncode == 3
    assert "src/index.ts" in done.stderr
    assert "the local runtime did not come up" in done.stderr
    assert os.listdir(tmp_path / "cache") == ["kvferry"]
