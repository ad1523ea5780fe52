from __future__ import annotations

from pathlib import Path

import pytest

from migrate.clock import SystemClock
from migrate.formats.report import validate
from migrate.opening import Settings
from migrate.planning import plan
from tests.runtime.cases import many_seeds
from tests.runtime.runtime import LocalRuntime


@pytest.mark.parametrize("kind", ["rest", "disk"])
def test_a_plan_of_the_local_runtime_finds_its_namespace_and_counts_its_keys(
    runtime: LocalRuntime, tmp_path: Path, kind: str
) -> None:
    runtime.seed(many_seeds(30))
    settings = Settings(
        SystemClock(), tmp_path / "ledger.db", binding="SESSIONS", cwd=runtime.folder, environ={}
    )
    source = f"kv+{runtime.url}" if kind == "rest" else f"wrangler:{runtime.folder}"
    ended = plan(source, f"sqlite:{tmp_path / 's.db'}", settings=settings, prefixes=("many:",))
    validate(ended.document, "plan")
    assert (ended.exit, ended.document["listing"]["keys"]) == (0, 30)
    found = ended.document["found"][0]
    assert (found["what"], found["value"]) == ("namespace", runtime.namespace_id())
    assert "binding SESSIONS" in found["where"]
    assert ended.document["listing"]["with_metadata"] == 10
    assert ended.document["estimate"] is None
