"""`kvferry audit --write-baseline`: what is found now is written down, and is not shown from now on."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from migrate.errors import ConfigError

if TYPE_CHECKING:
    from audits.auditing import Audit


def check(file: Path | None, *, without: str) -> None:
    """Raises ConfigError before any work is done when the file cannot be written. `without`: a word
    with which an audit does not show all findings that are in the files, "" when there is none."""
    if file is None:
        return
    if without:
        raise ConfigError(
            f"--write-baseline and {without} exclude each other", "write the baseline of all that there is"
        )
    if file.is_dir():
        raise _unwritable(file, "it is a folder")
    if not file.parent.is_dir():
        raise _unwritable(file, "there is no such folder")


def write(found: Audit, file: Path, *, quiet: bool) -> Audit:
    """Write the baseline, and return the audit as it is with it."""
    from audits.auditing import accepted
    from audits.formats.wording import plural

    done = accepted(found, str(file))
    assert done.request.baseline is not None
    try:
        _replace(file.resolve(), done.request.baseline.text())
    except OSError as error:
        raise _unwritable(file, (error.strerror or "error").lower()) from error
    if not quiet:
        many = plural(len(done.request.baseline.known), "finding")
        click.echo(
            f"wrote {many} to {file}: {len(found.findings):,} new, {len(found.stale):,} gone and dropped",
            err=True,
        )
    return done


def _replace(path: Path, text: str) -> None:
    """All of it or nothing; unlike a report it is no secret, because it is to be committed."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        unfinished.write_text(text, encoding="utf-8", newline="\n")
        unfinished.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            unfinished.unlink()


def _unwritable(file: Path, reason: str) -> ConfigError:
    return ConfigError(f"{file} cannot be written: {reason}", "choose another file for --write-baseline")
