"""What all documents share: the envelope that names schema, version and tool, and how times are written."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from migrate import __version__

Document = dict[str, Any]
"""A report as it goes to JSON: plain dictionaries, lists, text, numbers, booleans and None."""

Options = Mapping[str, object]
"""Command-line options by name, without dashes: text, numbers, True, or lists of these."""


def schema_id(name: str, version: int) -> str:
    """The identifier of a document's schema: its file is migrate/schemas/NAME.vVERSION.json."""
    return f"urn:kvferry:schema:{name}:{version}"


def envelope(name: str, version: int) -> Document:
    """The members that every document begins with."""
    return {
        "$schema": schema_id(name, version),
        "schema": f"kvferry/{name}",
        "version": version,
        "tool": {"name": "kvferry", "version": __version__},
    }


def moment(unix: float) -> Document:
    """A time, for programs and for people: Unix seconds and ISO 8601 in UTC."""
    return {"unix": round(unix, 3), "iso": iso(unix)}


def iso(unix: float) -> str:
    """`2026-11-20T06:41:00Z`; the bare number when no calendar reaches that far."""
    try:
        return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{unix:.0f}"


def command(
    verb: str, source: str, target: str | None, prefixes: Sequence[str], options: Options | None = None
) -> str:
    """A complete `kvferry` command line, quoted for a POSIX shell; the options as of `naming`."""
    return f"kvferry {verb} {naming(source, target, prefixes, options)}"


def naming(source: str, target: str | None, prefixes: Sequence[str], options: Options | None = None) -> str:
    """The options that name two stores, and more, quoted for a POSIX shell.

    Options that are None or False are left out, True is a bare flag, a list repeats its option.
    """
    words = ["--source", source]
    if target is not None:
        words += ["--target", target]
    for prefix in prefixes:
        words += ["--prefix", prefix]
    for name, value in (options or {}).items():
        values = value if isinstance(value, list | tuple) else [value]
        for one in values:
            if one is None or one is False:
                continue
            words.append("--" + name.replace("_", "-"))
            if one is not True:
                words.append(str(one))
    return shlex.join(words)
