"""`--schema`: says which session payloads must not be copied, and why, without showing them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson

from migrate.core.copying import Validate
from migrate.errors import ConfigError

SAMPLE = Path(__file__).parent / "schemas" / "spotify-session.v1.json"
"""The JSON Schema of a Spotify session, as an example to start from."""


def load(path: Path) -> tuple[Validate, str]:
    """The validator for a JSON Schema file and the file's digest, which is part of the run's name.

    Raises ConfigError when the file cannot be read or is no JSON Schema.
    """
    try:
        text = path.read_bytes()
        schema = orjson.loads(text)
    except OSError as error:
        raise ConfigError(f"cannot read the schema {path}: {error.strerror}", "give --schema FILE") from None
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"the schema {path} is not JSON: {error}", "mend the file") from None
    try:
        validator = jsonschema_rs.validator_for(schema, retriever=_stay_here)
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        why = str(error).splitlines()[0]
        raise ConfigError(f"{path} is not a JSON Schema: {why}", "mend the file") from None
    return _checker(validator), hashlib.sha256(text).hexdigest()[:16]


def _stay_here(uri: str) -> Any:
    """A schema's references stay inside its file: a migration fetches nothing from elsewhere."""
    raise ValueError(f"the reference {uri} leaves the file")


def _checker(validator: jsonschema_rs.Validator) -> Validate:
    loads, valid = orjson.loads, validator.is_valid

    def check(value: bytes) -> str | None:
        try:
            payload = loads(value)
        except orjson.JSONDecodeError:
            return "not JSON"
        return None if valid(payload) else _reason(validator, payload)

    return check


def _reason(validator: jsonschema_rs.Validator, payload: object) -> str:
    """Which keyword of the schema failed, by the schema's own path: no part of the payload."""
    for error in validator.iter_errors(payload):
        return "does not satisfy the schema at /" + "/".join(str(step) for step in error.schema_path)
    return "does not satisfy the schema"
