"""What the page `what-if.md` shows as printed is printed, when that really happens."""

import io
import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.bridge_keys import VARIABLE, find_bridge_keys
from migrate.errors import StoreUnavailable
from migrate.formats.progress import Progress
from migrate.main import run
from migrate.opening import Settings
from migrate.runner import export
from migrate.stores.durable import Bridge
from tests.fake_api import NAMESPACE, TOKEN, FakeApi, FakeServer
from tests.fake_api.faults import RepeatCursor, Reply, refuse_cursor
from tests.fake_api.sample import sample_sessions
from tests.flows.shell import KV, Gate, kvferry, started, variables

PAGE = (Path(__file__).parents[2] / "runbooks" / "what-if.md").read_text()
EXPORT = ("export", "--source", KV, "--target", "sqlite:sessions.db")
VERIFY = ("verify", "--source", KV, "--target", "sqlite:sessions.db", "--settle", "0")
Said = Callable[..., str]
BRIDGE = f"kvf1.verify.1.{int(time.time()) + 9999}.{'A' * 43}"


class Hasty:
    """A clock whose sleepers wake at once, as much later as they wanted."""

    def __init__(self) -> None:
        self.slept = 0.0

    def now(self) -> float:
        return time.time() + self.slept

    def monotonic(self) -> float:
        return time.monotonic() + self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


def boxes(title: str) -> list[str]:
    """What the part of the page of that title shows as printed."""
    (part,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    found = re.findall(r"^( *)```log\n(.*?)^ *```", part, re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", body, flags=re.MULTILINE) for indent, body in found]


def printed(box: str, said: str) -> bool:
    """Did it say each line of the box, one behind the other, whatever stands for `…`?"""
    wanted = [
        re.compile(".*".join(map(re.escape, line.strip().split("…")))) for line in box.strip().splitlines()
    ]
    lines = [line.strip() for line in said.splitlines()]
    return any(
        all(want.match(line) for want, line in zip(wanted, lines[at:], strict=False))
        for at in range(len(lines) - len(wanted) + 1)
    )


def held(keys: int) -> FakeApi:
    """An account whose namespace has so many sessions."""
    api = FakeApi()
    api.namespace.load(sample_sessions(keys, seed=1, now=time.time()))
    return api


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    """Type a command against an account: what it says, on both streams; it must end with the code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)

    def typed(api: FakeApi, *words: str, code: int) -> str:
        with FakeServer(api) as server:
            monkeypatch.setenv("CLOUDFLARE_API_BASE_URL", server.url)
            ended = run(words)
        found = capsys.readouterr()
        assert ended == code, found.err
        return found.out + found.err

    return typed


def test_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api, heard, clock = held(30), io.StringIO(), Hasty()
    api.faults.add(Reply(429, 10022, retry_after=300), on="bulk_get", times=1)
    with FakeServer(api) as server:
        monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
        monkeypatch.setenv("CLOUDFLARE_API_BASE_URL", server.url)
        settings = Settings(clock=clock, ledger=tmp_path / "ledger.db")
        ended = export(
            KV, f"sqlite:{tmp_path}/sessions.db", settings=settings, progress=Progress(heard, clock)
        )
    (box,) = boxes("Cloudflare blocks us")
    assert printed(box, heard.getvalue()), heard.getvalue()
    assert ended.exit == 0
    assert ended.document["tally"]["copied"] == 30
    assert 300 <= clock.slept < 330


def test_a_refused_cursor(said: Said) -> None:
    api = held(2500)
    api.faults.add(refuse_cursor(), on="list", nth=[2])
    assert "listed 2,500 = copied 2,500" in said(api, *EXPORT, code=0)
    api.faults.add(RepeatCursor(), on="list", nth=[2])
    (box,) = boxes("A cursor is refused")
    assert printed(box, said(api, *EXPORT, code=3))
    assert "listed 2,500" in said(api, *EXPORT, "--fresh", code=0)


def test_an_overloaded_bridge() -> None:
    import httpx

    document = {"type": "urn:kvferry:problem:overloaded", "title": "an object is overloaded", "status": 503}
    bridge = Bridge(
        "https://bridge.example.com",
        find_bridge_keys({VARIABLE: BRIDGE}, Path(), 0),
        clock=Hasty(),
        transport=httpx.MockTransport(lambda request: httpx.Response(503, json=document)),
    )
    with pytest.raises(StoreUnavailable) as error:
        bridge.health()
    (box,) = boxes("The bridge is overloaded")
    assert printed(box, f"kvferry: {error.value.message}\n  hint: {error.value.hint}\n")


def test_a_verify_that_never_settles(said: Said) -> None:
    api, over = held(5), threading.Event()

    def busy() -> None:
        for number in range(10_000):
            api.namespace.put("spotify_session:busy", b'{"n":%d}' % number, None, None)
            if over.wait(0.01):
                return

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        said(api, *EXPORT, code=0)
        found = said(api, *VERIFY[:-1], "0.2", "--rounds", "1", code=3)
    finally:
        over.set()
        thread.join()
    (box,) = boxes("A verify never settles")
    assert printed(box, found), found
    assert "clean" in said(api, *VERIFY, "--fresh", "--ignore-names", "busy", code=0)


def test_quarantined_sessions(said: Said, tmp_path: Path) -> None:
    api = held(5)
    api.namespace.put("spotify_session:bad", b"no JSON", None, None)
    (tmp_path / "schema.json").write_text('{"type": "object"}')
    found = said(api, *EXPORT, "--schema", "schema.json", code=1)
    (box,) = boxes("Sessions are in quarantine")
    assert printed(box, found), found
    mended = said(api, *EXPORT, "--retry-quarantined", code=0)
    assert "quarantined 0" in mended


def test_a_lost_ledger(said: Said, tmp_path: Path) -> None:
    api = held(5)
    said(api, *EXPORT, code=0)
    shutil.rmtree(tmp_path / ".kvferry")
    found = said(api, "status", code=3)
    (box,) = boxes("The ledger is lost")
    assert printed(box, found), found
    assert "already present 5 (equal 5," in said(api, *EXPORT, code=0)
    (tmp_path / ".kvferry" / "ledger.db").write_bytes(b"x" * 5000)
    assert "is not a kvferry ledger" in said(api, "status", code=3)


def test_a_laptop_that_died(said: Said, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    api, gate = held(1500), Gate()
    unfinished, busy = boxes("The laptop died")
    api.faults.add(gate, on="bulk_get", nth=[12])
    with FakeServer(api) as server:
        process = started(*EXPORT, cwd=tmp_path, env=variables(server))
        try:
            assert gate.arrived.wait(60)
            other = tmp_path_factory.mktemp("other")
            words = (*EXPORT[:-1], f"sqlite:{tmp_path}/sessions.db")
            second = kvferry(*words, cwd=other, env=variables(server))
        finally:
            process.kill()
            process.communicate()
            gate.opened.set()
    assert second.returncode == 3
    assert printed(busy, second.stderr), second.stderr
    assert printed(unfinished, said(api, "status", code=0))
    assert "is complete" in said(api, *EXPORT, code=0)


def test_a_wrong_namespace(said: Said) -> None:
    missing, empty = boxes("It is the wrong namespace")
    wrong = [word.replace(NAMESPACE, "f" * 32) for word in EXPORT]
    assert printed(missing, said(held(5), *wrong, code=2))
    assert printed(empty, said(held(5), *EXPORT, "--prefix", "sess:", code=0))
    assert "not proven: neither store has a key" in said(held(5), *VERIFY, "--prefix", "sess:", code=3)


def test_a_foreign_writer(said: Said, tmp_path: Path) -> None:
    api = held(5)
    said(api, *EXPORT, code=0)
    with sqlite3.connect(tmp_path / "sessions.db") as database:
        (key,) = database.execute("SELECT key FROM live_sessions").fetchone()
    api.namespace.put(key, b"somebody else's", None, None)
    said(api, *VERIFY, code=1)
    found = said(api, "gate", "--for", "object-first", *EXPORT[1:], code=1)
    (box,) = boxes("Somebody else still writes KV")
    assert printed(box, found), found


def test_the_free_plans_limit(said: Said) -> None:
    reached, spent = boxes("The free plan's limit is reached")
    api = held(5)
    api.faults.add(Reply(429, 10048), on="bulk_get")
    assert printed(reached, said(api, *EXPORT, code=3))
    found = said(held(250), *EXPORT, "--budget", "reads=100/day", code=3)
    assert printed(spent.replace("50000", "100"), found), found


def test_every_part_of_the_page_is_provoked() -> None:
    titles = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    source = Path(__file__).read_text()
    assert titles
    for title in titles:
        assert f'boxes("{title}")' in source, title
        assert boxes(title), title
        (part,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
        for word in ("**Safe:**", "**Type", "**Over**"):
            assert word in part, f"{title}: {word}"


def test_a_line_that_is_not_printed_would_be_seen() -> None:
    box = "kvferry: it took … s\n  hint: wait\n"
    assert printed(box, "kvferry: it took 3 s, or so\n  hint: wait\n")
    assert not printed(box, "kvferry: it took 3 s\n")
    assert not printed(box, "kvferry: it lasted 3 s\n  hint: wait\n")
