"""Small projects as text, rewritten."""

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from audits.rewriting.plan import Rewriting
from tests.audits.rewriting import samples

WRANGLER = (
    '[[kv_namespaces]]\nbinding = "SESSIONS"\nid = "1"\n[[kv_namespaces]]\nbinding = "OTHER"\nid = "2"\n'
)

Rewritten = Callable[..., Rewriting]


@pytest.fixture
def rewritten(tmp_path: Path) -> Rewritten:
    """Rewrite these files, or one of them as text, beside a configuration with two namespaces."""

    def run(files: dict[str, str] | str, **words: str) -> Rewriting:
        files = {"src/index.ts": files} if isinstance(files, str) else files
        for path, text in {"wrangler.toml": WRANGLER, **files}.items():
            place = tmp_path / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return samples.rewritten(
            tmp_path, {f"--{name.replace('_', '-')}": word for name, word in words.items()}
        )

    return run


@pytest.fixture
def became(rewritten: Rewritten) -> Callable[..., str]:
    """The lines that one file has now and had not before, the import left out; or why nothing changed."""

    def run(files: dict[str, str] | str, **words: str) -> str:
        made = rewritten(files, **words)
        if not made.changed:
            return "; ".join(dict.fromkeys(one.reason for one in made.left))
        (one,) = made.changed
        before = one.before.decode().splitlines()
        lines = (line for line in one.after.decode().splitlines() if line.strip() and line not in before)
        return "\n".join(line.strip() for line in lines if "import { sessionStore }" not in line)

    return run
