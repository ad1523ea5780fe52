"""Documents in and out: chosen format, schema checked whenever one is read.

build_export, build_verify, status_document ─ document ─▶ render(format) ─▶ text, json, junit
a JSON file ─▶ read(name) ─▶ document
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import IO, Any

from migrate.core.document import Document
from migrate.errors import ConfigError
from migrate.formats.bridge_check import bridge_check_text
from migrate.formats.cleanup import cleanup_text
from migrate.formats.junit import verify_junit
from migrate.formats.key_check import check_text
from migrate.formats.markdown import verdict_markdown, verify_markdown
from migrate.formats.plan_text import plan_text
from migrate.formats.rekey import rekey_text
from migrate.formats.repair import repair_text
from migrate.formats.review.html import html_text
from migrate.formats.review.markdown import markdown_text
from migrate.formats.rollback import rollback_text
from migrate.formats.smoke import smoke_text
from migrate.formats.text import export_text, status_text, verify_text
from migrate.formats.verdict import verdict_text


def json_text(document: Document) -> str:
    """Indented JSON, members in the order of the schema, non-ASCII as it is."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


RENDERERS: dict[str, dict[str, Callable[[Document], str]]] = {
    "export-report": {"text": export_text, "json": json_text},
    "verify-report": {
        "text": verify_text,
        "json": json_text,
        "junit": verify_junit,
        "markdown": verify_markdown,
    },
    "status": {"text": status_text, "json": json_text},
    "plan": {"text": plan_text, "json": json_text},
    "smoke": {"text": smoke_text, "json": json_text},
    "verdict": {"text": verdict_text, "json": json_text, "markdown": verdict_markdown},
    "evidence": {"json": json_text},
    "report": {"markdown": markdown_text, "html": html_text, "json": json_text},
    "rekey-report": {"text": rekey_text, "json": json_text},
    "cleanup-report": {"text": cleanup_text, "json": json_text},
    "repair-report": {"text": repair_text, "json": json_text},
    "rollback-report": {"text": rollback_text, "json": json_text},
    "key-check": {"text": check_text, "json": json_text},
    "bridge-check": {"text": bridge_check_text, "json": json_text},
}
"""For each document its formats, the default first."""


def formats(name: str) -> tuple[str, ...]:
    """The formats that a document can be written in, the default first."""
    return tuple(RENDERERS[name])


def name_of(document: Document) -> str:
    """`export-report` for a document whose schema is `kvferry/export-report`."""
    return str(document["schema"]).removeprefix("kvferry/")


def render(document: Document, fmt: str) -> str:
    """The document in one of its formats. Raises ConfigError for one that it does not have."""
    known = RENDERERS[name_of(document)]
    if fmt not in known:
        raise ConfigError(f"there is no format {fmt!r} here", f"choose one of {', '.join(known)}")
    return known[fmt](document)


def write(document: Document, fmt: str, stream: IO[str]) -> None:
    """Write the document in one of its formats."""
    stream.write(render(document, fmt))


def read(path: Path | str, name: str) -> Document:
    """A document of this name from a JSON file. Raises ConfigError when it is none."""
    hint = f"give a file that kvferry wrote with --output json=FILE ({name})"
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise ConfigError(f"{path} cannot be read: {reason}", hint) from error
    except (ValueError, RecursionError):
        raise ConfigError(f"{path} is not JSON", hint) from None
    try:
        validate(document, name)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}", error.hint or hint) from None
    return dict(document)


def validate(document: object, name: str) -> None:
    """Raise ConfigError unless the document keeps its schema, and its own account.

    The message names the place and the rule, never what stands there.
    """
    known = schema(name)["properties"]["version"]["const"]
    if isinstance(document, dict) and document.get("schema") == f"kvferry/{name}":
        version = document.get("version")
        if isinstance(version, int) and version > known:
            raise ConfigError(
                f"it is version {version} of {name}, and this kvferry knows version {known}",
                "upgrade kvferry: pip install --upgrade kvferry",
            )
    for place, rule in _breaches(document, name):
        raise ConfigError(f"it is not a valid {name}: {place} breaks the rule {rule!r}")


def schema(name: str) -> dict[str, Any]:
    """The newest schema of a document, from migrate/schemas."""
    found: dict[str, Any] = json.loads(
        resources.files("migrate").joinpath(f"schemas/{name}.v1.json").read_text(encoding="utf-8")
    )
    return found


@functools.cache
def _validator(name: str) -> Any:
    # imported here: half of the commands read no document, and this costs 60 ms
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema(name))


def _breaches(document: object, name: str) -> Iterator[tuple[str, str]]:
    for error in sorted(_validator(name).iter_errors(document), key=lambda one: list(map(str, one.path))):
        yield "/".join(map(str, error.absolute_path)) or "the document", str(error.validator)
    if name == "export-report" and isinstance(document, dict):
        holds = document["listed"] == sum(document["tally"].values())
        if document["balanced"] and not holds:
            yield "balanced", "listed = the sum of the tally"
        if not document["balanced"] and document["exit"] == 0:
            yield "exit", "an account that does not balance is a failure"
