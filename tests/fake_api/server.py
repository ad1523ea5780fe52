"""The fake API on a socket: HTTP/1.1 with keep-alive, one thread per connection, resets on demand."""

from __future__ import annotations

import socket
import struct
import sys
import threading
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import orjson

from tests.fake_api.api import FakeApi
from tests.fake_api.control import CONTROL, control
from tests.fake_api.wire import BASE, Answer, failure, parse_call

_RESET = struct.pack("ii", 1, 0)  # linger 0: closing sends a reset instead of a farewell


class FakeServer:
    """Serves a FakeApi at `url` (with /client/v4) on 127.0.0.1 until it is closed."""

    def __init__(self, api: FakeApi, port: int = 0) -> None:
        self.api = api
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.api = api
        self.root = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.url = self.root + BASE
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> FakeServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close waits for the connections, which hang_up has ended
    request_queue_size = 128
    api: FakeApi

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End every connection, also those that wait for their next request."""
        with self._guard:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # the client was quicker

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may break off at any time; anything else is a flaw of ours, and is shown."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            self.close_connection = True
            return self._send(failure(411, 10001, "a Content-Length is needed"))
        if self.path.startswith(CONTROL):
            return self._send(control(self.server.api, self.command, self.path, body))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            call = parse_call(self.command, self.path, headers, body)
        except UnicodeDecodeError:
            return self._send(failure(400, 10001, "the path is not UTF-8"))
        return self._send(self.server.api.answer(call))

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - http.server wants these names

    def _send(self, answer: Answer) -> None:
        body = answer.bytes()
        phrase = self.responses[answer.status][0] if answer.status in self.responses else "Unknown"
        lines = [
            f"HTTP/1.1 {answer.status} {phrase}",
            f"Date: {formatdate(self.server.api.now(), usegmt=True)}",
            f"Content-Type: {answer.content_type}",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in answer.headers.items()),
        ]
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        if answer.cut is None:
            self.connection.sendall(head + body)
            return
        self.close_connection = True
        if answer.cut > 0:
            self.connection.sendall(head + body[: int(len(body) * answer.cut)])
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Be quiet: a path holds keys."""


def json_line(document: dict[str, Any]) -> str:
    """One line of JSON."""
    return orjson.dumps(document).decode()
