"""An application with the session class and bridges to it, in Cloudflare's own local runtime.

    with Edge(folder) as edge:
        edge.call("USER_SESSIONS", "some-object", "putSession", "some-object", {"user": "u"})
        edge.bridge("shards").ask("heads", {"keys": ["p:a"]})

One runtime has them all: the real class, some made from changed sources (MUTANTS), and
bridges with every placement. Whatever a bridge answers is held against the schema.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from jsonschema import Draft202012Validator

import migrate
from tests.runtime.install import install, node, quiet_environment

ROOT = Path(__file__).parents[2]
EDGE = Path(migrate.__file__).parent / "edge"
HERE = Path(__file__).parent
SCHEMA: dict[str, Any] = json.loads((EDGE.parent / "schemas" / "bridge-wire.v1.json").read_text())
SECRET = "planted-secret-of-the-bridge-0123456789abcdef"
PREFIX = "spotify_session:"
OWNER = {"KVFERRY_SCRIPT": "application", "KVFERRY_CLASS": "Apart"}
READY_WITHIN = 60.0
TEAM, AUDIENCE = "acme", "4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2"
_ACCESS = {"KVFERRY_ACCESS_TEAM": TEAM, "KVFERRY_ACCESS_AUDIENCE": AUDIENCE}
GUARDED = {
    # bridges behind Cloudflare Access -> what they are told of it
    **{f"guarded-{one}": _ACCESS for one in ("warm", "cold", "rotating", "down")},
    "guarded-in-full": {**_ACCESS, "KVFERRY_ACCESS_TEAM": f"{TEAM}.cloudflareaccess.com"},
}
MISGUARDED = {
    "guarded-without-audience": {"KVFERRY_ACCESS_TEAM": TEAM},
    "guarded-without-team": {"KVFERRY_ACCESS_AUDIENCE": AUDIENCE},
    "guarded-by-nobody": {**_ACCESS, "KVFERRY_ACCESS_TEAM": ""},
    "guarded-by-a-url": {**_ACCESS, "KVFERRY_ACCESS_TEAM": "https://acme.cloudflareaccess.com"},
    "guarded-by-another-host": {**_ACCESS, "KVFERRY_ACCESS_TEAM": "acme.example.com"},
    "guarded-for-anybody": {**_ACCESS, "KVFERRY_ACCESS_AUDIENCE": "*"},
}
WALKED = {
    # bridges to the objects of the store's tests -> their class
    "walked": "StoreSessions",
    "walked-apart": "StoreSessions",
    "walked-overwriting": "OverwritingSessions",
    "walked-untimed": "UntimedSessions",
    "walked-unversioned": "UnversionedSessions",
}
ROLLED = {
    # bridges to objects that are gone back from, with KV -> their class
    "rolled": "RolledSessions",
    "rolled-apart": "RolledApart",
}
NEEDED = {
    "import": "import",
    "fence": "import",
    "bury": "delete",
    "finish": "delete",
    "kv": "kv",
    "revert": "kv",
    "read": "values",
}
"""The scope of the key for a verb, where it is not verify."""

MUTANTS = {
    # name -> file, what stands there, what breaks the law
    "OVERWRITING": ("laws.ts", "if (there !== null) {\n", "if (there !== null && there.batch === batch) {\n"),
    "FORGETTING": (
        "rows.ts",
        "return this.#account(key, { ...next(before, writer, now), metadata: null, tombstone, seen: null });",
        "this.forget(key);\n    return 1;",
    ),
    "UNFENCED": (
        "toolkit.ts",
        'const fenced = changing && fenceOf(this.#notes.read(FENCE)).state !== "down";',
        "const fenced = false;",
    ),
    # Of the bridge: shards' versions read once the fence is lifted in the book, or not heeded.
    "BACKWARDS": (
        "fence.ts",
        """    const shards = await versions(objects);
    if (!(await written(objects, objects.book, { state: "down" }, version))) continue;
""",
        """    if (!(await written(objects, objects.book, { state: "down" }, version))) continue;
    const shards = await versions(objects);
""",
    ),
    "HEEDLESS": (
        "fence.ts",
        'written(objects, name, { state: "down" }, seen)',
        'written(objects, name, { state: "down" }, seen && null)',
    ),
    # And the book says that the fence is up before the shards have it.
    "EARLY": (
        "fence.ts",
        'await written(objects, objects.book, { state: "rising" }, found.version)',
        'await written(objects, objects.book, { state: "up", since: clock() }, found.version)',
    ),
    # Of the end: an object imports all the same, and the bridge sets no time to what it sends.
    "UNFINISHED": (
        "toolkit.ts",
        'if (isMoving(part) && this.finished()) return { result: "finished" };',
        "",
    ),
    "ENDLESS": ("finish.ts", "return began + WINDOW;", "return Infinity;"),
    # Of somebody else's class: nothing on record, purges not held back, a miss taken for an error, what is
    # on no record taken for nothing.
    "UNWRAPPED": ("own-calls.ts", 'if (method.does === "other") return run();', "return run();"),
    "PURGING": ("toolkit.ts", "return this.finished();", "return true;"),
    "STRICT": ("own-calls.ts", "/\\bgot no results\\b/.test(error.message)", "error.message === ''"),
    "IGNORANT": (
        "rows.ts",
        "return found === null ? null : { ...(provenance ?? LEGACY), key, ...found };",
        "return found === null || provenance === null ? null : { ...provenance, key, ...found };",
    ),
    # Of rows that are older than the toolkit: replaced unasked, before they have a version, and although the
    # class has written the same once more.
    "PRESUMING": (
        "laws.ts",
        'const yields = wanted.legacy === true && there.origin === "legacy" && versioned;',
        'const yields = there.origin === "legacy" && versioned;',
    ),
    "BURYING": (
        "laws.ts",
        "const yields = legacy === true && this.#rows.versioned(key);",
        "const yields = this.#rows.versioned(key);",
    ),
    "HASTY": (
        "rows.ts",
        "return this.#witness === null || this.recorded(key) !== null;",
        "return key.length > 0;",
    ),
    "DEAF": (
        "own-calls.ts",
        'const again = does === "write" && wrote && known?.version === before?.version;',
        'const again = does === "write" && wrote && known?.origin === "dual";',
    ),
    # Of the session store: writes at shadow-read acknowledged without KV, tombstones not obeyed there,
    # touches not compared.
    "LAX": (
        "store/halves.ts",
        'const done = object === "done" && kv === "done";',
        'const done = object === "done";',
    ),
    "DISOBEYING": (
        "store/reading.ts",
        'if (here.is === "deleted") return "nobody";',
        'if (here.is === "deleted") return "kv";',
    ),
    "UNCOMPARED": (
        "store/store.ts",
        "object.kvferryPut({ ...ask, expect: version })",
        "object.kvferryPut({ ...ask, expect: null })",
    ),
    # A fallback hit is not counted: nothing but the canary shows it while there is none.
    "UNCOUNTING": (
        "store/reader.ts",
        'kept === null ? "fallback_miss" : "fallback_hit"',
        '"fallback_miss"',
    ),
    # Of the objects, for the exporter: a sweep replaces whatever version there is.
    "UNVERSIONED": (
        "laws.ts",
        "if (!ours || there.value === null || there.version !== wanted.version || held) {",
        "if (!ours || there.value === null || held) {",
    ),
    # Whatever comes too late is done.
    "UNTIMED": ("toolkit.ts", "return notAfter !== null && now > notAfter;", "return false;"),
    # KV's readers believe KV, which keeps a session for longer than it was to live.
    "UNENDING": (
        "store/kv-side.ts",
        'if (typeof stamp.e === "number" && stamp.e <= this.#world.clock()) return null;',
        "",
    ),
    # Going back: a row is KV's again, whatever it has become; a put in KV begins, however late.
    "CARELESS": (
        "laws.ts",
        """    if (there.version !== version) return "changed";
    this.#rows.yield""",
        "    this.#rows.yield",
    ),
    "BELATED": ("kv-writing.ts", 'if (clock() > notAfter) return "late";', ""),
    # No law is broken here: the import fails at its very end.
    "BREAKING": (
        "toolkit.ts",
        'return { result: "done", outcomes, buried, reverted, checkpoint };',
        "throw new Error();",
    ),
}


OWN_SOURCES = {
    # sources of the tests' own that exist for each mutant as well -> their names beside it
    "plain-sessions.ts": "plain-sessions.ts",
    "wrapped-sessions.ts": "wrapped-sessions.ts",
    "bridge.ts": "tested-bridge.ts",
}


def validator(definition: str) -> Draft202012Validator:
    """For one of the documents of the wire, such as "import.request"."""
    return Draft202012Validator({**SCHEMA, "$ref": f"#/$defs/{definition}"})


VALIDATORS = {name: validator(name) for name in SCHEMA["$defs"]}


def mint(scope: str, issued: float, expires: float, secret: str = SECRET) -> str:
    """A key, as whoever has the secret derives it."""
    message = f"kvf1.{scope}.{int(issued)}.{int(expires)}"
    mac = hmac.digest(secret.encode(), message.encode(), "sha256")
    return f"{message}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def valid_key(scope: str, now: float | None = None) -> str:
    """A key for an hour, from the bridge's time on."""
    now = time.time() if now is None else now
    return mint(scope, now - 5, now + 3600)


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge and how to ask it."""

    url: str
    http: httpx.Client

    def set_clock(self, now: float | None) -> None:
        """The bridge's time (Unix seconds); None: the real one."""
        self.http.post(self.url + "test/clock", content=json.dumps(now)).raise_for_status()

    def set_certs(self, url: str) -> None:
        """Where the keys of Cloudflare Access are."""
        self.http.post(self.url + "test/certs", content=json.dumps(url)).raise_for_status()

    def set_kv(self, *ends: str | None, takes: float = 0) -> None:
        """How the next writes in KV end (None: well), and the seconds of a set clock that each takes."""
        order = {"ends": list(ends), "takes": takes}
        self.http.post(self.url + "test/kv", content=json.dumps(order)).raise_for_status()

    def set_world(self, name: str) -> None:
        """From now on it leads to other objects: those whose names begin with `name`."""
        self.http.post(self.url + "test/world", content=json.dumps(name)).raise_for_status()

    def set_budget(self, calls: int | None) -> None:
        """How many objects the bridge may ask for a request; None: as many as it likes."""
        self.http.post(self.url + "test/budget", content=json.dumps(calls)).raise_for_status()

    def hints(self) -> list[str | None]:
        """Where each object was to be made that was asked since the last time."""
        return list(self.http.post(self.url + "test/hints").json())

    def raw(
        self, path: str, method: str = "POST", scope: str | None = None, **options: Any
    ) -> httpx.Response:
        """Any request; with `scope`, under a valid key."""
        headers = dict(options.pop("headers", {}))
        if scope is not None:
            headers["Authorization"] = f"Bearer {valid_key(scope)}"
        return self.http.request(method, self.url + path, headers=headers, **options)

    def send(self, verb: str, body: dict[str, Any], scope: str = "import") -> httpx.Response:
        """One verb; checks the answer against the schema, whatever it is."""
        answer = self.raw(f"kvferry/v1/{verb}", scope=scope, json={"protocol": 1, **body})
        VALIDATORS[f"{verb}.answer" if answer.is_success else "problem"].validate(answer.json())
        return answer

    def ask(self, verb: str, body: dict[str, Any], scope: str | None = None) -> dict[str, Any]:
        """One verb that must succeed."""
        answer = self.send(verb, body, scope or NEEDED.get(verb, "verify"))
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return dict(answer.json())

    def refused(self, verb: str, body: dict[str, Any], scope: str = "import") -> dict[str, Any]:
        """The problem that one verb is answered with."""
        answer = self.send(verb, body, scope)
        assert answer.status_code >= 400, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        return dict(answer.json())


class Edge:
    """The running runtime. Raises RuntimeError, with what it said, when it does not come up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self._log = folder / "log"
        self.http = httpx.Client(timeout=30)
        self._process: subprocess.Popen[bytes] | None = None
        self._urls: dict[str, str] = {}

    def call(self, binding: str, object_name: str, method: str, *args: Any) -> Any:
        """Call a method of an object by RPC, as the application does; bytes as {"base64": …}."""
        (answer,) = self.calls([(binding, object_name, method, *args)])
        assert "thrown" not in answer, answer
        return answer["value"]

    def calls(self, calls: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
        """Call many at once: {"value": …} or {"thrown": …} of each."""
        body = [{"binding": c[0], "object": c[1], "method": c[2], "args": list(c[3:])} for c in calls]
        answers: list[dict[str, Any]] = self._application("call", body)
        return answers

    def object_ids(self, binding: str, names: Sequence[str]) -> list[str]:
        """The ids of the objects with these names."""
        found: list[str] = self._application("ids", {"binding": binding, "objects": list(names)})
        return found

    def callable_names(self, which: str = "real") -> list[str]:
        """Every name on the prototypes of the session class; "wrapped": of somebody else's."""
        names: list[str] = self._application("names", which)
        return names

    def bridge(self, name: str) -> Bridge:
        """As `_plan` names them: per-session, shards, single and so on."""
        return Bridge(self._urls[f"bridge-{name}"], self.http)

    @property
    def session(self) -> int:
        """The number of the operating system's session that all processes of the runtime are in."""
        assert self._process is not None, "not running"
        return self._process.pid

    def store(self, path: str, body: Any) -> Any:
        """Ask the application of the store's tests. Raises HTTPStatusError when it fails as a whole."""
        answer = self.http.post(self._urls["store"] + path, content=json.dumps(body))
        return answer.raise_for_status().json()

    @contextmanager
    def asking(self, path: str, body: Any) -> Iterator[None]:
        """The same as a client that does not wait for the answer: it hangs up where the block ends."""
        url, content = urlsplit(self._urls["store"]), json.dumps(body).encode()
        head = f"POST /{path} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {len(content)}\r\n\r\n"
        with socket.create_connection((url.hostname, url.port), timeout=30) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # at once
            client.sendall(head.encode() + content)
            yield

    def half_moved(self, order: dict[str, Any]) -> Any:
        """Ask the application that has moved half-way; see worker/half-moved.ts."""
        answer = self.http.post(self._urls["half-moved"], content=json.dumps(order))
        return answer.raise_for_status().json()

    @property
    def half_moved_kv(self) -> str:
        """The address of its KV namespace."""
        return "kv+" + self._urls["explorer"] + "HALF_MOVED"

    def set_clock(self, now: float | None) -> None:
        """The time of all objects (Unix seconds); None: the real one. Bridges have their own."""
        self._application("clock", now)

    def unique(self, binding: str) -> str:
        """The id of a new object without a name; `call` takes it for one."""
        return str(self._application("unique", binding))

    def set_stage(self, name: str) -> None:
        """The stage that somebody else's class is told: "dual-write", or any other."""
        self._application("stage", name)

    @property
    def explorer(self) -> str:
        """The base URL of the local runtime's own API."""
        return self._urls["explorer"] + "cdn-cgi/local/explorer/api"

    def kv_address(self, namespace: str) -> str:
        """The address of a KV namespace in it."""
        return "kv+" + self._urls["explorer"] + namespace

    def kv_item(self, namespace: str, key: str) -> tuple[bytes, Any, int | None] | None:
        """Value, metadata and expiration as KV has them; None: there is nothing."""
        root = f"{self.explorer}/storage/kv/namespaces/{namespace}"
        found = self.http.get(f"{root}/keys", params={"prefix": key, "limit": 10}).json()["result"]
        heads = [head for head in found if head["name"] == key]
        if not heads:
            return None
        value = self.http.get(f"{root}/values/{quote(key, safe='')}").content
        return value, heads[0].get("metadata"), heads[0].get("expiration")

    def log(self) -> str:
        """What the runtime said so far."""
        return self._log.read_text(errors="replace")

    def _application(self, path: str, body: Any) -> Any:
        answer = self.http.post(self._urls["application"] + path, content=json.dumps(body))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def __enter__(self) -> Edge:
        self.start()
        return self

    def start(self) -> None:
        """Start it on the state of before."""
        plan = self.folder / "plan.json"
        plan.write_text(json.dumps(self._plan(install())))
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(node()), "--no-warnings", str(HERE / "runtime.mjs"), str(plan)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=quiet_environment(home),
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline and self._process.poll() is None:
            ready = [line for line in self.log().splitlines(keepends=True) if line.startswith("URLS ")]
            if ready and ready[0].endswith("\n"):
                self._urls = json.loads(ready[0][5:])
                return
            time.sleep(0.05)
        said = self.log()
        self._stop()
        raise RuntimeError(f"the runtime did not come up:\n{said[-4000:]}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def kill(self) -> None:
        """kill -9 of the runtime and all that it started; what is on disk stays."""
        process, self._process = self._process, None
        assert process is not None
        assert process.stdin is not None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdin.close()

    def _stop(self) -> None:
        self.http.close()
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it started and did not end
        process.wait()

    def _plan(self, modules: Path) -> dict[str, Any]:
        """What runtime.mjs starts: Workers, their objects, and the folders that their imports name."""
        aliases = {"EDGE": str(EDGE / "src")}
        for name in MUTANTS:
            fresh = not (self.folder / name).exists()
            changed = mutated(self.folder, name)
            aliases[name] = str(changed)
            if not fresh:
                continue
            for own, its in OWN_SOURCES.items():
                changed_import = (HERE / "worker" / own).read_text().replace('"EDGE/', f'"{name}/')
                (changed / its).write_text(changed_import)
        classes = {
            "USER_SESSIONS": "UserSessions",
            "OVERWRITING": "OverwritingSessions",
            "FORGETTING": "ForgettingSessions",
            "LOOKED_INTO": "LookedInto",
            "FAILING": "Failing",
            "LASTING": "Lasting",
            "BREAKING": "BreakingSessions",
            "CARELESS": "CarelessSessions",
            "COPIED_INTO": "CopiedInto",
            "WRAPPED": "WrappedSessions",
            "HALF_MOVED": "HalfMovedSessions",
            "STORING": "StoringSessions",
            "LONE": "LoneSession",
            "DECODED": "DecodedSessions",
            "UNWRAPPED": "UnwrappedSessions",
            "PURGING": "PurgingSessions",
            "STRICT": "StrictSessions",
            "IGNORANT": "IgnorantSessions",
            "PRESUMING": "PresumingSessions",
            "HASTY": "HastySessions",
            "BURYING": "BuryingSessions",
            "DEAF": "DeafSessions",
            "WITHOUT_TOOLKIT": "WithoutToolkit",
            "LACKING": "Lacking",
            "HELD": "HeldSessions",
            "HELD_UNFENCED": "HeldUnfenced",
            "HELD_UNFINISHED": "HeldUnfinished",
            "APART": "Apart",
            "EXPLORED": "Explored",
        }
        workers: list[dict[str, Any]] = [
            {
                "name": "application",
                "entry": str(HERE / "worker" / "application.ts"),
                "durableObjects": {
                    binding: {"className": name, "useSQLite": True} for binding, name in classes.items()
                },
                "bindings": {},
            },
            {
                "name": "store",
                "entry": str(HERE / "worker" / "store.ts"),
                "durableObjects": {
                    binding: {"className": name, "useSQLite": True}
                    for binding, name in {
                        "OWN": "StoreSessions",
                        "OVERWRITING": "OverwritingSessions",
                        "UNTIMED": "UntimedSessions",
                        "UNVERSIONED": "UnversionedSessions",
                        "WRAPPED": "WrappedSessions",
                        "OLD": "OldSessions",
                        "STATS": "Stats",
                        "EARLY_STATS": "EarlyStats",
                        "ROLLED": "RolledSessions",
                        "ROLLED_APART": "RolledApart",
                        "ROLLED_STATS": "RolledStats",
                    }.items()
                }
                | {"WALKING": {"className": "Walking", "useSQLite": True, "unsafePreventEviction": True}},
                "kvNamespaces": ["SESSIONS"],
                "bindings": {},
            },
        ]

        def add(
            name: str, class_name: str, secret: str | None, placement: str, prefix: str, **more: str
        ) -> None:
            bindings = {"KVFERRY_PLACEMENT": placement, "KVFERRY_PREFIX": prefix, **more}
            if secret is not None:
                bindings["KVFERRY_BRIDGE_SECRET"] = secret
            kv = more.get("KVFERRY_KV_NAMESPACE")
            workers.append(
                {
                    "name": f"bridge-{name}",
                    "entry": str(HERE / "worker" / "bridge.ts"),
                    "durableObjects": {
                        "USER_SESSIONS": {
                            "className": class_name,
                            "scriptName": "application",
                            "useSQLite": True,
                        }
                    },
                    "bindings": bindings,
                    "kvNamespaces": {} if kv is None else {"SESSIONS_KV": kv},
                }
            )

        add("per-session", "UserSessions", SECRET, "per-session", PREFIX)
        add("shards", "UserSessions", SECRET, "shards:4", PREFIX)
        known = {"KVFERRY_SCRIPT": "application", "KVFERRY_CLASS": "UserSessions"}
        add("checked", "UserSessions", SECRET, "per-session", PREFIX, **known)
        add("checked-shards", "UserSessions", SECRET, "shards:4", PREFIX, **known)
        for name, class_name in WALKED.items():
            placement = "per-session" if name.endswith("apart") else "shards:4"
            add(name, class_name, SECRET, placement, PREFIX)
            workers[-1]["durableObjects"]["USER_SESSIONS"]["scriptName"] = "store"
        for name, class_name in (
            ("counting", "Stats"),
            ("counting-early", "EarlyStats"),
            ("miscounting", "OldSessions"),
        ):
            add(name, "UserSessions", SECRET, "per-session", PREFIX, **known)
            workers[-1]["durableObjects"]["MIGRATION_STATS"] = {
                "className": class_name,
                "scriptName": "store",
                "useSQLite": True,
            }
        other = {**known, "KVFERRY_CLASS": "CopiedInto"}
        add("checked-other", "CopiedInto", SECRET, "per-session", PREFIX, **other)
        add("gated", "CopiedInto", SECRET, "shards:3", PREFIX, **known)
        workers[-1]["durableObjects"]["MIGRATION_STATS"] = {
            "className": "Stats",
            "scriptName": "store",
            "useSQLite": True,
        }
        add("single", "UserSessions", SECRET, "shards:1", PREFIX)
        add("copied-into", "CopiedInto", SECRET, "shards:3", "")
        add("keeping", "CopiedInto", SECRET, "shards:3", PREFIX)
        add("apart", "Apart", SECRET, "per-session", PREFIX, **OWNER)
        add("apart-bare", "Apart", SECRET, "per-session", "", **OWNER)
        explored = {**OWNER, "KVFERRY_CLASS": "Explored"}
        add("explored", "Explored", SECRET, "per-session", PREFIX, **explored)
        add("misled", "Apart", SECRET, "per-session", PREFIX, KVFERRY_LOCATION_HINT="the moon")
        add("overwriting", "OverwritingSessions", SECRET, "shards:4", PREFIX)
        add("forgetting", "ForgettingSessions", SECRET, "shards:4", PREFIX)
        add("wrapped", "WrappedSessions", SECRET, "shards:4", PREFIX)
        add("half-moved", "HalfMovedSessions", SECRET, "shards:4", PREFIX)
        half_moved = {**workers[-1], "name": "half-moved", "bindings": {}, "kvNamespaces": ["HALF_MOVED"]}
        workers.append({**half_moved, "entry": str(HERE / "worker" / "half-moved.ts")})
        wrapped = {**OWNER, "KVFERRY_CLASS": "WrappedSessions"}
        add("wrapped-apart", "WrappedSessions", SECRET, "per-session", PREFIX, **wrapped)
        lone = {**OWNER, "KVFERRY_CLASS": "LoneSession"}
        add("lone-apart", "LoneSession", SECRET, "per-session", PREFIX, **lone)
        add("decoded", "DecodedSessions", SECRET, "shards:4", PREFIX, KVFERRY_RECORDS="10")
        add("storing", "StoringSessions", SECRET, "shards:3", "")
        add("unwrapped", "UnwrappedSessions", SECRET, "shards:4", PREFIX)
        add("purging", "PurgingSessions", SECRET, "shards:4", PREFIX)
        add("strict", "StrictSessions", SECRET, "shards:4", PREFIX)
        add("ignorant", "IgnorantSessions", SECRET, "shards:4", PREFIX)
        add("presuming", "PresumingSessions", SECRET, "shards:4", PREFIX)
        add("burying", "BuryingSessions", SECRET, "shards:4", PREFIX)
        add("hasty", "HastySessions", SECRET, "shards:4", PREFIX)
        add("deaf", "DeafSessions", SECRET, "shards:4", PREFIX)
        add("overwriting-apart", "OverwritingSessions", SECRET, "per-session", PREFIX)
        add("forgetting-apart", "ForgettingSessions", SECRET, "per-session", PREFIX)
        back = {**known, "KVFERRY_KV_NAMESPACE": "GOING_BACK"}
        add("kv", "UserSessions", SECRET, "shards:4", PREFIX, **back)
        add("kv-apart", "UserSessions", SECRET, "per-session", PREFIX, **back)
        bare = {**known, "KVFERRY_KV_NAMESPACE": "BARE"}
        add("kv-bare", "UserSessions", SECRET, "shards:4", "", **bare)
        add("kv-careless", "CarelessSessions", SECRET, "shards:4", PREFIX, **back)
        add("kv-belated", "UserSessions", SECRET, "shards:4", PREFIX, **back)
        workers[-1]["entry"] = str(self.folder / "BELATED" / "tested-bridge.ts")
        self._add_rolled(add, workers)
        add("unset", "UserSessions", None, "shards:4", PREFIX)
        add("short", "UserSessions", SECRET[:31], "shards:4", PREFIX)
        add("failing", "Failing", SECRET, "shards:4", PREFIX)
        add("breaking", "BreakingSessions", SECRET, "shards:1", PREFIX)
        add("held", "HeldSessions", SECRET, "shards:4", PREFIX)
        add("held-unfenced", "HeldUnfenced", SECRET, "shards:4", PREFIX)
        add("held-unfinished", "HeldUnfinished", SECRET, "shards:4", PREFIX)
        add("held-per-session", "HeldSessions", SECRET, "per-session", PREFIX)
        for mutant in ("BACKWARDS", "HEEDLESS", "EARLY"):
            add(f"held-{mutant.lower()}", "HeldSessions", SECRET, "shards:4", PREFIX)
            workers[-1]["entry"] = str(self.folder / mutant / "tested-bridge.ts")
        add("held-endless", "HeldSessions", SECRET, "per-session", PREFIX)
        workers[-1]["entry"] = str(self.folder / "ENDLESS" / "tested-bridge.ts")
        for name, access in (GUARDED | MISGUARDED).items():
            add(name, "UserSessions", SECRET, "shards:1", PREFIX, **access)
        add("without-toolkit", "WithoutToolkit", SECRET, "per-session", PREFIX)
        add("looked-into", "LookedInto", SECRET, "per-session", PREFIX)
        add("lacking", "Lacking", SECRET, "per-session", PREFIX)
        room = {"KVFERRY_RECORDS": "100", "KVFERRY_BODY_BYTES": "1048576"}
        add("narrow", "CopiedInto", SECRET, "shards:3", PREFIX, **room)
        add("narrow-per-session", "CopiedInto", SECRET, "per-session", PREFIX, **room)
        nonsense = {"KVFERRY_RECORDS": "1e9", "KVFERRY_BODY_BYTES": "99999999999"}
        add("boastful", "CopiedInto", SECRET, "shards:3", PREFIX, **nonsense)
        add("misplaced", "UserSessions", SECRET, "shards:0", PREFIX)
        return {"modules": str(modules), "folder": str(self.state), "aliases": aliases, "workers": workers}

    def _add_rolled(self, add: Callable[..., None], workers: list[dict[str, Any]]) -> None:
        """Bridges with KV and statistics, to objects of the store's Worker."""
        of_store = {"scriptName": "store", "useSQLite": True}
        for name, class_name in ROLLED.items():
            placement = "per-session" if name.endswith("apart") else "shards:4"
            told = {"KVFERRY_SCRIPT": "store", "KVFERRY_CLASS": class_name}
            add(name, class_name, SECRET, placement, PREFIX, **told, KVFERRY_KV_NAMESPACE="SESSIONS")
            workers[-1]["durableObjects"] = {
                "USER_SESSIONS": {"className": class_name, **of_store},
                "MIGRATION_STATS": {"className": "RolledStats", **of_store},
            }


def mutated(folder: Path, name: str) -> Path:
    """The sources with one law broken, made in a folder of that name unless they are there already."""
    changed = folder / name
    if not changed.exists():
        file, old, new = MUTANTS[name]
        shutil.copytree(EDGE / "src", changed)
        text = (changed / file).read_text()
        assert text.count(old) == 1, f"{file} has changed: {name} cannot be made"
        (changed / file).write_text(text.replace(old, new))
    return changed


def digest_text(value: bytes) -> str:
    """What the wire calls a digest."""
    return base64.urlsafe_b64encode(hashlib.sha256(value).digest()[:16]).rstrip(b"=").decode()


def object_hash(identifier: str) -> int:
    """FNV-1a, folded: which shard a session is in."""
    state = 0x811C9DC5
    for byte in identifier.encode():
        state = (state ^ byte) * 0x01000193 & 0xFFFFFFFF
    return state ^ (state >> 16)
