"""Where results go: `--format` to standard output, and every `--output NAME=FILE` to its private file."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from migrate.errors import ConfigError, MigrateError

if TYPE_CHECKING:
    from migrate.core.document import Document


@dataclass(frozen=True, slots=True)
class Output:
    """A format and the file that it goes to."""

    format: str
    path: Path


@dataclass(frozen=True, slots=True)
class Outputs:
    """What was asked for: one format for standard output, any number for files."""

    format: str
    files: tuple[Output, ...] = ()

    @classmethod
    def parse(cls, name: str, fmt: str | None, outputs: Sequence[str]) -> Outputs:
        """`fmt` is --format (None: the document's first), `outputs` are NAME=FILE words.

        Raises ConfigError before any work is done: unknown format, no such folder, a file named
        twice.
        """
        from migrate.formats.report import RENDERERS  # not needed for what `among` is for

        return cls.among(tuple(RENDERERS[name]), fmt, outputs)

    @classmethod
    def among(cls, known: Sequence[str], fmt: str | None, outputs: Sequence[str]) -> Outputs:
        """The same for formats that are not of this package; the first of `known` is the default."""
        chosen = _known(fmt or known[0], known)
        files = tuple(_parse(word, known) for word in outputs)
        paths = [one.path.absolute() for one in files]
        if len(set(paths)) < len(paths):
            raise ConfigError("two --output options name the same file", "give each its own file")
        return cls(chosen, files)

    def emit(self, document: Document, stdout: IO[str]) -> None:
        """Write the document everywhere. Standard output comes first: it cannot be re-made."""
        from migrate.formats.report import render

        self.write(lambda fmt: render(document, fmt), stdout)

    def write(self, rendered: Callable[[str], str], stdout: IO[str]) -> None:
        """Write everywhere what `rendered` makes for each format."""
        text = rendered(self.format)
        try:
            stdout.write(text)
            stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            reason = (error.strerror or "unknown error").lower()
            raise MigrateError(f"standard output cannot be written: {reason}", "write elsewhere") from error
        for one in self.files:
            write_private(one.path, rendered(one.format))


def write_private(path: Path, text: str) -> None:
    """Put the text into the file, mode 0600, all of it or nothing. Raises ConfigError."""
    path = path.resolve()
    try:
        if path.exists() and not path.is_file():  # a device or a pipe is written to, never replaced
            path.write_text(text, encoding="utf-8")
            return
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".part", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise _unwritable(path, error.strerror) from error


def _parse(word: str, known: Sequence[str]) -> Output:
    name, equals, file = word.partition("=")
    if not equals or not file:
        raise ConfigError(
            f"--output {word!r} is not NAME=FILE", f"for example --output {known[-1]}=report.{known[-1]}"
        )
    if file == "-":
        raise ConfigError("--output writes files", f"for standard output: --format {_known(name, known)}")
    path = Path(file)
    if path.is_dir():
        raise _unwritable(path, "it is a folder")
    if not path.parent.is_dir():
        raise _unwritable(path, "there is no such folder")
    if not os.access(path.parent, os.W_OK):
        raise _unwritable(path, "the folder is read-only")
    return Output(_known(name, known), path)


def _known(fmt: str, known: Sequence[str]) -> str:
    if fmt not in known:
        raise ConfigError(f"there is no format {fmt!r} here", f"choose one of {', '.join(known)}")
    return fmt


def _unwritable(path: Path, reason: str | None) -> ConfigError:
    why = (reason or "unknown error").lower()
    return ConfigError(f"{path} cannot be written: {why}", "choose another file for --output")
