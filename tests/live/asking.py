"""Asks local Workers with as little work as that takes: two hundred clients share a core with the runtime."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

_PATIENCE = 30.0
"""Seconds that an answer may take."""


class NoAnswer(Exception):
    """Nobody knows what became of a question."""


class Line:
    """Connections of one client, one to each host, opened when they are needed."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}

    async def ask(self, url: str, path: str, document: object) -> Any:
        """POST a document, and take the answer apart. Raises NoAnswer."""
        host = urlsplit(url).netloc
        body = json.dumps(document).encode()
        head = f"POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
        try:
            async with asyncio.timeout(_PATIENCE):
                reader, writer = self._open.get(host) or await self._connect(host)
                writer.write(head.encode() + body)
                await writer.drain()
                return json.loads(await _answer(reader))
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            self._drop(host)
            raise NoAnswer(type(error).__name__) from error

    async def _connect(self, host: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        name, _, port = host.partition(":")
        self._open[host] = await asyncio.open_connection(name, int(port))
        return self._open[host]

    def _drop(self, host: str) -> None:
        if (gone := self._open.pop(host, None)) is not None:
            gone[1].close()

    def close(self) -> None:
        """Close them all."""
        for host in list(self._open):
            self._drop(host)


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """The body of an answer that went well."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status, *lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readline()
    else:
        body = await reader.readexactly(int(headers["content-length"]))
    if status.split()[1] != "200":
        raise ValueError(status)
    return body
