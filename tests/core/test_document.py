from __future__ import annotations

import shlex

import pytest

from migrate import __version__
from migrate.core.document import command, envelope, iso, moment


def test_the_envelope_names_schema_version_and_tool() -> None:
    document = envelope("export-report", 1)
    assert document["$schema"] == "urn:kvferry:schema:export-report:1"
    assert (document["schema"], document["version"]) == ("kvferry/export-report", 1)
    assert document["tool"] == {"name": "kvferry", "version": __version__}


def test_a_moment_is_unix_seconds_and_iso_in_utc() -> None:
    assert moment(1_763_620_860.1234) == {"unix": 1_763_620_860.123, "iso": "2025-11-20T06:41:00Z"}


@pytest.mark.parametrize("far", [1e15, -1e15])
def test_a_time_that_no_calendar_reaches_is_still_written(far: float) -> None:
    assert iso(far) == f"{far:.0f}"


def test_a_command_is_quoted_for_the_shell_and_parses_back() -> None:
    line = command(
        "export",
        "dump:my file.ndjson",
        "sqlite:$HOME/x.db",
        ["a b:", "c'd:"],
        {
            "schema": "s.json",
            "exact": True,
            "fresh": False,
            "rate": None,
            "output": ["json=r"],
            "dry_run": True,
        },
    )
    assert shlex.split(line) == [
        *("kvferry", "export", "--source", "dump:my file.ndjson", "--target", "sqlite:$HOME/x.db"),
        *("--prefix", "a b:", "--prefix", "c'd:", "--schema", "s.json", "--exact", "--output", "json=r"),
        "--dry-run",
    ]
