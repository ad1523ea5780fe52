"""What stands around a call: what becomes of it, where it runs, what is written."""

import pytest

AWAITED = {
    "await": ("await env.SESSIONS.put('a', 'b');", "awaited"),
    "dropped": ("env.SESSIONS.put('a', 'b');", "dropped"),
    "void": ("void env.SESSIONS.put('a', 'b');", "dropped"),
    "return": ("function f() { return env.SESSIONS.put('a', 'b'); }", "returned"),
    "arrow": ("const f = () => env.SESSIONS.put('a', 'b');", "returned"),
    "waitUntil": ("ctx.waitUntil(env.SESSIONS.put('a', 'b'));", "waitUntil"),
    "waitUntil of a chain": (
        "c.executionCtx.waitUntil(env.SESSIONS.put('a', 'b').catch(() => {}));",
        "waitUntil",
    ),
    "waitUntil of an imported function": (
        "import { waitUntil } from 'x'; waitUntil(env.SESSIONS.put('a', 'b'));",
        "waitUntil",
    ),
    "chain": ("env.SESSIONS.put('a', 'b').catch(log);", "chained"),
    "long chain": ("env.SESSIONS.put('a', 'b').then(f).catch(log).finally(g);", "chained"),
    "awaited chain": ("await env.SESSIONS.put('a', 'b').catch(log);", "awaited"),
    "returned chain": ("function f() { return env.SESSIONS.put('a', 'b').then(g); }", "returned"),
    "all": ("await Promise.all([env.SESSIONS.put('a', 'b'), x()]);", "awaited"),
    "all, waited for": ("ctx.waitUntil(Promise.allSettled([env.SESSIONS.put('a', 'b')]));", "waitUntil"),
    "all, returned": ("const f = () => Promise.all([env.SESSIONS.put('a', 'b')]);", "returned"),
    "stored": ("const p = env.SESSIONS.put('a', 'b'); await p;", "stored"),
    "pushed": ("tasks.push(env.SESSIONS.put('a', 'b'));", "stored"),
    "ternary": ("await (x ? env.SESSIONS.put('a', 'b') : null);", "awaited"),
    "and": ("x && env.SESSIONS.put('a', 'b');", "dropped"),
    "mapped": ("await Promise.all(xs.map((x) => env.SESSIONS.put('a', 'b')));", "returned"),
    "cast": ("await (env.SESSIONS.put('a', 'b') as Promise<void>);", "awaited"),
}


@pytest.mark.parametrize("name", AWAITED)
def test_what_becomes_of_the_promise(project, name):
    source, wanted = AWAITED[name]
    (operation,) = project(source).operations
    assert operation.awaited == wanted


def one(project, source):
    (operation,) = project(source).operations
    return operation


def test_function_and_class(project):
    found = one(
        project, "class Store { async save() { [1].forEach(() => { env.SESSIONS.put('a', 'b'); }); } }"
    ).enclosing
    assert (found.function, found.cls) == ("save", "Store")


@pytest.mark.parametrize(
    ("source", "loop"),
    [
        ("for (const u of users) { await env.SESSIONS.get(u); }", "users"),
        ("for (let i = 0; i < 9; i++) { await env.SESSIONS.get(i); }", "i < 9"),
        ("while (more) { await env.SESSIONS.get(u); }", "(more)"),
        ("await Promise.all(data.users.map((u) => env.SESSIONS.get(u)));", "data.users"),
        ("users.forEach(async (u) => { if (u) { await env.SESSIONS.get(u); } });", "users"),
        ("await env.SESSIONS.get(u);", ""),
        ("for (const u of users) { function f() { return env.SESSIONS.get(u); } }", ""),
    ],
)
def test_loops(project, source, loop):
    assert one(project, source).enclosing.loop == loop


def test_handlers_that_lead_here(project):
    source = """
        async function low(env) { await env.SESSIONS.put("a", "b"); }
        const mid = (env) => low(env);
        export default { async scheduled(event, env) { await mid(env); }, async fetch() {} };
    """
    assert [entry.kind for entry in one(project, source).enclosing.entries] == ["scheduled"]


def test_intervals_are_handlers(project):
    found = one(project, "setInterval(() => { env.SESSIONS.put('a', 'b'); }, 1000);")
    assert [entry.kind for entry in found.enclosing.entries] == ["setInterval"]


def test_guards(project):
    assert one(project, "if (Date.now() - last > 60000) { env.SESSIONS.put('a', 'b'); }").enclosing.guarded
    assert not one(project, "env.SESSIONS.put('a', 'b');").enclosing.guarded


def test_cookies_in_the_same_function(project):
    source = "async function f(c) { const sid = getCookie(c, 'sid'); return c.env.SESSIONS.get(sid); }"
    assert one(project, source).enclosing.cookies_read


def test_tests_are_marked(project):
    found = project(
        {
            "test/a.ts": "await env.SESSIONS.put('a', 'b');",
            "src/a.test.ts": "await env.SESSIONS.put('a', 'b');",
        }
    )
    assert [operation.enclosing.test_file for operation in found.operations] == [True, True]
    assert found.files["tests"] == 2


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("await env.SESSIONS.put('a', JSON.stringify(session));", {"session"}),
        ("const s: UserSession = x; await env.SESSIONS.put('a', JSON.stringify(s));", {"s", "UserSession"}),
        (
            "await env.SESSIONS.put('a', JSON.stringify({ sessionId, user: 1 } as Session));",
            {"sessionId", "user", "Session"},
        ),
        ("await env.SESSIONS.put('a', JSON.stringify({ t: refreshToken }));", {"t", "refreshToken"}),
        ("const session = await env.SESSIONS.get<SessionData>('a', 'json');", {"session", "SessionData"}),
        ("const { value, metadata } = await env.SESSIONS.getWithMetadata('a');", {"value", "metadata"}),
        ("const session: Session | null = await env.SESSIONS.get('a', 'json');", {"session", "Session"}),
        ("await env.SESSIONS.delete('a');", set()),
    ],
)
def test_names_of_values(project, source, names):
    assert set(one(project, source).value_names) == names


def test_metadata(project):
    assert one(project, "await env.SESSIONS.put('a', 'b', { metadata: { a: 1 } });").metadata == "yes"
    assert one(project, "await env.SESSIONS.put('a', 'b', { expirationTtl: 60 });").metadata == "no"


def test_a_cursor_that_is_followed(project):
    source = """
        let cursor; do { const page = await env.SESSIONS.list({ prefix: "a", cursor }); cursor = page.cursor; }
        while (cursor);
    """
    assert one(project, source).cursor_followed == "yes"
    assert one(project, "const page = await env.SESSIONS.list({ prefix: 'a' });").cursor_followed == "no"


def test_texts(project):
    found = one(project, "await c.env\n  .SESSIONS.put('a', 'b', {\n  expirationTtl: 60 });")
    assert found.receiver == "c.env .SESSIONS"


OWNERS = {
    "const sessions = { get: (k) => env.SESSIONS.get(k) };": "sessions",
    "const s: Store<Session> = { get: (k) => env.SESSIONS.get(k) };": "s",
    "betterAuth({ secondaryStorage: { get(k) { return env.SESSIONS.get(k); } } });": "secondaryStorage",
    "const s = { store: env.SESSIONS ? { get: (k) => env.SESSIONS.get(k) } : null };": "store",
    "const s = { ...(env.SESSIONS && { store: env.SESSIONS && { get: (k) => env.SESSIONS.get(k) } }) };": "store",
    "createSessionStorage<Data>({ read: (k) => env.SESSIONS.get(k) });": "createSessionStorage",
    "const sessions = (env) => ({ read: (k) => env.SESSIONS.get(k) });": "sessions",
    "function createStore(env) { return { read(k) { return env.SESSIONS.get(k); } }; }": "createStore",
    "export default { fetch: (r, env) => env.SESSIONS.get('k') };": "",
    "const f = (k) => env.SESSIONS.get(k);": "",
}


@pytest.mark.parametrize("source", OWNERS)
def test_the_object_that_a_method_belongs_to_has_a_name(project, source):
    (operation,) = project(source).operations
    assert operation.enclosing.owner == OWNERS[source]


@pytest.mark.parametrize(
    ("body", "held"),
    [
        ("const a = getCookie(c, 'a'); env.SESSIONS.get(a);", True),
        ("const a = cookies[NAME]; env.SESSIONS.get('p:' + a);", True),
        ("const a = fromCookie(r); env.SESSIONS.get(a);", True),
        ("env.SESSIONS.put(a, '1'); setCookie(c, 'x', a, {});", True),
        ("env.SESSIONS.put(who.a, '1'); return { 'Set-Cookie': `x=${who.a}; Secure` };", True),
        ("env.SESSIONS.put(`p:${a}`, '1'); cookies.set('x', a);", True),
        ("const b = getCookie(c, 'b'); env.SESSIONS.get(a);", False),
        ("env.SESSIONS.put(a, '1'); setCookie(c, 'a', b);", False),
        ("env.SESSIONS.put(a, '1');", False),
        ("env.SESSIONS.list(); setCookie(c, 'a', b);", False),
    ],
)
def test_whether_a_cookie_holds_the_key(project, body, held):
    found = one(project, f"export const f = (env, c, r, a, b, who) => {{ {body} }};")
    assert found.enclosing.key_in_cookie is held
