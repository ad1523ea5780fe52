"""`kvferry demo --edge`: real Workers KV into real Durable Objects, on Cloudflare's local runtime."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import time
import urllib.request
from importlib import resources
from pathlib import Path

from migrate import runner
from migrate.bridge_keys import VARIABLE, Scope
from migrate.bridge_secret import find_secret, mint_all
from migrate.bridging import creating
from migrate.bridging.application import find_application
from migrate.bridging.beside import Beside, find_beside, running
from migrate.bridging.project import BridgeProject, default_name
from migrate.bridging.secret_file import KEYS_FILE, SECRET_FILE, write_keys
from migrate.core.ports import Clock
from migrate.demo.telling import Say, check, show
from migrate.errors import ConfigError, Exit
from migrate.formats.report import render
from migrate.local_runtime import Tools, find_tools
from migrate.opening import Settings

USERS = 200
SHARDS = "shards:4"
APART = "per-session"
APPLICATION = Path("application")
STRANGER = "somebody-else"
_DAY = 1.0


def run(say: Say, clock: Clock, keep: Path | None = None) -> Exit:
    """Tell the story, line by line, through `say`; CLEAN when all went as it should.

    `keep`: a folder to leave the files in; by default they go with the story. Raises ConfigError
    without Node.js, and MigrateError when its packages cannot be installed.
    """
    tools = find_tools(lambda line: say(f"({line})\n"))
    with contextlib.ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kvferry-demo-")))
        folder.mkdir(parents=True, exist_ok=True)
        _write_application(folder / APPLICATION)
        stack.enter_context(contextlib.chdir(folder / APPLICATION))
        say(
            f"1. A sample application is in {APPLICATION}/. Its users' sessions are in Workers KV. It has the"
        )
        say("   session class already: its Durable Objects are where the sessions shall be, still empty.")
        say("   Objects can be reached from Workers only, so a copy needs a bridge: a small Worker that is")
        say("   deployed beside the application, and deleted afterwards. No object belongs to it.\n")
        _told(say, clock, tools)
    return Exit.CLEAN


def _told(say: Say, clock: Clock, tools: Tools) -> None:
    first = _bridge(SHARDS)
    say("   The bridge says where a session lives. With this one, four objects share all of them:\n")
    show(say, f"kvferry bridge init ../bridge --placement {SHARDS}")
    say(f"2. Both run on this machine, on Cloudflare's own runtime. {USERS} users sign in.\n")
    with _Running(first, tools, clock) as site:
        show(say, "kvferry bridge dev ../bridge", site.shown)
        site.sign_in()
        check(site.who() == (f"user-{USERS}", None), "the application did not sign its users in")
        say(f"   Who is the last of them? KV says user-{USERS}. The objects say: nobody, they are empty.\n")
        say("3. Copy the sessions into the objects. Every key that was listed is accounted for.\n")
        _copy(say, site)
        say("4. Read both stores afresh, in both directions, and compare.\n")
        _verify(say, site, None)
        say("5. Now somebody writes another user into one session's object, and not into KV.\n")
        site.become(STRANGER)
        _verify(say, site, "value")
        say("   It found that one session (exit code 1), and shows a fingerprint of its key: session ids and")
        say("   values are secrets, and never reach a report.\n")
    shutil.rmtree(first.state / "v3" / "do")
    second = _bridge(APART)
    say("6. The other placement: each session has an object of its own. KV as before, the objects new.\n")
    show(say, f"kvferry bridge init ../bridge --placement {APART} --force")
    with _Running(second, tools, clock, site.cookie) as site:
        show(say, "kvferry bridge dev ../bridge", site.shown)
        _copy(say, site)
        _verify(say, site, None)
        say("   It asked Cloudflare's API which objects there are, and every object for what it holds.")
        say("   And again somebody writes another user into one of them:\n")
        site.become(STRANGER)
        _verify(say, site, "value")
    say("What to type next, in your own project:")
    say("   kvferry plan --source kv:                 what is there, how long it takes, what is missing")
    say("   kvferry bridge init ../sessions-bridge    a bridge for your own class of objects")
    say("   kvferry bridge dev ../sessions-bridge     a rehearsal like this one, with your application")


def _write_application(folder: Path) -> None:
    if folder.exists():
        raise ConfigError(f"{folder} is there already", "name a new folder, or move that one away")
    package = resources.files("migrate")
    with resources.as_file(package / "demo" / "application") as sample:
        shutil.copytree(sample, folder)
    with resources.as_file(package / "edge" / "src") as sources:
        shutil.copytree(sources, folder / "src" / "kvferry")


def _bridge(placement: str) -> Beside:
    """Write a bridge for this placement, over the one that was there, and tell the application of it."""
    config = Path("wrangler.json")
    document = json.loads(config.read_text(encoding="utf-8"))
    document["vars"]["PLACEMENT"] = placement
    config.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    folder, cwd = Path("../bridge"), Path.cwd()
    found = find_application(cwd, None, None)
    project = BridgeProject(
        name=default_name(found.script),
        script=found.script,
        class_name=found.class_name,
        placement=placement,
        prefix=runner.DEFAULT_PREFIX,
        stats_class=found.stats_class,
    )
    creating.create(folder, project, cwd, force=folder.exists(), dry_run=False)
    return find_beside(folder, cwd)


class _Running:
    """Application and bridge, running, with keys for the bridge. `cookie`: of a user who is signed in."""

    def __init__(self, beside: Beside, tools: Tools, clock: Clock, cookie: str = "") -> None:
        self._beside, self._tools, self._clock = beside, tools, clock
        self._closing = contextlib.ExitStack()
        self.cookie = cookie
        self._url = ""

    @property
    def source(self) -> str:
        """The application's KV."""
        (name,) = self._beside.namespaces.values()
        return f"kv+{self._url}/{name}"

    @property
    def target(self) -> str:
        """The objects."""
        return f"do+{self._url}"

    @property
    def shown(self) -> str:
        """What `kvferry bridge dev` shows."""
        return f"bridge       {self.target}\napplication  {self._url}\nKV           {self.source}"

    @property
    def settings(self) -> Settings:
        """For export and verify: keys from the file, nothing else."""
        keys = self._beside.bridge.config.parent / KEYS_FILE
        return Settings(clock=self._clock, environ={f"{VARIABLE}_FILE": str(keys.resolve())})

    def __enter__(self) -> _Running:
        beside = self._beside
        runtime = self._closing.enter_context(running(beside, self._tools, state=beside.state, port=None))
        self._url = runtime.url
        folder = beside.bridge.config.parent
        secret = find_secret({}, Path.cwd(), folder / SECRET_FILE)
        scopes = [Scope.IMPORT, Scope.VERIFY]  # as `kvferry bridge keys` signs
        write_keys(folder / KEYS_FILE, mint_all(secret, scopes, self._clock.now(), _DAY))
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.close()

    def sign_in(self) -> None:
        """All users, and remember the last one's cookie."""
        self._asked(f"/sign-in?users={USERS}")

    def who(self) -> tuple[str | None, str | None]:
        """Who the application takes the last user for, by KV and by the object."""
        found = json.loads(self._asked("/me"))
        return tuple(None if found[one] is None else found[one]["name"] for one in ("kv", "object"))  # type: ignore[return-value]

    def become(self, name: str) -> None:
        """Make the last user another one, in the object alone."""
        self._asked(f"/become?name={name}")

    def _asked(self, path: str) -> bytes:
        request = urllib.request.Request(self._url + path, headers={"Cookie": self.cookie})  # noqa: S310 - ours
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            self.cookie = (answer.headers.get("set-cookie") or self.cookie).partition(";")[0]
            body: bytes = answer.read()
        return body


def _copy(say: Say, site: _Running) -> None:
    started = time.monotonic()
    ended = runner.export(site.source, site.target, settings=site.settings)
    took = time.monotonic() - started
    if ended.error is not None:
        raise ended.error
    show(say, 'eval "$(kvferry bridge keys ../bridge)"')
    show(say, f"kvferry export --source {site.source} --target {site.target}", render(ended.document, "text"))
    check(ended.exit is Exit.CLEAN and ended.document["tally"]["copied"] == USERS, "the copy was not clean")
    check(site.who() == (f"user-{USERS}",) * 2, "the application does not see what was copied")
    say(f"   That took {took:.1f} s. Who is the last user now? KV and the objects say user-{USERS}.\n")


def _verify(say: Say, site: _Running, expected: str | None) -> None:
    """Verify, and find nothing, or one difference of the class `expected`."""
    ended = runner.verify(site.source, site.target, settings=site.settings)
    if ended.error is not None:
        raise ended.error
    show(say, f"kvferry verify --source {site.source} --target {site.target}", render(ended.document, "text"))
    found = [one["class"] for one in ended.document["differences"]]
    right = (Exit.CLEAN, []) if expected is None else (Exit.AGAINST, [expected])
    check((ended.exit, found) == right, "the verify did not find exactly the object that was changed")
