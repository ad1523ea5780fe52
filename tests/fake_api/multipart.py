"""The one kind of form that the API takes: multipart/form-data with a value and its metadata."""

from __future__ import annotations

import re

from tests.fake_api.wire import Refusal


def parse_form(content_type: str, body: bytes) -> dict[str, bytes]:
    """Part name -> content, byte for byte. Raises Refusal 400 when it is no such form."""
    found = re.search(r'boundary="?([^";]+)"?', content_type)
    if found is None:
        raise Refusal(400, 10001, "multipart form without a boundary")
    parts: dict[str, bytes] = {}
    for chunk in (b"\r\n" + body).split(b"\r\n--" + found[1].encode())[1:]:
        if chunk.startswith(b"--"):
            return parts
        head, blank, content = chunk.partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]*)"', head)
        if not blank or name is None:
            break
        parts[name[1].decode()] = content
    raise Refusal(400, 10001, "multipart form is broken")
