from __future__ import annotations

import io
import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from migrate.core.document import Document, schema_id
from migrate.core.fingerprint import Fingerprints
from migrate.errors import ConfigError
from migrate.formats import report
from migrate.formats.export import ExportFacts, build_export
from migrate.formats.verify import VerifyFacts, build_verify
from tests.formats.conftest import PLANTED

NAMES = sorted(report.RENDERERS)


@pytest.fixture
def document(exported: ExportFacts, fingerprints: Fingerprints) -> Document:
    return build_export(exported, fingerprints)


@pytest.mark.parametrize("name", NAMES)
def test_every_document_has_a_schema_that_is_one(name: str) -> None:
    schema = report.schema(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == schema_id(name, 1)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_leaves_no_object_open(name: str) -> None:
    def objects(node: Any) -> list[dict[str, Any]]:
        if isinstance(node, list):
            return [found for item in node for found in objects(item)]
        if not isinstance(node, dict):
            return []
        mine = [node] if node.get("type") == "object" else []
        return mine + [found for item in node.values() for found in objects(item)]

    found = objects(report.schema(name))
    assert len(found) > 3
    assert all("additionalProperties" in node for node in found)


def test_what_is_written_as_json_reads_back_the_same(
    document: Document, differing: VerifyFacts, fingerprints: Fingerprints, tmp_path: Path
) -> None:
    for one in (document, build_verify(differing, fingerprints)):
        stream = io.StringIO()
        report.write(one, "json", stream)
        path = tmp_path / "report.json"
        path.write_text(stream.getvalue())
        assert report.read(path, report.name_of(one)) == one


def forget_state(document: Document) -> None:
    del document["state"]


def change_tally(document: Document) -> None:
    document["tally"]["copied"] += 1


def fail_quietly(document: Document) -> None:
    change_tally(document)
    document.update(balanced=False, exit=0)


def show_a_key(document: Document) -> None:
    document["failed"]["samples"][0]["fingerprint"] = PLANTED


def add_a_value(document: Document) -> None:
    document["failed"]["samples"][0]["value"] = PLANTED


@pytest.mark.parametrize("spoil", [forget_state, change_tally, fail_quietly, show_a_key, add_a_value])
def test_a_document_that_breaks_its_schema_or_account_is_refused_without_being_quoted(
    document: Document, spoil: Callable[[Document], None]
) -> None:
    report.validate(document, "export-report")
    broken = deepcopy(document)
    spoil(broken)
    with pytest.raises(ConfigError) as caught:
        report.validate(broken, "export-report")
    assert PLANTED not in caught.value.message + caught.value.hint


def test_a_newer_version_asks_for_an_upgrade(document: Document, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(json.dumps({**document, "version": 2}))
    with pytest.raises(ConfigError, match="version 2") as caught:
        report.read(path, "export-report")
    assert "upgrade" in caught.value.hint


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b"[]", b"null", b'{"schema": 1}']
)
def test_a_file_that_is_no_report_is_one_clear_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        report.read(path, "verify-report")
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        report.read(tmp_path / "none.json", "verify-report")


def test_one_document_is_not_taken_for_another(document: Document) -> None:
    with pytest.raises(ConfigError):
        report.validate(document, "verify-report")


def test_a_format_that_a_document_does_not_have_is_refused_with_those_it_has(document: Document) -> None:
    assert report.formats("export-report") == ("text", "json")
    with pytest.raises(ConfigError) as caught:
        report.render(document, "junit")
    assert caught.value.hint == "choose one of text, json"
