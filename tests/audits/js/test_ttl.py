"""The verdict on a put: with a TTL, without one, or on some ways only."""

import pytest

HEAD = "const kv = env.SESSIONS;\n"
PUTS = {
    "missing": ("await kv.put('a', 'b');", "no"),
    "inline": ("await kv.put('a', 'b', { expirationTtl: 60 });", "yes(60)"),
    "arithmetic": ("await kv.put('a', 'b', { expirationTtl: 60 * 60 * 24 * 7 });", "yes(604800)"),
    "expiration": ("await kv.put('a', 'b', { expiration: Math.floor(Date.now() / 1000) + 60 });", "yes"),
    "multi-line": (
        "await kv.put(\n  'a',\n  JSON.stringify({\n    a: 1,\n  }),\n  {\n    expirationTtl: 60,\n  },\n);",
        "yes(60)",
    ),
    "only metadata": ("await kv.put('a', 'b', { metadata: { a: 1 } });", "no"),
    "variable": ("const o = { expirationTtl: 60 }; await kv.put('a', 'b', o);", "yes(60)"),
    "variable without": ("const o = { metadata: {} }; await kv.put('a', 'b', o);", "no"),
    "shorthand": ("const expirationTtl = 60; await kv.put('a', 'b', { expirationTtl });", "yes(60)"),
    "spread": ("const o = { expirationTtl: 60 }; await kv.put('a', 'b', { ...o, metadata: {} });", "yes(60)"),
    "spread of nothing": ("const o = { metadata: {} }; await kv.put('a', 'b', { ...o });", "no"),
    "constant": ("const DAY = 86400; await kv.put('a', 'b', { expirationTtl: DAY });", "yes(86400)"),
    "constant object": (
        "const T = { S: 60 } as const; await kv.put('a', 'b', { expirationTtl: T.S });",
        "yes(60)",
    ),
    "enum": ("enum T { S = 60 } await kv.put('a', 'b', { expirationTtl: T.S });", "yes(60)"),
    "later": ("const o: any = {}; o.expirationTtl = 60; await kv.put('a', 'b', o);", "yes(60)"),
    "later, by name": ("const o: any = {}; o['expirationTtl'] = 60; await kv.put('a', 'b', o);", "yes(60)"),
    "later on a condition": (
        "const o: any = {}; if (x) o.expirationTtl = 60; await kv.put('a', 'b', o);",
        "maybe(60)",
    ),
    "after the put": ("const o: any = {}; await kv.put('a', 'b', o); o.expirationTtl = 60;", "no"),
    "assigned in both arms": (
        "let o; if (x) { o = { expirationTtl: 60 }; } else { o = { expirationTtl: 90 }; } await kv.put('a', 'b', o);",
        "yes(60,90)",
    ),
    "assigned in one arm": (
        "let o; if (x) { o = { expirationTtl: 60 }; } await kv.put('a', 'b', o);",
        "maybe(60)",
    ),
    "assigned anew": ("let o = {}; o = { expirationTtl: 60 }; await kv.put('a', 'b', o);", "yes(60)"),
    "lost": ("let o: any = { expirationTtl: 60 }; o = {}; await kv.put('a', 'b', o);", "no"),
    "other block's variable": (
        "if (x) { const o = { expirationTtl: 60 }; use(o); } else { const o = {}; await kv.put('a', 'b', o); }",
        "no",
    ),
    "ternary": ("await kv.put('a', 'b', x ? { expirationTtl: 60 } : undefined);", "maybe(60)"),
    "ternary of two": (
        "await kv.put('a', 'b', x ? { expirationTtl: 60 } : { expirationTtl: 90 });",
        "yes(60,90)",
    ),
    "ternary inside": ("await kv.put('a', 'b', { expirationTtl: x ? 60 : undefined });", "maybe(60)"),
    "ternary on a constant": (
        "const D = true; await kv.put('a', 'b', D ? { expirationTtl: 60 } : {});",
        "yes(60)",
    ),
    "undefined": ("await kv.put('a', 'b', { expirationTtl: undefined });", "no"),
    "undefined options": ("await kv.put('a', 'b', undefined);", "no"),
    "max": ("await kv.put('a', 'b', { expirationTtl: Math.max(60, 30) });", "yes(60)"),
    "max of the unknown": ("await kv.put('a', 'b', { expirationTtl: Math.max(60, x) });", "yes"),
    "default by ??": ("await kv.put('a', 'b', { expirationTtl: x.ttl ?? 60 });", "yes(60)"),
    "default by ||": ("await kv.put('a', 'b', { expirationTtl: x.ttl || 60 });", "yes(60)"),
    "text to number": ("await kv.put('a', 'b', { expirationTtl: Number(env.TTL) });", "yes"),
    "parsed": ("await kv.put('a', 'b', { expirationTtl: parseInt(env.TTL, 10) });", "yes"),
    "conditional spread": ("await kv.put('a', 'b', { ...(x && { expirationTtl: 60 }) });", "maybe(60)"),
    "conditional spread of two": (
        "await kv.put('a', 'b', { ...(x ? { expirationTtl: 60 } : {}) });",
        "maybe(60)",
    ),
    "overridden": ("await kv.put('a', 'b', { expirationTtl: 60, ...{ expirationTtl: 90 } });", "yes(90)"),
    "result of a call": (
        "function o() { return { expirationTtl: 60 }; } await kv.put('a', 'b', o());",
        "yes(60)",
    ),
    "result of a call with a parameter": (
        "const o = (ttl) => ({ expirationTtl: ttl }); await kv.put('a', 'b', o(60));",
        "yes(60)",
    ),
    "result of an unknown call": ("await kv.put('a', 'b', lib.options());", "unknown"),
    "assign": ("await kv.put('a', 'b', Object.assign({}, { expirationTtl: 60 }));", "yes(60)"),
    "frozen": ("const O = Object.freeze({ expirationTtl: 60 }); await kv.put('a', 'b', O);", "yes(60)"),
    "annotated": (
        "const o: KVNamespacePutOptions = { expirationTtl: 60 }; await kv.put('a', 'b', o);",
        "yes(60)",
    ),
    "satisfies": (
        "await kv.put('a', 'b', { expirationTtl: 60 } satisfies KVNamespacePutOptions);",
        "yes(60)",
    ),
    "spread arguments": ("await kv.put(...args);", "unknown"),
    "early return": (
        "function f(ttl?: number) { if (!ttl) return; return kv.put('a', 'b', { expirationTtl: ttl }); } f(x);",
        "yes",
    ),
    "closure": (
        "const T = 60; const o = { expirationTtl: T }; const f = async () => { await kv.put('a', 'b', o); }; f();",
        "yes(60)",
    ),
    "lookup table": (
        "const T = { a: 60, b: 90 }; await kv.put('a', 'b', { expirationTtl: T[x] });",
        "yes(60,90)",
    ),
    "switch": (
        "let ttl; switch (x) { case 1: ttl = 60; break; default: ttl = 90; } await kv.put('a', 'b', { expirationTtl: ttl });",
        "yes(60,90)",
    ),
    "both options": ("await kv.put('a', 'b', { expirationTtl: 60, expiration: 1 });", "yes(60)"),
    "class constant": (
        "class S { static TTL = 60; async f() { await kv.put('a', 'b', { expirationTtl: S.TTL }); } }",
        "yes(60)",
    ),
    "class field": (
        "class S { ttl = 60; async f() { await kv.put('a', 'b', { expirationTtl: this.ttl }); } }",
        "yes(60)",
    ),
    "object with a method": (
        "const c = { ttl: 60, async f() { await kv.put('a', 'b', { expirationTtl: this.ttl }); } }; c.f();",
        "yes(60)",
    ),
    "on a condition that nothing decides": (
        "class S { constructor(o) { this.o = o; } async f() { const ttl = this.o.ttl;\n"
        "const p = ttl ? { expirationTtl: ttl } : undefined; await kv.put('a', 'b', p); } }",
        "maybe",
    ),
    "in then": ("kv.put('a', 'b', { expirationTtl: 60 }).then(() => 1).catch(() => 2);", "yes(60)"),
}


@pytest.mark.parametrize("name", PUTS)
def test_the_verdict_on_a_put(said, name):
    source, wanted = PUTS[name]
    (line,) = [line for line in said(HEAD + source) if line.startswith("put")]
    assert line.partition(" ttl=")[2] == wanted


WRAPPERS = {
    "all callers pass one": (
        "async function save(k, ttl) { await env.SESSIONS.put(k, 'v', { expirationTtl: ttl }); } save('a', 60); save('b', 90);",
        "yes(60,90)",
        0,
    ),
    "one caller passes none": (
        "async function save(k, ttl) { await env.SESSIONS.put(k, 'v', { expirationTtl: ttl }); } save('a', 60); save('b');",
        "maybe(60)",
        1,
    ),
    "no caller passes one": (
        "async function save(k, o) { await env.SESSIONS.put(k, 'v', o); } save('a'); save('b');",
        "no",
        0,
    ),
    "options passed through": (
        "async function save(k, o) { await env.SESSIONS.put(k, 'v', o); } save('a', { expirationTtl: 60 });",
        "yes(60)",
        0,
    ),
    "two levels": (
        "async function low(k, ttl) { await env.SESSIONS.put(k, 'v', { expirationTtl: ttl }); }\n"
        "async function high(k, ttl) { await low(k, ttl); } high('a', 60); high('b');",
        "maybe(60)",
        1,
    ),
    "default parameter": (
        "async function save(k, ttl = 60) { await env.SESSIONS.put(k, 'v', { expirationTtl: ttl }); } save('a');",
        "yes(60)",
        0,
    ),
    "default parameter, no caller": (
        "export async function save(k: string, ttl = 60) { await env.SESSIONS.put(k, 'v', { expirationTtl: ttl }); }",
        "yes(60)",
        0,
    ),
    "default in destructuring": (
        "async function save({ k, ttl = 60 }) { await env.SESSIONS.put(k, 'v', { expirationTtl: ttl }); } save({ k: 'a' });",
        "yes(60)",
        0,
    ),
    "required parameter, no caller": (
        "export async function save(k: string, ttl: number) { await env.SESSIONS.put(k, 'v', { expirationTtl: ttl }); }",
        "yes",
        0,
    ),
    "optional parameter, no caller": (
        "export async function save(k: string, ttl?: number) { await env.SESSIONS.put(k, 'v', { expirationTtl: ttl }); }",
        "maybe",
        0,
    ),
    "optional parameter on a condition, no caller": (
        "export async function save(k: string, ttl?: number) {\n"
        "  await env.SESSIONS.put(k, 'v', ttl ? { expirationTtl: ttl } : undefined); }",
        "maybe",
        0,
    ),
    "options without a caller": (
        "export async function save(k: string, o: KVNamespacePutOptions) { await env.SESSIONS.put(k, 'v', o); }",
        "unknown",
        0,
    ),
    "conditional in the wrapper": (
        "async function save(k, ttl) { await env.SESSIONS.put(k, 'v', ttl ? { expirationTtl: ttl } : {}); } save('a', 60);",
        "yes(60)",
        0,
    ),
    "conditional assignment in the wrapper": (
        "async function save(k, ttl) { const o = {}; if (ttl) { o.expirationTtl = ttl; }\n"
        "await env.SESSIONS.put(k, 'v', o); } save('a', 60); save('b');",
        "maybe(60)",
        1,
    ),
    "method": (
        "class S { constructor(kv) { this.kv = kv; } async set(k, v, ttl) { await this.kv.put(k, v, { expirationTtl: ttl }); } }\n"
        "const s = new S(env.SESSIONS); s.set('a', 'b', 60); s.set('c', 'd');",
        "maybe(60)",
        1,
    ),
    "options of the maker": (
        "class S { constructor(kv, o) { this.kv = kv; this.ttl = o.ttl; } async set(k, v) { await this.kv.put(k, v, { expirationTtl: this.ttl }); } }\n"
        "new S(env.SESSIONS, { ttl: 60 }).set('a', 'b');",
        "yes(60)",
        0,
    ),
    "caller passes what is not known": (
        "async function save(k, ttl) { await env.SESSIONS.put(k, 'v', ttl ? { expirationTtl: ttl } : {}); } save('a', cfg.ttl);",
        "yes",
        0,
    ),
    "a part of what is passed": (
        "async function save(s) { await env.SESSIONS.put('a', 'v', s.ttl ? { expirationTtl: s.ttl } : {}); } save(session);",
        "maybe",
        1,
    ),
    "options of a maker of handlers": (
        "const limit = (o) => async (c) => { await c.env.SESSIONS.put(o.prefix, '1', { expirationTtl: o.seconds }); };\n"
        "app.use(limit({ prefix: 'a', seconds: 60 })); app.use(limit({ prefix: 'b' }));",
        "maybe(60)",
        1,
    ),
    "one function of the same name elsewhere": (
        "async function save(k, ttl) { await env.SESSIONS.put(k, 'v', { expirationTtl: ttl }); } save('a', 60);\n"
        "const other = { save(k) {} }; other.save('b');",
        "yes(60)",
        0,
    ),
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_the_verdict_on_a_wrapper_is_its_callers(project, said, name):
    source, wanted, without = WRAPPERS[name]
    (line,) = said(source)
    assert line.partition(" ttl=")[2] == wanted
    (operation,) = project(source).operations
    assert operation.ttl is not None
    assert len(operation.ttl.without) == without


def test_two_puts_in_the_arms_of_a_test_for_the_ttl(said):
    source = """
        async function save(k, ttl) {
          if (ttl) { await env.SESSIONS.put(k, "v", { expirationTtl: ttl }); }
          else { await env.SESSIONS.put(k, "v"); }
        }
        save("a", 60); save("b");
    """
    assert said(source) == ["put SESSIONS a ttl=yes(60)", "put SESSIONS b ttl=no"]
