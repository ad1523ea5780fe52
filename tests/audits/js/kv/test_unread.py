"""Calls that cannot be judged; cases/unparsable-kv-call has whole Workers."""

import pytest

UNREAD = {
    "env.SESSIONS.put(...all)": "its arguments are spread",
    "env.SESSIONS.put(key, ...all)": "its arguments are spread",
    "env.SESSIONS.put(key, 'v', ...all)": "its arguments are spread",
    "env.SESSIONS.delete(...all)": "its arguments are spread",
    "env.SESSIONS[key](all)": "its method is computed",
    "env.SESSIONS[all ? 'get' : 'delete'](key)": "its method is computed",
    "env.SESSIONS.put.apply(env.SESSIONS, all)": "it is called through apply",
    "env.SESSIONS.get.call(env.SESSIONS, key)": "it is called through call",
    "env.SESSIONS.put(key, 'v', { expirationTtl: 60, + })": "a part of it has syntax errors",
}
READ = [
    "env.SESSIONS.put(key, 'v', { ...all })",
    "env.SESSIONS.put(key, 'v', { expirationTtl: 60 }, ...all)",
    "env.SESSIONS.get(key, ...all)",
    "env.SESSIONS['get'](key)",
    "env.SESSIONS[METHOD](key)",
    "table[key](all)",
    "handler.apply(env.SESSIONS, all)",
    "new Map().set(...all)",
]


def unread(project, text):
    return [(one.place.line, one.why) for one in project(text).unread]


@pytest.mark.parametrize("call", UNREAD)
def test_a_call_that_cannot_be_judged_is_told(project, call):
    source = f"const METHOD = 'get';\nexport const f = (env, key, all) => {call};\n"
    assert unread(project, source) == [(2, UNREAD[call])]


@pytest.mark.parametrize("call", READ)
def test_a_call_that_can_be_judged_is_not(project, call):
    source = f"const METHOD = 'get';\nexport const f = (env, key, all, table, handler) => {call};\n"
    assert unread(project, source) == []


def test_a_constant_method_is_an_operation(said):
    assert said("const M = 'put'; export const f = (env) => env.SESSIONS[M]('a', 'b');") == [
        "put SESSIONS a ttl=no"
    ]


def test_arguments_that_are_passed_on_are_those_of_the_callers(said):
    source = """
        const wrap = (kv) => ({ put: (...passed) => kv.put(...passed), late: (x, ...passed) => kv.put(...passed) });
        export async function f(env) {
          await wrap(env.SESSIONS).put("a", "1", { expirationTtl: 60 });
          await wrap(env.SESSIONS).late(0, "b", "2");
        }
    """
    assert said(source) == ["put SESSIONS a ttl=yes(60)", "put SESSIONS b ttl=no"]


def test_a_verdict_on_what_the_parser_could_not_read_is_none(project):
    source = "export const f = (env) => env.SESSIONS.put('a', 'b', { expirationTtl: 60 +++ });"
    (operation,) = project(source).operations
    assert operation.ttl is not None
    assert operation.ttl.has in ("unknown", "yes")


def test_calls_in_lost_text_are_found_by_the_names_of_namespaces(project):
    source = """
        export function f(env) { return env.SESSIONS.get("a"); }
        const g = ) => { env.SESSIONS.put(`a`, "1"
        const h = ) => { env.OTHER.put(`a`, "1" // env.SESSIONS.put("c"
    """
    assert unread(project, source) == [(2, "it stands in text that cannot be parsed")]
    assert [one.method for one in project(source).operations] == ["get"]


def test_every_beginning_of_a_file_is_read_to_an_end(project):
    source = (
        "export const f = async (env, xs) => { for (const x of xs) { await env.SESSIONS.put(x, ...xs); } };"
    )
    for end in range(0, len(source), 7):
        assert len(project(source[:end]).unread) <= 1
