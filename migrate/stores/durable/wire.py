"""The bridge's documents: each answer held against the schema, rows and records as they travel.

The wire is migrate/schemas/bridge-wire.v1.json. That a value is base64 is found out by decoding it,
not by the schema's pattern, which would need a step for every four characters of it.
"""

from __future__ import annotations

import base64
import binascii
import functools
from importlib import resources
from typing import Any

import jsonschema_rs
import orjson

from migrate.core.ports import Replacement
from migrate.core.record import NEVER, Change, Content, Digest, Key, Origin, Record, Row, Unseen, digest_text
from migrate.errors import StoreBroken

PROTOCOL = 1
KEY_BYTES = 512
METADATA_BYTES = 8192
LATEST = 253_402_300_799
"""The end of the year 9999, in Unix seconds."""

Document = dict[str, Any]


@functools.cache
def _validator(definition: str) -> jsonschema_rs.Validator:
    schemas = resources.files("migrate") / "schemas"
    schema = orjson.loads((schemas / "bridge-wire.v1.json").read_bytes())
    del schema["$defs"]["value"]["pattern"]
    return jsonschema_rs.validator_for({**schema, "$ref": f"#/$defs/{definition}"})


def is_valid(definition: str, document: object) -> bool:
    """Is this one of the wire's documents, such as "import.answer"?"""
    return _validator(definition).is_valid(document)


def row_of(sent: Document) -> Row:
    """A row with its value. Raises StoreBroken when digest or length are not those of the value."""
    value = None if sent["value"] is None else _decoded(sent["value"])
    expected = None if value is None else digest_text(value)
    if sent["digest"] != expected or sent["bytes"] != len(value or b""):
        raise StoreBroken("the bridge sent a value that its digest does not fit", "report it")
    return _row(sent, value)


def head_of(sent: Document) -> Row:
    """A row whose value is unseen; the object has computed its digest from what it holds.

    Raises StoreBroken for one that is neither a value nor a tombstone, or both.
    """
    digest = sent["digest"]
    if (digest is None) != (sent["tombstone"] is not None) or (digest is None and sent["bytes"] != 0):
        raise StoreBroken("the bridge sent a row that is neither a session nor a deleted one", "report it")
    if digest is None:
        return _row(sent, None)
    return _row(sent, Unseen(Digest(base64.urlsafe_b64decode(digest + "==")), sent["bytes"]))


def changes_of(sent: Document, ahead: float) -> tuple[Change, ...]:
    """The last changes of a row; `ahead`: how far the object's clock is ahead of ours."""
    return tuple(Change(one["version"], one["at"] - ahead) for one in sent["changes"])


def _row(sent: Document, value: Content) -> Row:
    expiration = NEVER if sent["expiration"] is None else sent["expiration"]
    origin = Origin(sent["origin"])
    return Row(Key(sent["key"]), value, sent["metadata"], expiration, origin, sent["version"], sent["sweep"])


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise StoreBroken("the bridge sent a value that is not base64", "report it") from None


def sent_record(record: Record) -> Document:
    """A record as an import takes it; its expiration is known."""
    return {
        "key": record.key,
        "value": base64.b64encode(record.value).decode("ascii"),
        "metadata": record.metadata,
        "expiration": record.expiration if isinstance(record.expiration, int) else None,
    }


def sent_replacement(wanted: Replacement, ahead: float) -> Document:
    """A replacement as an import takes it; `ahead`: how far the object's clock is ahead of ours."""
    not_after = min(max(wanted.not_after + ahead, 0.0), float(LATEST))
    sent = {**sent_record(wanted.record), "version": wanted.version, "notAfter": not_after}
    # Unsaid where it is not needed: a bridge that is older does not know it.
    return {**sent, "legacy": True} if wanted.legacy else sent


def unfit(record: Record, prefix: str, most: int) -> str | None:
    """Why no object can hold this record, or None. `prefix` is the bridge's, `most` in bytes."""
    if len(record.value) > most:
        return f"its value is longer than {most} bytes, the most that a Durable Object holds in one row"
    if len(record.key) <= len(prefix):
        return "its name is empty: nothing follows the prefix"
    if len(record.key.encode()) > KEY_BYTES:
        return f"its key is longer than {KEY_BYTES} bytes"
    if record.metadata is not None and len(record.metadata.encode()) > METADATA_BYTES:
        return f"its metadata is longer than {METADATA_BYTES} bytes"
    if isinstance(record.expiration, int) and not 0 <= record.expiration <= LATEST:
        return "its expiration lies beyond the year 9999, or before 1970"
    return None
