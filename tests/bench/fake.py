"""The fake API for a measurement: its process, what it counted, and how fast it could be at best."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.fake_api.process import FakeProcess

LATENCY = 0.05
"""Seconds before every answer, about what Cloudflare takes."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A rate limit that the server enforces: `requests` in any `seconds`, else blocked for `seconds`."""

    requests: int
    seconds: int

    def __str__(self) -> str:
        return f"{self.requests}/{self.seconds}"

    def ideal(self, requests: int) -> float:
        """Seconds between the first and the last of so many requests, at the very least."""
        return (requests - 1) // self.requests * float(self.seconds)


@contextmanager
def fake(
    keys: int, *, latency: float = 0.0, limit: Limit | None = None, stamped: bool = False
) -> Iterator[FakeProcess]:
    """A fake API with so many sessions, `stamped`: written by a session store."""
    words = ["--keys", str(keys), "--latency", str(latency), *(["--stamped"] if stamped else [])]
    if limit is not None:
        words += ["--rate", str(limit), "--block", str(limit.seconds)]
    with FakeProcess(*words) as process:
        yield process


def environment(server: FakeProcess) -> Mapping[str, str]:
    """What tells kvferry and the SDK where the server is."""
    return {
        "CLOUDFLARE_API_BASE_URL": server.url,
        "CLOUDFLARE_BASE_URL": server.url,
        "CLOUDFLARE_API_TOKEN": server.token,
    }


def wait_for(server: FakeProcess, requests: int, seconds: float) -> None:
    """Wait until the server has admitted so many requests. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while server.stats()["requests"] < requests:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the fake API did not see {requests} requests in {seconds:.0f} s")
        time.sleep(0.02)


def ceiling(server: FakeProcess, *, threads: int = 16, seconds: float = 3.0) -> float:
    """Bulk gets of 100 keys per second that the server gives to a client that does not look at them."""
    with _connection(server) as first:
        names = [item["name"] for item in json.loads(_ask(first, server, "GET", "/keys?limit=100"))["result"]]
    body = json.dumps({"keys": names, "type": "text", "withMetadata": True}).encode()
    counts = [0] * threads
    end = time.monotonic() + seconds

    def work(number: int) -> None:
        with _connection(server) as connection:
            while time.monotonic() < end:
                _ask(connection, server, "POST", "/bulk/get", body)
                counts[number] += 1

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(counts) / seconds


@contextmanager
def _connection(server: FakeProcess) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=20)
    try:
        yield connection
    finally:
        connection.close()


def _ask(
    connection: http.client.HTTPConnection, server: FakeProcess, method: str, path: str, body: bytes = b""
) -> bytes:
    base = f"{urlsplit(server.url).path}/accounts/{server.account}/storage/kv/namespaces/{server.namespace}"
    headers: dict[str, Any] = {"Authorization": f"Bearer {server.token}"}
    connection.request(method, base + path, body, headers)
    return connection.getresponse().read()
