"""Loops that run a call for each item, and loops that only run it again."""

import pytest

LOOPS = {
    "for of": ("for (const id of ids) { await env.SESSIONS.get(id); }", ("ids", False, False, False)),
    "for in": (
        "for (const id in table) { await env.SESSIONS.get(`a:${id}`); }",
        ("table", False, False, False),
    ),
    "an index": (
        "for (let i = 0; i < ids.length; i++) await env.SESSIONS.get(ids[i]);",
        ("i < ids.length", False, False, False),
    ),
    "a counted while": (
        "let i = 0; while (i < ids.length) { await env.SESSIONS.get(ids[i]); i += 1; }",
        ("i < ids.length", False, False, False),
    ),
    "a queue": (
        "while (ids.length) { const id = ids.pop(); await env.SESSIONS.get(id); }",
        ("ids.length", False, False, False),
    ),
    "through a helper": (
        "for (const id of ids) { const key = keyOf(id); await env.SESSIONS.get(key); }",
        ("ids", False, False, False),
    ),
    "destructured": (
        "for (const { id } of ids) await env.SESSIONS.get('a' + id);",
        ("ids", False, False, False),
    ),
    "map": ("await Promise.all(ids.map((id) => env.SESSIONS.get(id)));", ("ids", False, True, False)),
    "forEach": ("ids.forEach(async (id) => { await env.SESSIONS.get(id); });", ("ids", False, True, False)),
    "reduce": (
        "await ids.reduce(async (all, id) => [...(await all), await env.SESSIONS.get(id)], []);",
        ("ids", False, False, False),
    ),
    "listed": (
        "const page = await STORE.list(); for (const key of page.keys) await env.SESSIONS.get(key.name);",
        ("page.keys", True, False, False),
    ),
    "left early": (
        "for (const id of ids) { const v = await env.SESSIONS.get(id); if (v) return v; }",
        ("ids", False, False, True),
    ),
    "gone on early": (
        "for (const id of ids) { const v = await env.SESSIONS.get(id); if (!v) continue; f(v); }",
        ("ids", False, False, False),
    ),
    "the inner of two": (
        "for (const a of as) for (const b of bs) await env.SESSIONS.get(b);",
        ("bs", False, False, False),
    ),
    "the outer of two": (
        "for (const a of as) for (const b of bs) await env.SESSIONS.get(a);",
        ("as", False, False, False),
    ),
    "kept": ("for (const id of ids) all.push(env.SESSIONS.get(id));", ("ids", False, True, False)),
}
NONE = {
    "the same key again": "for (let i = 0; i < 3; i++) await env.SESSIONS.get(id);",
    "polling": "while (Date.now() < end) await env.SESSIONS.get(id);",
    "a name that is made up": "do { name = random(); } while (await env.SESSIONS.get(name));",
    "what was read is the next key": "for (const a of as) { at = await env.SESSIONS.get(`${at}/${a}`); }",
    "a queue that grows": (
        "while (ids.length) { const id = ids.pop(); const v = await env.SESSIONS.get(id); ids.push(...v); }"
    ),
    "no loop": "await env.SESSIONS.get(id);",
    "a function in a loop": "for (const a of as) { fs[a] = function f() { return env.SESSIONS.get(id); }; }",
    "a value of a then": "await load().then((id) => env.SESSIONS.get(id));",
    "the first argument of reduce": "await ids.reduce((all) => env.SESSIONS.get(all), '');",
}


def each(project, body):
    found = project(f"export async function f(env, ids, as, bs, table, id, at) {{ {body} }}").operations
    return found[-1].enclosing.each


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_whose_item_is_in_the_key(project, name):
    body, wanted = LOOPS[name]
    found = each(project, body)
    assert (found.items, found.listed, found.at_once, found.leaves) == wanted


@pytest.mark.parametrize("name", NONE)
def test_a_loop_that_is_none_over_keys(project, name):
    assert each(project, NONE[name]) is None


READER = "export async function read(env, id, cache) {{ {} return env.SESSIONS.get(`a:${{id}}`); }}"
CALLERS = {
    "a loop in another function": ("", "for (const id of ids) await read(env, id);", "ids"),
    "two functions away": (
        "",
        "const twice = (one) => read(env, one); await Promise.all(ids.map((id) => twice(id)));",
        "ids",
    ),
    "another argument": ("", "for (const x of ids) await read(env, 'a', x);", None),
    "a function that waits for something else": (
        "await fetch(id);",
        "for (const id of ids) await read(env, id);",
        None,
    ),
    "a function that remembers": (
        "if (cache.has(id)) return cache.get(id);",
        "for (const id of ids) await read(env, id);",
        None,
    ),
}


@pytest.mark.parametrize("name", CALLERS)
def test_a_loop_around_a_function_that_only_reads(project, name):
    before, loop, items = CALLERS[name]
    source = f"{READER.format(before)}\nexport async function all(env, ids) {{ {loop} }}"
    (operation,) = project(source).operations
    found = operation.enclosing.each
    assert (found and found.items) == items
    assert found is None or found.place.line == 2


@pytest.mark.parametrize(
    ("body", "busy"),
    [
        ("await env.SESSIONS.put(id, '');", False),
        ("await env.SESSIONS.delete(`a:${id}`); log(id); await env.SESSIONS.put(id, '');", False),
        ("const r = await fetch(id); await env.SESSIONS.put(id, '');", True),
        ("await env.SESSIONS.get(id); await env.SESSIONS.put(id, '');", False),
    ],
)
def test_a_loop_is_busy_when_it_waits_for_more_than_kv(project, body, busy):
    assert each(project, f"for (const id of ids) {{ {body} }} await fetch(id);").busy is busy
