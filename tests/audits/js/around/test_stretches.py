"""Which reads run together, which are awaited alone, and which keys come from other reads."""

import pytest

TOGETHER = {
    "const a = await env.SESSIONS.get('a'); const b = await env.SESSIONS.get('b');": True,
    "const a = await env.SESSIONS.get('a'); log(a); const x = JSON.parse(a); await env.SESSIONS.get('b');": True,
    "const a = await env.SESSIONS.get('a'); const x = await request.json(); await env.SESSIONS.get('b');": True,
    "const a = await env.SESSIONS.get('a'); if (a) log(); await env.SESSIONS.get('b');": True,
    "const a = await env.SESSIONS.get('a'); if (!a) return; await env.SESSIONS.get('b');": False,
    "const a = await env.SESSIONS.get('a'); if (a) { await env.SESSIONS.get('b'); }": False,
    "const a = await env.SESSIONS.get('a'); const x = a ? await env.SESSIONS.get('b') : 0;": False,
    "const a = (await env.SESSIONS.get('a')) ?? (await env.SESSIONS.get('b'));": False,
    "const a = await env.SESSIONS.get('a'); await log(); await env.SESSIONS.get('b');": False,
    "const a = await env.SESSIONS.get('a'); ctx.waitUntil(env.SESSIONS.put('a', 'b')); await env.SESSIONS.get('b');": False,
    "await env.SESSIONS.get('a'); const f = async () => { await env.SESSIONS.get('b'); };": False,
    "await env.SESSIONS.get('a'); for (const x of xs) { await env.SESSIONS.get('b'); }": False,
    "try { await env.SESSIONS.get('a'); } catch {} try { await env.SESSIONS.get('b'); } catch {}": False,
    "{ await env.SESSIONS.get('a'); await env.SESSIONS.get('b'); }": True,
}


def reads(project, body):
    found = project(f"export async function f(env, ctx, request, xs) {{ {body} }}").operations
    return [one for one in found if one.method == "get"]


@pytest.mark.parametrize("body", TOGETHER)
def test_reads_that_always_run_together(project, body):
    first, second = reads(project, body)
    assert (first.enclosing.stretch == second.enclosing.stretch) is TOGETHER[body]


def test_what_is_awaited_alone(project):
    body = """
        await env.SESSIONS.get("a"); (await env.SESSIONS.get("b"))?.x;
        await Promise.all([env.SESSIONS.get("c")]); const p = env.SESSIONS.get("d"); return env.SESSIONS.get("e");
    """
    assert [one.alone for one in reads(project, body)] == [True, True, False, False, False]


def test_what_stands_in_one_promise_all_is_gathered(project):
    body = """
        await Promise.all([env.SESSIONS.get("a"), env.SESSIONS.get("b").catch(f), g(env.SESSIONS.get("c"))]);
        await Promise.all(xs.map((x) => env.SESSIONS.get(x))); await env.SESSIONS.get("d");
    """
    first, second, *others = (one.enclosing.gathered for one in reads(project, body))
    assert first == second != None  # noqa: E711 -- both comparisons are meant
    assert others == [None, None, None]


def test_a_key_knows_the_calls_that_it_was_made_from(project):
    body = """
        const owner = await env.SESSIONS.get("a"); const key = keyOf(owner.id);
        await env.SESSIONS.get(key); await env.SESSIONS.get("b");
    """
    first, second, third = reads(project, body)
    assert first.call.start in second.key_from
    assert third.key_from == ()


@pytest.mark.parametrize(
    ("options", "read_as"),
    [
        ("", ""),
        (", 'json'", "json"),
        (", { type: 'stream' }", "stream"),
        (", { cacheTtl: 60 }", ""),
        (", AS", "arrayBuffer"),
        (", options", ""),
        (", x ? 'text' : 'json'", ""),
    ],
)
def test_the_type_that_is_asked_for(project, options, read_as):
    source = (
        f"const AS = 'arrayBuffer'; export const f = (env, x, options) => env.SESSIONS.get('a'{options});"
    )
    (operation,) = project(source).operations
    assert operation.read_as == read_as


@pytest.mark.parametrize(
    ("options", "caching"),
    [
        ("", "no"),
        (", 'json'", "no"),
        (", { type: 'json' }", "no"),
        (", { cacheTtl: 60 }", "yes"),
        (", x ? { cacheTtl: 60 } : {}", "maybe"),
        (", options", "unknown"),
    ],
)
def test_whether_a_time_to_keep_is_given(project, options, caching):
    (operation,) = project(
        f"export const f = (env, x, options) => env.SESSIONS.get('a'{options});"
    ).operations
    assert operation.caching == caching


@pytest.mark.parametrize(
    ("key", "is_list"),
    [
        ("'a'", False),
        ("id", False),
        ("id.slice(2)", False),
        ("`a:${id}`", False),
        ("['a', id]", True),
        ("ids", True),
        ("ids.slice(0, 100)", True),
        ("names.map((name) => `a:${name}`)", True),
        ("typed", True),
        ("[...names]", True),
        ("Object.keys(table)", True),
    ],
)
def test_a_list_of_keys_is_a_bulk_get(project, key, is_list):
    source = f"export const f = (env, id, ids, names, typed: string[], table) => env.SESSIONS.get({key});"
    (operation,) = project(source).operations
    assert operation.key_list is is_list
