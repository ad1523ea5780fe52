"""Requests as the tests send them: short to write, complete on the wire."""

from __future__ import annotations

import base64
import itertools
import time
from typing import Any

import httpx

from tests.edge.edge import PREFIX, VALIDATORS

_names = itertools.count(1)


def fresh(word: str = "s") -> str:
    """A session id that no other test uses; in byte order they are in the order of being made."""
    return f"{word}-{next(_names):06}"


def record(session: str, value: bytes = b'{"v":1}', **changes: Any) -> dict[str, Any]:
    """A record of a session that lives for an hour."""
    given = {
        "key": PREFIX + session,
        "value": base64.b64encode(value).decode(),
        "metadata": None,
        "expiration": int(time.time()) + 3600,
    }
    return given | changes


def importing(*records: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An import of these records, under a batch name of its own."""
    given: dict[str, Any] = {
        "sweep": 1,
        "batch": fresh("batch"),
        "notAfter": time.time() + 300,
        "differing": "waiting_to_settle",
        "records": list(records),
        "replacements": [],
        "expect": [],
        "checkpoint": None,
        "notes": [],
        "forget": [],
    }
    return given | changes


def checkpoint(name: str, body: str = "at 1", **tally: int) -> dict[str, Any]:
    """The note that an import saves with its rows."""
    return {"name": name, "body": body, "tally": tally}


def burying(*sessions: str, **changes: Any) -> dict[str, Any]:
    """Burials of these sessions as they were inserted, under a batch name of their own."""
    rows = [{"key": key(session), "version": 1} for session in sessions]
    given = {"batch": fresh("bury"), "notAfter": time.time() + 300, "expect": [], "rows": rows}
    return given | changes


def key(session: str) -> str:
    """The whole key of a session."""
    return PREFIX + session


def problem(answer: httpx.Response, name: str) -> httpx.Response:
    """The answer itself, which must be this problem."""
    VALIDATORS["problem"].validate(answer.json())
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["status"] == answer.status_code
    assert answer.json()["type"] == f"urn:kvferry:problem:{name}"
    return answer
