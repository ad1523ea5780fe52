"""Brings every shape of a dump to one: lines of bulk-put items in an open file.

    NDJSON                 one bulk-put item per line: read where it is
    NDJSON, gzipped        unpacked
    JSON array             of bulk-put items: one line each
    bulk get               {key: "v"} or {key: {value, metadata?, expiration?}}, with or without a key
                           list: one line each; older wranglers print `Success!` behind it

All but the first go through a spool: a temporary file without a name, mode 0600. What is wrong
is reported by its line in the original. The shape is seen in the content; only an object may be
two things, and is NDJSON when it is named .ndjson or .jsonl, or when its first member is one of
a bulk-put item's, and a bulk get otherwise.

A bulk get says when a session expires only in newer forms, and never that one does not: an
expiration that is missing there is unknown, and refused unless a key list or `assume_never`
answers for it. Where both the bulk get and the key list speak of expiration or metadata, the
bulk get counts: its answer came with the value. A key with a null value, or that the list has and
the bulk get has not, was gone by then: it stays listed, without a value.
"""

from __future__ import annotations

import enum
import gzip
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

import orjson

from migrate.errors import ConfigError
from migrate.stores.dump.item import MEMBERS, ItemError, metadata_text, parse
from migrate.stores.dump.keylist import KeyList
from migrate.stores.dump.lines import no_room
from migrate.stores.dump.walk import Walker, WalkError

_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_BULK_GET_MEMBERS = frozenset(("value", "metadata", "expiration"))


class Shape(enum.Enum):
    """What a dump's file can be."""

    NDJSON = "NDJSON"
    ARRAY = "JSON array"
    BULK_GET = "bulk get"


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator says about a dump that the dump does not say itself."""

    keys: Path | None = None
    assume_never: bool = False


@dataclass(slots=True)
class Lines:
    """An open file with one bulk-put item per line from `start` on.

    It is the dump, or a temporary copy, whose line numbers are not the dump's: ask `place`.
    `unjoined`: how many items have no value.
    """

    path: Path
    file: BinaryIO
    start: int
    shape: Shape
    unjoined: int = 0

    def place(self, number: int) -> str:
        """Where line `number` of the file is in the dump, in words."""
        if self.shape is Shape.NDJSON:
            return f"line {number}"
        with _content(self.path) as stream:
            walker = Walker(stream)
            lines = (
                (line for _, line in walker.elements())
                if self.shape is Shape.ARRAY
                else (line for _, _, line in walker.members())
            )
            return f"line {next(islice(lines, number - 1, None))} (item {number})"


def open_lines(path: Path, options: Options) -> Lines:
    """Open a dump and bring it to lines. The items themselves are not checked here.

    Raises ConfigError, with the line, for what is not a dump; StoreUnavailable when there is no
    room for the spool.
    """
    try:
        return _open_lines(path, options)
    except FileNotFoundError as error:
        raise ConfigError(f"no such file: {error.filename}", "dump:FILE names a file") from None
    except (IsADirectoryError, PermissionError) as error:
        raise ConfigError(
            f"cannot read {error.filename}: {error.strerror}", "dump:FILE names a file"
        ) from None
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise ConfigError(f"{path.name} is damaged, or its end is missing", "make the dump again") from None


def refusal(path: Path, place: str, error: ItemError) -> ConfigError:
    """What the operator reads about a malformed item."""
    return ConfigError(f"{path.name} {place}: {error.reason}", error.hint or "mend that place of the dump")


def _open_lines(path: Path, options: Options) -> Lines:
    with _content(path) as stream:
        shape = _shape(path, stream, options)
    if options.keys is not None and shape is not Shape.BULK_GET:
        raise ConfigError(
            f"{path.name} is a {shape.value} of items, which needs no key list", f"use dump:{path} alone"
        )
    file = open(path, "rb")  # noqa: SIM115 # handed on; closed below when nothing comes of it
    try:
        if shape is Shape.NDJSON and file.read(2) != _GZIP:
            file.seek(0)
            return Lines(path, file, len(_BOM) if file.read(3) == _BOM else 0, shape)
    except BaseException:
        file.close()
        raise
    file.close()
    return _spool(path, shape, options)


def _spool(path: Path, shape: Shape, options: Options) -> Lines:
    spool = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 # handed on
    lines = Lines(path, spool, 0, shape)
    try:
        with _content(path) as stream:
            if shape is Shape.NDJSON:
                shutil.copyfileobj(stream, spool, 1 << 18)
            elif shape is Shape.ARRAY:
                spool.writelines(_array(path, stream))
            else:
                lines.unjoined = _write_bulk_get(path, stream, options, spool)
        spool.flush()
    except OSError as error:
        spool.close()
        if isinstance(error, gzip.BadGzipFile) or error.filename is not None:
            raise
        raise no_room(error) from None
    except BaseException:
        spool.close()
        raise
    return lines


@contextmanager
def _content(path: Path) -> Iterator[BinaryIO]:
    """The file's bytes, unpacked if need be, behind the byte order mark if there is one."""
    with open(path, "rb") as raw:
        packed = raw.read(2) == _GZIP
        raw.seek(0)
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=raw) if packed else raw)
        if stream.read(3) != _BOM:
            stream.seek(0)
        yield stream


def _shape(path: Path, stream: BinaryIO, options: Options) -> Shape:
    walker = Walker(stream)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    lined = ".ndjson" in suffixes or ".jsonl" in suffixes
    try:
        first = walker.peek()
        if first == "[":
            return Shape.ARRAY
        if first == "{" and not lined:
            name = walker.first_name()
            is_item = options.keys is None and name is not None and orjson.loads(name) in MEMBERS
            return Shape.NDJSON if is_item else Shape.BULK_GET
    except (WalkError, orjson.JSONDecodeError):
        return Shape.NDJSON  # malformed: the check of line 1 says how
    if first != "{" and not (lined and first == ""):
        raise ConfigError(
            f"{path.name} is {'empty' if first == '' else 'not JSON'}",
            "a dump is NDJSON, a JSON array of bulk-put items, or what `wrangler kv bulk get` printed",
        )
    return Shape.NDJSON


def _array(path: Path, stream: BinaryIO) -> Iterator[bytes]:
    """Each item of a JSON array on a line of its own."""
    walker = Walker(stream)
    try:
        for number, (raw, line) in enumerate(walker.elements()):
            if number == 0:
                _refuse_key_list(path, raw, f"line {line} (item 1)")
            # a line end inside of an item stands between two of its parts: white space
            yield raw.replace(b"\n", b" ") + b"\n"
        if walker.rest():
            walker.fail("something follows the end of the array")
    except WalkError as error:
        raise refusal(path, f"line {error.line}", ItemError(error.reason)) from None


def _refuse_key_list(path: Path, raw: bytes, place: str) -> None:
    try:
        item = parse(raw)
    except ItemError as error:
        names = ItemError("a list of names has no values", "get them with `wrangler kv bulk get`")
        raise refusal(path, place, names if raw.startswith(b'"') else error) from None
    if "name" in item and "key" not in item:
        raise ConfigError(
            f"{path.name} is a key list: it has no values",
            f"get the values with `wrangler kv bulk get`, then use dump:VALUES.json?keys={path.name}",
        )


def _write_bulk_get(path: Path, stream: BinaryIO, options: Options, spool: BinaryIO) -> int:
    """Write a bulk get as lines; returns how many of them have no value."""
    unjoined = 0
    keys = None if options.keys is None else KeyList(options.keys.name)
    try:
        if keys is not None and options.keys is not None:
            with _content(options.keys) as listing:
                keys.fill(listing)
        for line, is_gone in _bulk_get(path, Walker(stream), keys, options.assume_never):
            spool.write(line)
            unjoined += is_gone
        for name, expiration, metadata in keys.left() if keys is not None else ():
            spool.write(_line(orjson.dumps(name), b"null", expiration, metadata))
            unjoined += 1
    finally:
        if keys is not None:
            keys.close()
    return unjoined


def _bulk_get(
    path: Path, walker: Walker, keys: KeyList | None, assume_never: bool
) -> Iterator[tuple[bytes, bool]]:
    """Each member of a bulk get as a line, and whether its value is gone."""
    place = ""
    try:
        for number, (name, raw, line) in enumerate(walker.members(), 1):
            place = f"line {line} (item {number})"
            yield _joined(name, raw, keys, assume_never)
        if walker.rest() not in (b"", b"Success!"):
            walker.fail("something follows the end of the bulk get")
    except ItemError as error:
        raise refusal(path, place, error) from None
    except WalkError as error:
        raise refusal(path, f"line {error.line}", ItemError(error.reason)) from None


def _joined(name: bytes, raw: bytes, keys: KeyList | None, assume_never: bool) -> tuple[bytes, bool]:
    """One member of a bulk get as a line of its own."""
    answer = parse(raw) if raw.startswith(b"{") else {}
    if not answer.keys() <= _BULK_GET_MEMBERS or (raw.startswith(b"{") and "value" not in answer):
        raise ItemError("not {value, metadata?, expiration?}, as a bulk get has it")
    value = orjson.dumps(answer["value"]) if answer else raw
    gone = value == b"null"
    if not gone and not value.startswith(b'"'):
        raise ItemError("value is not a string")
    expiration = answer.get("expiration")
    metadata = metadata_text(answer.get("metadata"), raw)
    if keys is not None:
        try:
            listed = keys.take(orjson.loads(name))
        except orjson.JSONDecodeError as error:
            raise ItemError(f"key is not JSON ({error.msg})") from None
        if listed is None:
            raise ItemError(
                f"its key is not in {keys.name}, which alone says when it expires",
                "list the keys again and get their values again, in this order",
            )
        expiration = listed.expiration if expiration is None else expiration
        metadata = metadata if "metadata" in answer else listed.metadata
    elif expiration is None and not gone and not assume_never:
        raise ItemError(
            "a bulk get does not say when this session expires",
            "join it with its key list, dump:VALUES.json?keys=KEYS.json, or say --assume-never",
        )
    return _line(name, value, expiration, metadata), gone


def _line(name: bytes, value: bytes, expiration: object, metadata: str | None) -> bytes:
    parts = [b'{"key":', name, b',"value":', value]
    if expiration is not None:
        parts += [b',"expiration":', orjson.dumps(expiration)]
    if metadata is not None:
        parts += [b',"metadata":', metadata.encode()]
    parts.append(b"}\n")
    return b"".join(parts)
