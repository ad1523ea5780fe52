import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.fake_api import FakeProcess
from tests.fake_api.process import ROOT


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def wait_until_gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while not gone(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return gone(pid)


def ask(process: FakeProcess, path: str, body: object = None) -> tuple[int, object]:
    url = f"{process.url}/accounts/{process.account}/storage/kv/namespaces/{process.namespace}{path}"
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {process.token}", "Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10) as answer:
            return answer.status, json.load(answer)["result"]
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, None


def test_it_holds_the_sessions_of_its_seed_and_obeys_the_control_route() -> None:
    with FakeProcess("--keys", "30", "--seed", "4", "--rate", "100/300", "--prefix", "s:") as process:
        status, page = ask(process, "/keys?limit=1000")
        assert status == 200
        assert isinstance(page, list)
        assert len(page) == 30
        assert page[0]["name"].startswith("s:")
        process.control(
            put=[{"key": "a", "value": "1", "metadata": {"x": 1}}],
            hold=[{"key": "a", "value": "old", "reads": 1}],
            rules=[{"action": "reply", "with": {"status": 503}, "on": "bulk_get", "nth": [2]}],
        )
        bulk = {"keys": ["a"]}
        assert ask(process, "/bulk/get", bulk) == (200, {"values": {"a": "old"}})
        assert ask(process, "/bulk/get", bulk) == (503, None)
        assert ask(process, "/bulk/get", bulk) == (200, {"values": {"a": "1"}})
        stats = process.stats()
        assert (stats["requests"], stats["blocks"], stats["by_kind"]) == (4, 0, {"list": 1, "bulk_get": 3})
        with urllib.request.urlopen(process.root + "/__control/items", timeout=10) as answer:
            items = [json.loads(line) for line in answer]
        assert items[0] == {"key": "a", "value": "MQ==", "base64": True, "metadata": {"x": 1}}
        assert len(items) == 31
        pid = process.pid
    assert gone(pid)


def test_it_ends_when_its_parent_is_killed() -> None:
    code = (
        "import sys, time; from tests.fake_api import FakeProcess\n"
        "print(FakeProcess().pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert not gone(child)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert wait_until_gone(child)


def test_it_ends_when_its_time_is_up() -> None:
    with FakeProcess("--max-time", "0.1") as process:
        assert wait_until_gone(process.pid)
