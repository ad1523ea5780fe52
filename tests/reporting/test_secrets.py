"""No session id, no value and no key of a bridge is in a report, in no form that gives it away."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from migrate.core.document import Document
from migrate.core.record import digest_text
from migrate.formats import report
from migrate.main import run
from tests.flows.shell import PREFIX

STORES = ["--source", "dump:sessions.ndjson", "--target", "sqlite:sessions.db"]
IDS = (
    "planted-3f9c2d01",
    "<script>alert('id-77aa')</script>",
    "</style>id-91bc",
    "\"quoted'id-53fe\\",
    "id with spaces&amp;é-ü-42",
    "{{id-7*7}}|`tick-11`",
)
VALUES = (
    '{"user": "planted-value-88ee"}',
    "<script>steal('value-12cd')</script>",
    "</style></title>value-99ab",
    "\"value-44'\\",
    "valeur-é-2b2b",
    "{{value-6*6}}",
)
OTHERS = ("changed-value-7711", "another-planted-0099")
BRIDGE_KEY = "kvb1.eyJ2IjoxfQ.planted-bridge-signature-5522"
FORMATS = ("html", "markdown", "json")


def forms(secret: str) -> Iterator[str]:
    """As it is, escaped, encoded, and hashed without a secret."""
    data = secret.encode()
    yield secret
    yield html.escape(secret)
    yield html.escape(secret, quote=False)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield quote(secret)
    yield quote(secret, safe="")
    yield data.hex()
    for shift in range(3):  # inside of something longer, base64 begins at any of three places
        coded = base64.b64encode(b"\0" * shift + data).decode().rstrip("=")
        yield coded[4 if shift else 0 : -2]
        yield coded[4 if shift else 0 : -2].replace("+", "-").replace("/", "_")
    for name in ("md5", "sha1", "sha256"):
        found = hashlib.new(name, data)
        yield found.hexdigest()[:16]
        yield base64.urlsafe_b64encode(found.digest()).decode()[:16]
        yield base64.b64encode(found.digest()).decode()[:16]
    yield digest_text(data)


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The outputs of a report on a real export, verifies and gates of such sessions."""
    monkeypatch.chdir(tmp_path)
    for name in ("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KVFERRY_BRIDGE_KEY", BRIDGE_KEY)
    source = tmp_path / "sessions.ndjson"

    def hold(values: tuple[str, ...]) -> None:
        items = [
            {"key": PREFIX + one, "value": value, "expiration": 4_000_000_000 + at, "metadata": {"of": value}}
            for at, (one, value) in enumerate(zip(IDS, values, strict=True))
        ]
        source.write_text("".join(json.dumps(item) + "\n" for item in items))

    hold(VALUES)
    assert run(["export", *STORES, "--quiet"]) == 0
    assert run(["verify", *STORES, "--quiet"]) == 0
    hold((OTHERS[0], *VALUES[1:-1], OTHERS[1]))
    Path("schema.json").write_text('{"type": "object", "required": ["user", "planted-field-6633"]}')
    assert run(["export", *STORES, "--schema", "schema.json", "--quiet"]) == 1
    assert run(["verify", *STORES, "--quiet"]) == 1
    for door, code in (("object-first", 1), ("object-only", 3), ("cleanup", 3)):
        waive = ["--waive", "audit-clean", "--reason", "looked at by hand"]
        assert run(["gate", "--for", door, *STORES, *waive, "--quiet"]) == code
    assert run(["evidence", "export", *STORES, "--output", "json=evidence.json"]) == 0
    files = [word for fmt in FORMATS for word in ("--output", f"{fmt}=ledger.{fmt}")]
    assert run(["report", *STORES, *files]) == 0
    files = [word for fmt in FORMATS for word in ("--output", f"{fmt}=bundle.{fmt}")]
    assert run(["report", "--evidence", "evidence.json", *files]) == 0
    return {
        f"{place}.{fmt}": Path(f"{place}.{fmt}").read_text()
        for place in ("ledger", "bundle")
        for fmt in FORMATS
    }


def test_no_output_holds_a_session_in_any_form(
    written: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    secrets = [*IDS, *(PREFIX + one for one in IDS), *VALUES, *OTHERS, BRIDGE_KEY]
    looked_for = {form for secret in secrets for form in forms(secret)}
    assert len(looked_for) > 300
    told = capsys.readouterr()
    for name, text in {**written, "out": told.out, "err": told.err}.items():
        assert [form for form in looked_for if form in text] == [], name


def test_what_is_looked_for_would_be_found(written: dict[str, str]) -> None:
    assert all(form in Path("sessions.ndjson").read_text() for form in (json.dumps(IDS[3])[1:-1], IDS[0]))
    coded = base64.b64encode(b"xy" + PREFIX.encode() + IDS[0].encode() + b"z").decode()
    assert any(form in coded for form in forms(IDS[0]))
    assert any(IDS[0].encode() in path.read_bytes() for path in Path(".kvferry").iterdir())


def test_the_reports_are_of_these_sessions(written: dict[str, str]) -> None:
    document: Document = json.loads(written["bundle.json"])
    report.validate(document, "report")
    assert [one["listed"] for one in document["exports"]] == [len(IDS), len(IDS)]
    assert document["exports"][0]["quarantined"]["count"] == len(IDS)
    assert sum(one["keys"] for one in document["exports"][0]["quarantined"]["reasons"]) == len(IDS)
    assert [one["against"] for one in document["verifies"]] == [2, 0]
    assert [one["verdict"] for door in document["doors"] for one in door["verdicts"]] == [
        "shut",
        "unproven",
        "unproven",
    ]
    for text in written.values():
        assert "looked at by hand" in text
