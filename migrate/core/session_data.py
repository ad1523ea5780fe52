"""A session's data and metadata as an application gives and gets them, and as they are stored."""

from __future__ import annotations

import json
from typing import Any


def json_text(data: Any) -> str:
    """Compact JSON. Raises ValueError for NaN and infinities, TypeError for what has no JSON."""
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def decoded(raw: bytes) -> Any:
    """JSON, else text, else bytes."""
    try:
        return parsed(raw.decode())
    except UnicodeDecodeError:
        return raw


def parsed(text: str) -> Any:
    """JSON where it is, else the text itself."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
