"""Long chains nest deeply in a syntax tree: they are read, and what is too deep is given up alone."""

import sys

import pytest

BEFORE = "export const before = (env) => env.SESSIONS.put('before', '1');\n"
AFTER = "export const after = (env) => env.SESSIONS.put('after', '1');\n"


def alternatives(count: int) -> str:
    arms = "".join(f"else if (x === {i}) {{ g({i}); }}\n" for i in range(1, count))
    return f"export async function f(env, x) {{\nif (x === 0) {{ await env.SESSIONS.put('in', '1'); }}\n{arms}}}\n"


def sums(count: int, key: str = "x") -> str:
    return (
        f"export const f = (env, x) => env.SESSIONS.put({key}, x +\n" + " +\n".join(["g(x)"] * count) + ");\n"
    )


def ternaries(count: int) -> str:
    arms = "".join(f"x === {i} ? {{ expirationTtl: {i} }} :\n" for i in range(count))
    return f"export const f = (env, x) => env.SESSIONS.put('in', '1', {arms}{{}});\n"


@pytest.mark.parametrize("middle", [alternatives(700), sums(3000, "'in'"), ternaries(700)])
def test_long_chains_are_read(said, project, middle):
    lines = {line.split(" ttl=")[0] for line in said(BEFORE + middle + AFTER)}
    assert lines == {"put SESSIONS before", "put SESSIONS in", "put SESSIONS after"}
    assert project({}).skipped == {}


DEEP = {
    "alternatives": alternatives(9000),
    "sums": sums(9000),
    "calls": "export const f = (x) => x" + "\n.g(1)" * 9000 + ";\n",
    "ternaries": ternaries(9000),
    "parentheses": "const x = " + "(\n" * 9000 + "1" + ")" * 9000 + ";\n",
    "blocks": "function f() " + "{\n" * 9000 + "}" * 9000 + "\n",
    "objects": "export const f = g(" + "{ a:\n" * 9000 + "1" + "}" * 9000 + ");\n",
}


@pytest.mark.parametrize("middle", DEEP.values(), ids=DEEP)
def test_only_what_nests_too_deeply_is_given_up_and_counted(said, project, tmp_path, middle):
    limit = sys.getrecursionlimit()
    for _ in "cold", "warm":
        lines = said(BEFORE + middle + AFTER, cache=tmp_path / "cache")
        assert lines[0].startswith("put SESSIONS before")
        assert lines[-1].startswith("put SESSIONS after")
    assert project({}).skipped == {"nested too deeply in a part": ("src/index.ts",)}
    assert sys.getrecursionlimit() == limit


def test_what_is_almost_too_deep_can_be_evaluated(project):
    found = project(ternaries(3950))
    assert [one.method for one in found.operations] == ["put"]
    assert found.skipped == {}
