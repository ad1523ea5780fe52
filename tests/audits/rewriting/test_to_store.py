"""What a call becomes on the session store, and what is left because it is not certain."""

import pytest

HEAD = "export const f = async (env: Env, sid: string, any: any, ctx: any) => {\n"
READ = "env.SESSIONS.get(`session:${sid}`"

READS = {
    "bare": (f"const s = await {READ}, 'json');", "const s = (await sessionStore(env).get(sid))?.data ?? null;"),
    "typed": ("const s = await env.SESSIONS.get<S>(`session:${sid}`, 'json');", "const s = (await sessionStore(env).get<S>(sid))?.data ?? null;"),
    "in a condition": (f"if (await {READ}, 'json')) any();", "if ((await sessionStore(env).get(sid))?.data ?? null) any();"),
    "there or not": (f"if (!(await {READ}))) any();", "if (!(await sessionStore(env).get(sid))) any();"),
    "null or not": (f"const has = (await {READ})) !== null;", "const has = (await sessionStore(env).get(sid)) !== null;"),
    "or something": (f"const s = (await {READ}, 'json')) ?? any;", "const s = ((await sessionStore(env).get(sid))?.data ?? null) ?? any;"),
    "assigned": (f"any.s = await {READ}, 'json');", "any.s = (await sessionStore(env).get(sid))?.data ?? null;"),
    "a property": (f"any((await {READ}, 'json')).user);", "any(((await sessionStore(env).get(sid))?.data ?? null).user);"),
    "parsed in place": (f"any(JSON.parse(await {READ})));", "any((await sessionStore(env).get(sid))?.data ?? null);"),
    "parsed with a cast": (f"any(JSON.parse((await {READ}))!) as S);", "any(((await sessionStore(env).get(sid))?.data ?? null) as S);"),
    "parsed or an object": (f"any(JSON.parse((await {READ})) ?? '{{}}'));", "the text itself is used, and the store gives parsed data"),
    "parsed with a reviver": (f"any(JSON.parse(await {READ}), any));", "the text itself is used, and the store gives parsed data"),
    "returned as text": (f"return {READ});", "the text itself is used, and the store gives parsed data"),
    "two parses": (f"const t = await {READ}); if (t) any(JSON.parse(t), JSON.parse(t));", "const t = await sessionStore(env).get(sid); if (t) any(t.data, t.data);"),
    "parsed in a closure": (f"const t = await {READ}); if (!t) return; any(() => JSON.parse(t));", "const t = await sessionStore(env).get(sid); if (!t) return; any(() => t.data);"),
    "parsed where it may be missing": (f"const t = await {READ}); if (any) return; any(JSON.parse(t!));", "const t = await sessionStore(env).get(sid); if (any) return; any(t?.data ?? null);"),
    "parsed behind a check that goes on": (f"const t = await {READ}); if (!t) any(); any(JSON.parse(t!));", "const t = await sessionStore(env).get(sid); if (!t) any(); any(t?.data ?? null);"),
    "parsed in a switch": (f"const t = await {READ}); switch (any) {{ case 1: if (!t) break; any(JSON.parse(t)); }}", "const t = await sessionStore(env).get(sid); switch (any) { case 1: if (!t) break; any(t.data); }"),
    "compared with text": (f"const t = await {READ}); if (t === 'x') any();", "the text itself is used, and the store gives parsed data in line 2"),
    "in an object": (f"const t = await {READ}); any({{ t }});", "the text itself is used, and the store gives parsed data in line 2"),
    "in a type": (f"const t = await {READ}); let u: typeof t; any(u);", "the text itself is used, and the store gives parsed data in line 2"),
    "as a stream": (f"return {READ}, 'stream');", "it is read as stream"),
    "with an unknown option": (f"return {READ}, {{ type: any }});", "its options cannot be seen here"),
    "many keys": ("return env.SESSIONS.get([`session:${sid}`], 'json');", "the key is not certain to be a constant prefix and one id behind it"),
}  # fmt: skip


@pytest.mark.parametrize("name", READS)
def test_a_read(name, became):
    code, wanted = READS[name]
    assert became(f"{HEAD}{code}\n}};\n") == wanted


WRITES = {
    "object": ("await env.SESSIONS.put(`session:${sid}`, JSON.stringify({ a: 1 }));", "await sessionStore(env).put(sid, { a: 1 });"),
    "options": ("await env.SESSIONS.put(`session:${sid}`, JSON.stringify(any), { expirationTtl: 60 });", "await sessionStore(env).put(sid, any, { expirationTtl: 60 });"),
    "not awaited": ("ctx.waitUntil(env.SESSIONS.put(`session:${sid}`, JSON.stringify(any)));", "ctx.waitUntil(sessionStore(env).put(sid, any));"),
    "text": ("await env.SESSIONS.put(`session:${sid}`, 'x');", "what is written is not made by JSON.stringify here"),
    "spread": ("await env.SESSIONS.put(`session:${sid}`, ...any);", "the method is called by another name, or its arguments are spread"),
    "replaced": ("await env.SESSIONS.put(`session:${sid}`, JSON.stringify(any, any));", "what is written is not made by JSON.stringify here"),
    "login": ("const id = crypto.randomUUID(); await env.SESSIONS.put(`session:${id}`, JSON.stringify(any));", "const id = crypto.randomUUID(); await sessionStore(env).create(id, any);"),
    "login in a condition": ("const id = crypto.randomUUID(); if (any) await env.SESSIONS.put(`session:${id}`, JSON.stringify(any));", "const id = crypto.randomUUID(); if (any) await sessionStore(env).create(id, any);"),
    "login in a loop": ("const id = crypto.randomUUID(); for (;;) await env.SESSIONS.put(`session:${id}`, JSON.stringify(any));", "const id = crypto.randomUUID(); for (;;) await sessionStore(env).put(id, any);"),
    "id made in a loop": ("for (;;) { const id = crypto.randomUUID(); await env.SESSIONS.put(`session:${id}`, JSON.stringify(any)); }", "for (;;) { const id = crypto.randomUUID(); await sessionStore(env).create(id, any); }"),
    "twice": ("const id = crypto.randomUUID(); await env.SESSIONS.put(`session:${id}`, JSON.stringify(any)); await env.SESSIONS.put(`session:${id}`, JSON.stringify(1));", "const id = crypto.randomUUID(); await sessionStore(env).create(id, any); await sessionStore(env).put(id, 1);"),
    "delete": ("return env.SESSIONS.delete(`session:${sid}`);", "return sessionStore(env).delete(sid);"),
    "a read in it": ("await env.SESSIONS.put(`session:${sid}`, JSON.stringify({ ...(await env.SESSIONS.get(`session:${sid}`, 'json')), a: 1 }));", "await sessionStore(env).put(sid, { ...((await sessionStore(env).get(sid))?.data ?? null), a: 1 });"),
    "only a read in it": ("await env.SESSIONS.put(`session:${sid}`, JSON.stringify(await env.SESSIONS.get(`session:${sid}`, 'json')));", "await sessionStore(env).put(sid, (await sessionStore(env).get(sid))?.data ?? null);"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITES)
def test_a_write(name, became):
    code, wanted = WRITES[name]
    assert became(f"{HEAD}{code}\n}};\n") == wanted


def test_reads_of_text_wait_until_all_writes_are_seen(became):
    read = f"{HEAD}const t = await {READ}); return t ? JSON.parse(t) : null;\n}};\n"
    hidden = "export const g = (kv: KVNamespace, sid: string, v: string) => kv.put(`session:${sid}`, v);\n"
    bound = (
        "export const g = (env: Env, sid: string, v: string) => {\n"
        "  const put = env.SESSIONS.put.bind(env.SESSIONS);\n  return put(`session:${sid}`, v);\n};\n"
    )
    reason = "some sessions are written as other text than JSON"
    assert became(read).startswith("const t = await sessionStore(env).get(sid);")
    for other in (hidden, bound):
        assert reason in became({"src/index.ts": read, "src/other.ts": other})


def test_what_was_read_and_is_written_back_goes_together_or_not_at_all(became):
    both = "{}const t = await {}); if (t) await env.SESSIONS.put(`session:${{sid}}`, t); {}\n}};\n"
    assert became(both.format(HEAD, READ, "")) == (
        "const t = await sessionStore(env).get(sid); if (t) await sessionStore(env).put(sid, t.data);"
    )
    assert became(both.format(HEAD, READ, "any(t);")) == (
        "the text itself is used, and the store gives parsed data in line 2"
    )
    unchecked = both.format(HEAD, READ, "").replace("if (t) ", "")
    assert became(unchecked) == "what was read is written back without a check that it is there"


@pytest.mark.parametrize(
    ("before", "touched"),
    [
        ("", True),
        ("any(session.user === 1);", True),
        ("any(session);", False),
        ("any(session.user);", False),
        ("session.user = 1;", False),
        ("session.users.push(1);", False),
        ("const { user } = session; user.x = 1;", False),
        ("sid = any;", False),
    ],
)
def test_a_renewal_is_one_only_if_nothing_can_have_changed(before, touched, became):
    code = (
        f"{HEAD}const session = await {READ}, 'json'); if (!session) return; {before}"
        " await env.SESSIONS.put(`session:${sid}`, JSON.stringify(session), { expirationTtl: 7200 });\n};\n"
    )
    assert ("touch(sid, { expirationTtl: 7200 })" in became(code)) == touched


@pytest.mark.parametrize(
    "other",
    [
        "{ expirationTtl: 3600 }",
        "{ expirationTtl: any }",
        "{ expirationTtl: 7200, metadata: any }",
        "{ expiration: any }",
        "any",
    ],
)
def test_a_renewal_is_one_only_if_all_sessions_live_as_long(other, became):
    code = (
        f"{HEAD}const session = await {READ}, 'json');"
        " if (session) await env.SESSIONS.put(`session:${sid}`, JSON.stringify(session), { expirationTtl: 7200 });"
        " await env.SESSIONS.put(`session:${any.sid}`, JSON.stringify(1), { expirationTtl: 7200 });\n};\n"
    )
    assert "touch(" in became(code)
    different = code.replace("JSON.stringify(1), { expirationTtl: 7200 }", f"JSON.stringify(1), {other}")
    assert "touch(" not in became(different)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import { sessionStore } from './mine';\n", "the name sessionStore is taken in this file"),
        ("const sessionStore = 1;\n", "the name sessionStore is taken in this file"),
        ("function x() { const sessionStore = 1; }\n", "the name sessionStore is taken in this file"),
    ],
)
def test_a_name_that_is_taken_is_not_taken_again(text, reason, became):
    assert became(f"{text}{HEAD}return {READ}, 'json');\n}};\n") == reason


def test_sessions_in_two_namespaces_are_two_stores(became):
    code = f"{HEAD}await {READ}, 'json'); await env.OTHER.get(`session:${{sid}}`, 'json');\n}};\n"
    assert became(code) == "sessions are in several namespaces: OTHER, SESSIONS"


def test_only_certain_namespaces_are_rewritten(became):
    code = "export const f = (thing: any, sid: string) => thing.SESSIONS_KV.get(`session:${sid}`, { type: 'json', cacheTtl: 60 });\n"
    assert (
        became(code, prefix="session:")
        == "it is not certain that this is a KV namespace; if so, name it with --binding"
    )


IMPORTS = {
    "behind the last": ("import a from 'a';\nimport {\n  b,\n} from 'b';\n\nconst c = a + b;\n", 4),
    "behind a comment that stands alone": ("// licence\n\n// about c\nconst c = 1;\n", 3),
    "before a comment that does not": ("// about c\nconst c = 1;\n", 1),
    "behind a directive": ("'use strict';\n\nconst c = 1;\n", 3),
    "behind a hash bang": ("#!/usr/bin/env node\nconst c = 1;\n", 2),
}


@pytest.mark.parametrize("name", IMPORTS)
def test_the_import_stands_where_imports_stand(name, rewritten):
    top, line = IMPORTS[name]
    (one,) = rewritten(f"{top}{HEAD}return {READ}, 'json');\n}};\n").changed
    assert one.after.decode().splitlines()[line - 1 + (name == "behind the last")] == (
        "import { sessionStore } from './session-store';"
    )


MODULES = {
    "./session-store": ({"src/a.ts": ""}, "./session-store"),
    "./lib/store": ({"src/a.ts": ""}, "./lib/store"),
    "../store": ({"src/a.ts": ""}, "../store"),
    "@app/session-store": ({"src/a.ts": ""}, "@app/session-store"),
    "./session-store.ts": ({"src/a.ts": ""}, "./session-store.ts"),
}


@pytest.mark.parametrize("module", MODULES)
def test_the_module_is_named_from_the_file(module, rewritten):
    _, spec = MODULES[module]
    made = rewritten(f"{HEAD}return {READ}, 'json');\n}};\n", store_module=module)
    assert f"import {{ sessionStore }} from '{spec}';".encode() in made.changed[0].after


def test_the_ending_of_imports_is_kept(rewritten):
    made = rewritten(f"import './x.js';\n{HEAD}return {READ}, 'json');\n}};\n")
    assert b"from './session-store.js';" in made.changed[0].after


def test_a_store_that_is_not_there_is_said(rewritten):
    files = {"src/index.ts": f"{HEAD}return {READ}, 'json');\n}};\n"}
    assert rewritten(files).notes[:-1] == (
        "there is no src/session-store yet: put the session store there, or kvferry store init DIR first",
    )
    assert rewritten({**files, "src/session-store/index.ts": "export {};\n"}).notes[:-1] == ()


def test_the_prefix_that_the_store_must_have_is_said(rewritten):
    source = f"{HEAD}return {READ}, 'json');\n}};\n"
    said = "set KVFERRY_PREFIX to 'session:': ids are what follows it in a key"
    assert rewritten(source).notes[-1] == said
    assert rewritten(source.replace("session:", "sess:"), prefix="sess:").notes[-1] == said.replace(
        "session:", "sess:"
    )
    assert rewritten("export const h = 1;\n").notes == ()


def test_a_file_that_would_not_parse_any_more_is_left_with_the_reason(rewritten):
    source = "export const f = (env, sessionId) => env.SESSIONS.delete(`session:${sessionId}`);"
    made = rewritten(source, store_module='a"b')
    assert (made.changed, made.places) == ((), 0)
    assert [(one.place.line, one.reason) for one in made.left] == [
        (1, "rewritten, the file would not parse any more")
    ]
