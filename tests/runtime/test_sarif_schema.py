"""The SARIF that audits write, against the schema that OASIS published, which an npm package holds."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from audits.auditing import Request, audit
from audits.formats import render
from audits.report import Report
from audits.revision import Revision
from tests.runtime.install import install

SOURCE = """
const save = (kv: KVNamespace, k: string, ttl?: number) => kv.put(k, "1", ttl ? { expirationTtl: ttl } : {});
export const a = (env: Env) => save(env.SESSIONS_KV, `session:${sid}`, 30);
export const b = (env: Env) => save(env.SESSIONS_KV, "b");
// kvferry: ignore[nothing] x
"""


@pytest.fixture(scope="module")
def validator() -> Draft7Validator:
    folder = install() / "@microsoft" / "jest-sarif" / "lib" / "schemas"
    return Draft7Validator(json.loads((folder / "sarif-2.1.0-rtm.5.json").read_text()))


@pytest.mark.parametrize("exit_code", [1, 3])
def test_the_log_keeps_the_published_schema(
    validator: Draft7Validator, tmp_path: Path, exit_code: int
) -> None:
    if exit_code == 1:
        (tmp_path / "a b.ts").write_text(SOURCE)
        (tmp_path / "bad.ts").write_bytes(b"\xff\xfe")
    found = audit(Request(tmp_path))
    log = json.loads(render(Report(found, Revision(None, None, "x/"), "1.2.3", exit_code), "sarif"))
    assert [error.message for error in validator.iter_errors(log)] == []
    assert len(log["runs"][0]["results"]) == (0 if exit_code == 3 else len(found.findings))
    assert (len(found.findings) >= 3) == (exit_code == 1)
    log["runs"][0]["results"].append({})
    assert [error.validator for error in validator.iter_errors(log)] == ["required"]
