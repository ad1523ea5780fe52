"""Projects as text in a temporary folder, and audits of them."""

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from audits.auditing import Audit, Request, audit
from audits.rules.rule import Settings

WRANGLER = """
name = "x"
[[kv_namespaces]]
binding = "SESSIONS"
id = "1"
[[kv_namespaces]]
binding = "STORE"
id = "2"
[[durable_objects.bindings]]
name = "SESSION_OBJECT"
class_name = "SessionObject"
"""
NOW = 1_790_000_000.0

Files = dict[str, str] | str
Audited = Callable[..., Audit]


def write(root: Path, files: Files) -> None:
    files = {"src/index.ts": files} if isinstance(files, str) else files
    for path, text in {"wrangler.toml": WRANGLER, **files}.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")


@pytest.fixture
def audited(tmp_path: Path) -> Audited:
    """Audit these files, or one of them as text, beside a configuration with two namespaces."""

    def run(files: Files, settings: Settings | None = None, **asked: object) -> Audit:
        write(tmp_path, files)
        return audit(Request(tmp_path, settings=settings or Settings(now=NOW), **asked))  # type: ignore[arg-type]

    return run


@pytest.fixture
def found(audited: Audited) -> Callable[..., list[str]]:
    """The same, as `line: CODE severity`."""

    def run(files: Files, *codes: str, **asked: object) -> list[str]:
        return [
            f"{one.finding.place.line}: {one.finding.code} {one.finding.severity.name.lower()}"
            for one in audited(files, **asked).findings
            if not codes or one.finding.code in codes
        ]

    return run
