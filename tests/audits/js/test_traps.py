"""What the parser reads in a way that nobody expects; a change of its version must not go unseen."""

import pytest

from audits.js.syntax import grammar, reading

TRAPS = {
    "await": "const a = await env.SESSIONS.get<T>(k);",
    "void": "void env.SESSIONS.get<T>(k);",
    "not": "const a = !env.SESSIONS.get<T>(k);",
    "plus": "const a = 'x' + env.SESSIONS.get<T>(k);",
    "in parentheses": "const a = (await env.SESSIONS.get<T>(k)) as any;",
    "ternary": "const a = x ? await env.SESSIONS.get<T>(k) : null;",
    "default": "const a = x ?? (await env.SESSIONS.get<T>(k));",
    "and": "const a = x && await env.SESSIONS.get<T>(k, 'json');",
    "non-null": "const a = await env.SESSIONS!.get<T>(k);",
    "optional": "const a = await env.SESSIONS?.get<T>(k);",
    "optional call": "const a = await env.SESSIONS.get?.(k);",
    "cast": "const a = await (env.SESSIONS as KVNamespace).get<T>(k);",
    "lines": "const a = await env\n  .SESSIONS\n  // note\n  .get<T>(\n    k,\n  );",
    "parenthesised method": "const a = await (env.SESSIONS.get)(k);",
    "nested generics": "const a = await env.SESSIONS.get<Record<string, Array<T>>>(k, 'json');",
    "object type argument": "const a = await env.SESSIONS.get<{ a: string }>(k, { type: 'json' });",
}


@pytest.mark.parametrize("name", TRAPS)
def test_a_typed_call_is_a_call(project, name):
    (operation,) = project(TRAPS[name]).operations
    assert operation.binding == "SESSIONS"
    assert operation.method == "get"
    assert [str(key) for key in operation.keys] == ["{k}"]


def test_an_awaited_typed_call_is_awaited(project):
    first, second, third = project(
        "const a = await env.SESSIONS.get<T>(k);\nenv.SESSIONS.get<T>(k);\nvoid env.SESSIONS.get<T>(k);"
    ).operations
    assert [first.awaited, second.awaited, third.awaited] == ["awaited", "dropped", "dropped"]


def test_the_parser_puts_await_into_the_callee():
    source = b"await kv.get<T>(k);"
    (statement,) = grammar.parse(source, ".ts").named_children
    (call,) = statement.named_children
    assert call.type == "call_expression"
    callee = call.child_by_field_name("function")
    assert callee is not None
    assert callee.type == "await_expression", "the parser has learnt; the detour in expressions.py can go"
    assert [found.sink for found in reading.collect(source, grammar.parse(source, ".ts")).calls] == [
        "awaited"
    ]


def test_places_count_characters(project):
    (operation,) = project("const é = '日本'; await env.SESSIONS.get('a');").operations
    assert (operation.place.line, operation.place.column) == (1, 36)
    assert operation.place.start > operation.place.column
    assert (operation.call.column, operation.call.end_column) == (23, 44)


def test_a_call_over_lines_ends_on_its_last_line(project):
    (operation,) = project("await env.SESSIONS.put(\n  'a',\n  'b',\n);").operations
    assert (operation.place.line, operation.call.end_line, operation.call.end_column) == (1, 4, 2)
