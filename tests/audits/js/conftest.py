"""Projects as text, and what the analyser says of them as short lines."""

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from audits.js.analysis import Analysis, analyse
from audits.operation import Operation

WRANGLER = 'name = "x"\n[[kv_namespaces]]\nbinding = "SESSIONS"\nid = "1"\n'


def write(root: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")


def short(operation: Operation) -> str:
    keys = ",".join(str(key) for key in operation.keys)
    ttl = f" ttl={operation.ttl.has}" if operation.ttl is not None else ""
    if operation.ttl is not None and operation.ttl.ttl is not None and operation.ttl.ttl.values:
        ttl += "(" + ",".join(f"{value:g}" for value in operation.ttl.ttl.values) + ")"
    return f"{operation.method} {operation.binding or '-'} {keys}{ttl}"


Project = Callable[..., Analysis]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    def make(files: dict[str, str] | str, wrangler: str | None = WRANGLER, **options: object) -> Analysis:
        files = {"src/index.ts": files} if isinstance(files, str) else files
        if wrangler is not None and not any("wrangler." in path for path in files):
            files = {"wrangler.toml": wrangler, **files}
        write(tmp_path, files)
        return analyse(tmp_path, **options)  # type: ignore[arg-type]

    return make


@pytest.fixture
def said(project: Project) -> Callable[..., list[str]]:
    def lines(files: dict[str, str] | str, **options: object) -> list[str]:
        return [short(operation) for operation in project(files, **options).operations]

    return lines
