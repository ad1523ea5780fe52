"""Is the cursor of a list followed, and how much of its page is used?"""

import pytest

FOLLOWED = {
    "const page = await env.SESSIONS.list(); return page.keys;": "no",
    "const { keys } = await env.SESSIONS.list(); return keys;": "no",
    "const { keys, list_complete } = await env.SESSIONS.list(); return [keys, list_complete];": "maybe",
    "const { keys, cursor: next } = await env.SESSIONS.list(); return [keys, next];": "maybe",
    "return (await env.SESSIONS.list()).keys;": "no",
    "const page = await env.SESSIONS.list(); if (!page) return; return page.keys;": "no",
    "const page = await env.SESSIONS.list(); if (!page.list_complete) warn(); return page.keys;": "maybe",
    "const page = await env.SESSIONS.list(); return page;": "unknown",
    "const page = await env.SESSIONS.list(); show(page);": "unknown",
    "const page = await env.SESSIONS.list(); log('page'); return { page: page.keys };": "no",
    "const page = await env.SESSIONS.list(); return { ...page };": "unknown",
    "return env.SESSIONS.list();": "unknown",
    "return env.SESSIONS.list().then((page) => page.keys);": "no",
    "return env.SESSIONS.list().then((page) => page.cursor);": "maybe",
    "const page = await env.SESSIONS.list().catch(() => null); return page?.keys;": "no",
    "const [page] = await Promise.all([env.SESSIONS.list(), other()]); return page.keys;": "no",
    "const [page] = await Promise.all([env.SESSIONS.list(), other()]); return page.cursor;": "maybe",
    "let c; do { const p = await env.SESSIONS.list({ cursor: c }); c = p.cursor; } while (c);": "yes",
    "const page = await env.SESSIONS.list({ cursor }); return page.keys;": "unknown",
    "const page = await env.SESSIONS.list(options); return page.keys;": "unknown",
    "const page = await env.SESSIONS.list(); // the cursor is not looked at\nreturn page.keys;": "no",
}
TAKEN = {
    "const page = await env.SESSIONS.list(); return page.keys.length > 0;": 1,
    "const page = await env.SESSIONS.list(); return page.keys.length;": None,
    "const page = await env.SESSIONS.list(); return page.keys[0];": 1,
    "const page = await env.SESSIONS.list(); return page.keys[7];": None,
    "const { keys } = await env.SESSIONS.list(); if (keys.length === 0) return; return keys[0]?.name;": 1,
    "const { keys } = await env.SESSIONS.list(); if (keys.length === 0) return; return keys.map(f);": None,
    "const { keys } = await env.SESSIONS.list(); return keys.length > 100;": None,
    "return (await env.SESSIONS.list()).keys.length !== 0;": 1,
    "return (await env.SESSIONS.list()).keys.length;": None,
    "const page = await env.SESSIONS.list(); return [page.keys[0], page.cacheStatus];": None,
}


def one(project, body):
    source = f"export async function f(env, options, cursor) {{\n{body}\n}}"
    (operation,) = project(source).operations
    return operation


@pytest.mark.parametrize("body", FOLLOWED)
def test_what_becomes_of_the_cursor(project, body):
    assert one(project, body).cursor_followed == FOLLOWED[body]


@pytest.mark.parametrize("body", TAKEN)
def test_how_many_keys_are_used(project, body):
    assert one(project, body).taken == TAKEN[body]


def test_a_limit_is_known_when_every_way_has_one(project):
    source = """
        const page = (kv, limit) => kv.list({ limit });
        export const f = async (env) => [await page(env.SESSIONS, 10), await page(env.SESSIONS, 20)];
        export const g = (env) => env.SESSIONS.list({ prefix: "a" });
    """
    first, second = project(source).operations
    assert first.limit is not None
    assert first.limit.values == (10, 20)
    assert second.limit is None


def test_the_callers_of_a_function_that_hands_its_page_out_are_asked(project):
    source = (
        "const page = (env) => env.SESSIONS.list();\nexport const f = async (env) => (await page(env)).%s;"
    )
    assert [o.cursor_followed for o in project(source % "keys").operations] == ["no"]
    assert [
        o.cursor_followed
        for o in project(source.replace("(await page(env))", "g(await page(env))") % "x").operations
    ] == ["unknown"]
