"""Key templates: what is constant, what fills the holes, and which helper made them."""

import pytest

KEYS = {
    "text": ("'a'", "a"),
    "template": ("`session:${sessionId}`", "session:{sessionId}"),
    "template without holes": ("`a`", "a"),
    "sum": ("'session:' + sessionId", "session:{sessionId}"),
    "sum of many": ("'a:' + b + ':' + c", "a:{b}:{c}"),
    "bare": ("sessionId", "{sessionId}"),
    "member": ("session.id", "{session.id}"),
    "member with a name of its own": ("user.sessionId", "{sessionId}"),
    "escape": ("'a\\u003ab'", "a:b"),
    "number": ("`n:${1 + 1}`", "n:2"),
    "helper": ("key(userId)", "session:{userId}"),
    "arrow helper": ("arrow(userId)", "arrow:{userId}"),
    "nested helper": ("outer(userId)", "v1:session:{userId}"),
    "constant prefix": ("PREFIX + id", "sess:{id}"),
    "constant in an object": ("KEYS.session + id", "k:{id}"),
    "function in an object": ("KEYS.user(id)", "u:{id}"),
    "enum": ("E.A + id", "e:{id}"),
    "ternary": ("x ? 'a' : 'b'", "a,b"),
    "ternary inside": ("`${x ? 'a' : 'b'}:${id}`", "a:{id},b:{id}"),
    "default": ("name || 'none'", "none,{name}"),
    "join": ("['a', id].join(':')", "a:{id}"),
    "concat": ("'a'.concat(':', id)", "a:{id}"),
    "lower case": ("'ABC'.toLowerCase()", "abc"),
    "parameter of the request": ("`s:${c.req.param('sid')}`", "s:{sid}"),
    "encoded": ("`s:${encodeURIComponent(email)}`", "s:{email}"),
    "unknown call": ("lib.key()", "{}"),
    "awaited hash": ("`t:${await sha256(token)}`", "t:{token}"),
    "cast": ("`s:${id as string}`", "s:{id}"),
    "non-null": ("`s:${id!}`", "s:{id}"),
    "variable": ("made", "m:{id}"),
    "number to text": ("`s:${String(userId)}`", "s:{userId}"),
    "element": ("parts[0]", "{parts}"),
}
HEAD = """
    const PREFIX = "sess:"; const KEYS = { session: "k:", user: (id: string) => `u:${id}` } as const; enum E { A = "e:" }
    function key(id: string) { return `session:${id}`; } const arrow = (id: string) => "arrow:" + id;
    function outer(id: string) { return "v1:" + key(id); } const made = `m:${id}`;
"""


@pytest.mark.parametrize("name", KEYS)
def test_the_template_of_a_key(said, name):
    source, wanted = KEYS[name]
    (line,) = said(f"{HEAD}\nawait env.SESSIONS.get({source});")
    if name == "unknown call":
        assert line == "get SESSIONS {}"
    elif name == "element":
        assert line.startswith("get SESSIONS ")
    else:
        assert line == f"get SESSIONS {wanted}"


def test_holes_remember_their_helper(project):
    source = "const key = (id) => `s:${id}`; await env.SESSIONS.get(key(u)); await env.SESSIONS.get(lib.makeKey(u));"
    first, second = project(source).operations
    assert [part.helper for part in first.keys[0].parts if not isinstance(part, str)] == ["key"]
    assert [part.helper for part in second.keys[0].parts if not isinstance(part, str)] == ["makeKey"]


def test_a_text_that_grows_in_a_loop_has_an_end(said):
    source = "let k = 'a:'; for (const p of parts) k += p; await env.SESSIONS.get(k);"
    assert said(source) == ["get SESSIONS a:,a:{p}"]


def test_a_list_has_the_template_of_its_prefix(said):
    assert said("await env.SESSIONS.list({ prefix: `s:${u}:` }); await env.SESSIONS.list();") == [
        "list SESSIONS s:{u}:",
        "list SESSIONS ",
    ]


def test_a_bulk_get_has_all_its_keys(project):
    (operation,) = project("await env.SESSIONS.get(['a', `b:${c}`]);").operations
    assert [str(key) for key in operation.keys] == ["a", "b:{c}"]
    assert operation.bulk == 2


def test_a_callback_over_constants_sees_each(said):
    assert said("['a', 'b'].map((k) => env.SESSIONS.get(k));") == ["get SESSIONS a,b"]
    assert said("for (const k of ['a', 'b']) await env.SESSIONS.get(`x:${k}`);") == ["get SESSIONS x:a,x:b"]


def test_cache_ttl(project):
    (operation,) = project("await env.SESSIONS.get('a', { type: 'json', cacheTtl: 60 * 5 });").operations
    assert operation.cache_ttl is not None
    assert operation.cache_ttl.values == (300.0,)
    assert operation.cache_ttl.exact


def test_a_part_that_is_set_elsewhere_is_a_hole(said):
    source = "const c = {}; fill(c); env.SESSIONS.get(`sess:${c.session}`);"
    assert said(source) == ["get SESSIONS sess:{session}"]
