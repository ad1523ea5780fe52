"""Whether two keys are the same, however they are written."""

import pytest

SAME = {
    "a constant": "read('a'); write('a');",
    "a constant under a name": "const K = 'a'; read(K); write('a');",
    "a template and a sum": "read(`s:${id}`); write('s:' + id);",
    "a variable": "const key = `s:${id}`; read(key); write(key);",
    "a variable and what it holds": "const key = `s:${id}`; read(key); write(`s:${id}`);",
    "a helper": "const k = (x) => `s:${x}`; read(k(id)); write(k(id));",
    "a member": "read(on.id); write(on.id);",
    "an item": "read(on[0]); write(on[0]);",
    "a constant of an object": "const K = { a: 'x' }; read(K.a); write('x');",
}
OTHER = {
    "constants": "read('a'); write('b');",
    "names": "read(`s:${id}`); write(`s:${on}`);",
    "prefixes": "read(`s:${id}`); write(`t:${id}`);",
    "members": "read(on.a); write(on.b);",
    "two ids that are made": "const a = crypto.randomUUID(), b = crypto.randomUUID(); read(a); write(b);",
    "calls without arguments": "read(next()); write(next());",
    "arguments": "const k = (x) => `s:${x}`; read(k(id)); write(k(on));",
    "variables of the same name": "{ const k = on.a; read(k); } { const k = on.b; write(k); }",
}


def related(project, body):
    """The methods of the reads whose key is that of the put, which writes what was read."""
    body = body.replace("read(", "v = await env.SESSIONS.get(").replace("write(", "await write(")
    head, tail = body.rsplit(");", 1)
    text = f"export async function f(env, id, on) {{ let v; {head}, v);{tail} }}"
    found = project(text.replace("await write(", "await env.SESSIONS.put(")).operations
    return [one.what for operation in found for one in operation.relations]


@pytest.mark.parametrize("name", SAME)
def test_the_same_key(name, project):
    assert related(project, SAME[name]) == ["get"]


@pytest.mark.parametrize("name", OTHER)
def test_another_key(name, project):
    assert related(project, OTHER[name]) == []


@pytest.mark.parametrize(
    ("body", "through"),
    [
        ("touch(env, one) { await save(env, one, await load(env, one)); }", [2]),
        ("touch(env, one) { const v = await load(env, one); await save(env, one, v); }", [2]),
        ("move(env, a, b) { await save(env, b, await load(env, a)); }", []),
        ("bump(env, a) { const v = await load(env, a); await save(env, v.id, v); }", [2]),
        (
            "bump(env, a) { const v = JSON.parse(await load(env, a)); v.n = 1; await save(env, v.userId, v); }",
            [2],
        ),
        (
            "bump(env, a) { const { id, n } = await load(env, a); await save(env, id, { id, n: n + 1 }); }",
            [2],
        ),
        ("bump(env, a) { const { to, n } = await load(env, a); await save(env, to, { n: n + 1 }); }", []),
        ("move(env, a) { const v = await load(env, a); await save(env, v.parentId, v); }", []),
        ("move(env, a) { const v = await load(env, a); await save(env, v.n, v); }", []),
        ("move(env, a) { const v = await load(env, a); await save(env, a.id, v); }", []),
        ("move(env, a) { await save(env, 'x', await load(env, a)); }", []),
    ],
)
def test_what_a_helper_is_passed_decides(body, through, project):
    text = f"""
        const load = (env, id) => env.SESSIONS.get(`s:${{id}}`);
        const save = (env, id, v) => env.SESSIONS.put(`s:${{id}}`, v);
        export async function {body}
    """
    (put,) = [one for one in project(text).operations if one.method == "put"]
    assert [one.through for one in put.relations] == through
