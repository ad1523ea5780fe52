"""Twice as much code of a kind in one function or file costs about twice the work, counted in calls."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from audits.auditing import audit
from audits.request import Request

WRANGLER = 'name = "w"\n[[kv_namespaces]]\nbinding = "KV"\nid = "1"\n'
STEP = 60


def _handler(line: str, count: int) -> str:
    body = "".join(line.replace("#", str(number)) for number in range(count))
    return f"export default {{ async fetch(request, env) {{\n{body}}} }}\n"


SHAPES: dict[str, Callable[[int], str]] = {
    "puts": lambda n: _handler("  await env.KV.put(`k#:${request.url}`, 'v');\n", n),
    "promises that are kept": lambda n: _handler("  const p# = env.KV.put(`k#:${request.url}`, 'v');\n", n),
    "values that are read and written": lambda n: _handler(
        "  const a# = await env.KV.get('k#', 'json'); await env.KV.put('k#', JSON.stringify(a#));\n", n
    ),
    "suppressions one above the other": lambda n: (
        "// kvferry: ignore[put-without-ttl] it stays\n" * n + _handler("  await env.KV.put('a', 'b');\n", 1)
    ),
    "suppressions of one call each": lambda n: _handler(
        "  await env.KV.put('k#', 'v'); // kvferry: ignore[put-without-ttl] it stays\n", n
    ),
    "functions whose parameter has one name": lambda n: "".join(
        f"export const f{number} = (env) => env.KV.put('k', 'v');\n" for number in range(n)
    ),
}


def _work(folder: Path, source: str) -> int:
    """How many calls an audit of that file makes, with those of built-in functions."""
    folder.mkdir(exist_ok=True)
    (folder / "wrangler.toml").write_text(WRANGLER)
    (folder / "index.ts").write_text(source)
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        found = audit(Request(folder))
    finally:
        sys.setprofile(before)
    assert found.operations
    return calls


@pytest.mark.parametrize("name", SHAPES)
def test_the_work_grows_with_the_code_and_not_with_its_square(name, tmp_path):
    shape = SHAPES[name]
    _work(tmp_path, shape(STEP))  # so that what is imported and compiled once is there
    small, middle, large = (_work(tmp_path, shape(times * STEP)) for times in (1, 2, 4))
    assert large - middle < 2.2 * (middle - small)  # 2 for a line, 4 for a square
