"""Cloudflare's list of a class's objects, as production serves it, with ids of the local runtime's objects.

    objects = ObjectList(edge, "Apart")          those that are made from now on
    httpx.MockTransport(objects.answer)          for one connection
    with served(objects) as base: …              for a process: CLOUDFLARE_API_BASE_URL=base

The shapes are those of Cloudflare's API reference (Durable Objects, list namespaces and list objects).
"""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

from tests.edge.edge import Edge

ACCOUNT = "0123456789abcdef0123456789abcdef"
TOKEN = "planted-token-of-the-account-0123456789"
NAMESPACE = "fedcba9876543210fedcba9876543210"


class ObjectList:
    """Answers requests. `page`: objects of a page. `rough`: empty pages, and each page's first id again."""

    def __init__(self, edge: Edge, class_name: str, *, page: int = 10_000, rough: bool = False) -> None:
        self._folder = edge.state / "do" / f"application-{class_name}"
        self._class = class_name
        self._page, self._rough = page, rough
        self._before = set(self._files())
        self.hidden: set[str] = set()
        self.requests: list[str] = []

    def ids(self) -> list[str]:
        """The objects that were made since."""
        return sorted(self._files() - self._before - self.hidden)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """As Cloudflare's API would."""
        status, headers, body = self.reply(request.url, request.headers.get("authorization", ""))
        return httpx.Response(status, headers=headers, content=body)

    def reply(self, url: httpx.URL, authorization: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        self.requests.append(url.path)
        if authorization != f"Bearer {TOKEN}":
            return _failed(403, 10000)
        match = re.fullmatch(
            r".*/accounts/([^/]+)/workers/durable_objects/namespaces(?:/([^/]+)/objects)?", url.path
        )
        if match is None or match[1] != ACCOUNT:
            return _failed(404, 7003)
        if match[2] is None:
            return self._namespaces(int(url.params.get("page", "1")))
        if match[2] != NAMESPACE:
            return _failed(404, 10066)
        assert 10 <= int(url.params["limit"]) <= 10_000
        return self._objects(url.params.get("cursor"))

    def _namespaces(self, page: int) -> tuple[int, dict[str, str], bytes]:
        """Two pages: the class is on the second one."""
        others = [("application", "Other"), ("elsewhere", self._class)]
        first = [_namespace(f"{number:032}", *owner) for number, owner in enumerate(others)]
        pages = {1: first, 2: [_namespace(NAMESPACE, "application", self._class)]}
        found = pages.get(page, [])
        return _answered(found, {"count": len(found), "page": page, "per_page": 2, "total_count": 3})

    def _objects(self, cursor: str | None) -> tuple[int, dict[str, str], bytes]:
        start, empty = (0, False) if cursor is None else (int(cursor.strip("-")), cursor.endswith("-"))
        ids = self.ids()
        end = start + self._page
        following = str(end) if end < len(ids) else ""
        if self._rough and not empty:
            return _answered([], {"count": 0, "cursor": f"{start}-"})
        some = ids[start:end]
        if self._rough:
            some = [*some, *some[:1]]
        found = [{"id": one, "hasStoredData": self._stores(one)} for one in some]
        return _answered(found, {"count": len(found), "cursor": following})

    def _files(self) -> set[str]:
        return {path.stem for path in self._folder.glob("*.sqlite")} - {"metadata"}

    def _stores(self, one: str) -> bool:
        path = self._folder / f"{one}.sqlite"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            query = "SELECT count(*) FROM sqlite_schema WHERE name NOT GLOB '_*'"  # not the runtime's own
            (tables,) = database.execute(query).fetchone()
        return bool(tables)


def _namespace(identifier: str, script: str, class_name: str) -> dict[str, object]:
    name = f"{script}_{class_name}"
    return {"id": identifier, "name": name, "script": script, "class": class_name, "use_sqlite": True}


def _answered(result: object, info: dict[str, object]) -> tuple[int, dict[str, str], bytes]:
    document = {"success": True, "errors": [], "messages": [], "result": result, "result_info": info}
    return 200, {"content-type": "application/json"}, json.dumps(document).encode()


def _failed(status: int, code: int) -> tuple[int, dict[str, str], bytes]:
    error = {"code": code, "message": "no"}
    document = {"success": False, "errors": [error], "messages": [], "result": None}
    return status, {"content-type": "application/json"}, json.dumps(document).encode()


@contextlib.contextmanager
def served(objects: ObjectList) -> Iterator[str]:
    """Over HTTP on this machine; gives the API's base URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = httpx.URL(f"http://localhost{self.path}")
            status, headers, body = objects.reply(url, self.headers.get("authorization", ""))
            self.send_response(status)
            for name, value in (headers | {"content-length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/client/v4"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
