"""How reads and puts relate: which one stands in for which, what is written back, what is kept."""

import pytest

from audits.operation import RelationKind

WRANGLER = """
name = "x"
kv_namespaces = [{ binding = "SESSIONS", id = "1" }, { binding = "STORE", id = "2" }]
[[durable_objects.bindings]]
name = "OBJECT"
class_name = "SessionObject"
[[d1_databases]]
binding = "DB"
"""


@pytest.fixture
def relations(project):
    """Every relation as `kind what how together`, with `+n` for the calls between."""

    def run(files):
        found = project(files, wrangler=WRANGLER).operations
        return [
            " ".join(filter(None, [one.kind, one.what, one.how, str(one.together), "+" * one.through]))
            for operation in found
            for one in operation.relations
        ]

    return run


def handler(body: str) -> str:
    return f"export async function f(env, id, on) {{ const stub = env.OBJECT.get(env.OBJECT.idFromName(id));\n{body} }}"


STANDS_IN = {
    "nullish": ("return (await stub.read()) ?? env.SESSIONS.get(id);", "fallback Durable Object absent 2"),
    "or": ("return (await stub.read()) || (await env.SESSIONS.get(id));", "fallback Durable Object absent 2"),
    "nullish of a member": (
        "const s = await stub.read(); return s?.name ?? env.SESSIONS.get(id);",
        "fallback Durable Object absent 2",
    ),
    "not": (
        "let s = await stub.read(); if (!s) s = await env.SESSIONS.get(id); return s;",
        "fallback Durable Object absent 2",
    ),
    "is null": (
        "let s = await stub.read(); if (s === null) { s = await env.SESSIONS.get(id); } return s;",
        "fallback Durable Object absent 2",
    ),
    "assigned when missing": (
        "let s = await stub.read(); s ??= await env.SESSIONS.get(id); return s;",
        "fallback Durable Object absent 2",
    ),
    "assigned to itself or": (
        "let s = await stub.read(); s = s || (await env.SESSIONS.get(id)); return s;",
        "fallback Durable Object absent 2",
    ),
    "assigned within the condition": (
        "let s; if (!(s = await stub.read())) s = await env.SESSIONS.get(id); return s;",
        "fallback Durable Object absent 2",
    ),
    "behind a try, assigned when missing": (
        "let s; try { s = await stub.read(); } catch {} s ??= await env.SESSIONS.get(id); return s;",
        "fallback Durable Object absent 2",
    ),
    "else": (
        "const s = await stub.read(); if (s) { return s; } else { return env.SESSIONS.get(id); }",
        "fallback Durable Object absent 2",
    ),
    "after a return": (
        "const s = await stub.read(); if (s) return s; return env.SESSIONS.get(id);",
        "fallback Durable Object absent 2",
    ),
    "ternary": (
        "const s = await stub.read(); return s ? s : await env.SESSIONS.get(id);",
        "fallback Durable Object absent 2",
    ),
    "catch": (
        "try { return await stub.read(); } catch { return await env.SESSIONS.get(id); }",
        "fallback Durable Object failed 2",
    ),
    "catch of the promise": (
        "return stub.read().catch(() => env.SESSIONS.get(id));",
        "fallback Durable Object failed 2",
    ),
    "behind a try": (
        "try { return await stub.read(); } catch (e) { console.log(e); } return env.SESSIONS.get(id);",
        "fallback Durable Object failed 2",
    ),
    "not bound": (
        "if (env.OBJECT) { return stub.read(); } return env.SESSIONS.get(id);",
        "fallback Durable Object unbound 2",
    ),
    "not bound, else": (
        "let s; if (env.OBJECT) { s = await stub.read(); } else { s = await env.SESSIONS.get(id); } return s;",
        "fallback Durable Object unbound 2",
    ),
    "continue": (
        "const all = []; for (const one of id) { const s = await stub.read(one); if (s) { all.push(s); continue; }"
        " all.push(await env.SESSIONS.get(one)); } return all;",
        "fallback Durable Object absent 1",
    ),
    "in front": (
        "let s = await env.SESSIONS.get(id); if (!s) s = await stub.read(); return s;",
        "before Durable Object absent 2",
    ),
    "in front, promised": (
        "return env.SESSIONS.get(id).then((s) => s ?? stub.read());",
        "before Durable Object absent 2",
    ),
    "an answer that is not ok": (
        "const a = await stub.fetch('https://x'); if (!a.ok) return env.SESSIONS.get(id, 'json'); return a.json();",
        "fallback Durable Object absent 2",
    ),
    "an answer of 404": (
        "const a = await stub.fetch('https://x'); if (a.status === 404) return env.SESSIONS.get(id); return a.text();",
        "fallback Durable Object absent 2",
    ),
}
APART = {
    "both anyway": "const s = await stub.read(); const t = await env.SESSIONS.get(id); return { s, t };",
    "where it is there": "const s = await stub.read(); if (!s) return null; return env.SESSIONS.get(s.name);",
    "inside where it is there": "const s = await stub.read(); if (s) { return env.SESSIONS.get(s.name); }",
    "thrown when missing": "const s = await stub.read(); if (!s) throw new Error(); return env.SESSIONS.get(id);",
    "a condition of its own": "const s = await stub.read(); if (on) return env.SESSIONS.get(id); return s;",
    "two routes": "if (on === 1) { const s = await stub.read(); if (s) return s; return 0; } return env.SESSIONS.get(id);",
    "two arms": "if (on === 1) { return stub.read(); } else { return env.SESSIONS.get(id); }",
    "two cases": (
        "switch (on) { case 1: { const s = await stub.read(); if (s) return s; break; }"
        " case 2: return env.SESSIONS.get(id); }"
    ),
    "a write": "const ok = await stub.save(id); if (!ok) return env.SESSIONS.get(id); return ok;",
    "compared": "const s = await stub.read(); const t = await env.SESSIONS.get(id); return s === t;",
}


@pytest.mark.parametrize("name", STANDS_IN)
def test_a_read_stands_in_for_another(name, relations):
    body, wanted = STANDS_IN[name]
    assert relations(handler(body)) == [wanted]


@pytest.mark.parametrize("name", APART)
def test_reads_that_have_nothing_to_do_with_each_other(name, relations):
    assert relations(handler(APART[name])) == []


def test_a_helper_that_reads_kv_is_seen_from_where_it_is_called(relations):
    files = {
        "src/kv.ts": "export const fromKv = (env, id) => env.SESSIONS.get(`session:${id}`);",
        "src/index.ts": "import { fromKv } from './kv';\n"
        + handler("return (await stub.read()) ?? fromKv(env, id);"),
    }
    assert relations(files) == ["fallback Durable Object absent 2 +"]


def test_a_helper_that_only_has_a_store_beside_kv_is_no_read_of_the_store(relations):
    source = "async function both(env, id) { const s = await env.DB.prepare('SELECT 1').first();"
    source += (
        " return s ?? env.SESSIONS.get(id); } export const f = async (env, id) => (await both(env, id)) ??"
    )
    assert relations(source + " env.STORE.get(id);") == ["fallback D1 absent 2"]


REWRITES = {
    "the same value": "const v = await env.STORE.get(id); await env.STORE.put(id, v);",
    "parsed and changed": (
        "const v = JSON.parse(await env.STORE.get(id)); v.n = 1; await env.STORE.put(id, JSON.stringify(v));"
    ),
    "put into another object": (
        "const v = await env.STORE.get(id, 'json'); const all = {}; for (const k in v) { all[k] = v[k]; }"
        " await env.STORE.put(id, JSON.stringify(all));"
    ),
    "pushed": (
        "const v = await env.STORE.get(id, 'json'); const all = []; all.push(v); await env.STORE.put(id, all);"
    ),
    "assigned": (
        "const v = await env.STORE.get(id, 'json'); const all = Object.assign({}, v, on); await env.STORE.put(id, all);"
    ),
    "mapped": "const v = await env.STORE.get(id, 'json'); await env.STORE.put(id, v.map((x) => x).join());",
    "one of its items": (
        "const v = await env.STORE.get(id, 'json'); v.forEach(async (x) => { await env.STORE.put(id, x); });"
    ),
    "gathered": (
        "const [v] = await Promise.all([env.STORE.get(id), on()]); await env.STORE.put(id, `${v}!`);"
    ),
    "through a function that gives it back": (
        "const change = (v) => ({ ...v, n: 1 }); const v = await env.STORE.get(id, 'json');"
        " await env.STORE.put(id, await change(v));"
    ),
    "through a library, at once": (
        "const v = await env.STORE.get(id); const w = on.tidy(v); await env.STORE.put(id, w);"
    ),
    "on one way": ("let v = await env.STORE.get(id); if (on) { v = 'x'; } await env.STORE.put(id, v);"),
}
NEW = {
    "assigned in between": "let v = await env.STORE.get(id); v = on; await env.STORE.put(id, v);",
    "only asked for": "const v = await env.STORE.get(id); await env.STORE.put(id, v === on ? 'a' : 'b');",
    "negated": "const v = await env.STORE.get(id); await env.STORE.put(id, String(!v));",
    "the other of two": (
        "const [v, w] = await Promise.all([env.STORE.get(id), on()]); await env.STORE.put(id, w); return v;"
    ),
    "sent away": (
        "const v = await env.STORE.get(id); const a = await fetch('https://x', { body: v });"
        " await env.STORE.put(id, await a.text());"
    ),
    "through a function that gives back another thing": (
        "const change = async (v) => { console.log(v); return 1; }; const v = await env.STORE.get(id);"
        " await env.STORE.put(id, await change(v));"
    ),
    "answered from outside": (
        "const v = await env.STORE.get(id); const w = await on.refresh(v); await env.STORE.put(id, w);"
    ),
    "used as a key": "const v = await env.STORE.get(id); await env.STORE.put(id, on[v]);",
    "in the options": "const v = await env.STORE.get(id); await env.STORE.put(id, on, { metadata: { v } });",
    "another key": "const v = await env.STORE.get(id); await env.STORE.put(on, v);",
    "a set on the context": (
        "const v = await env.STORE.get(id); on.set('v', v); await env.STORE.put(id, await on.text());"
    ),
}


@pytest.mark.parametrize("name", REWRITES)
def test_a_put_is_made_of_what_was_read(name, relations):
    assert relations(handler(REWRITES[name])) == ["rewrite get 2"]


@pytest.mark.parametrize("name", NEW)
def test_a_put_is_made_of_something_else(name, relations):
    assert relations(handler(NEW[name])) == []


def test_what_is_written_where_nothing_was_read_says_so(relations):
    source = handler("let v = await env.STORE.get(id); if (!v) { v = v + 1; await env.STORE.put(id, v); }")
    assert relations(source) == ["rewrite get absent 2"]


def test_copies_of_a_key_in_another_namespace_say_so(relations):
    source = handler("const v = await env.STORE.get(id); await env.SESSIONS.put(id, v);")
    assert relations(source) == ["rewrite get copied 2"]


def test_indexes_are_the_names_of_computed_keys(project):
    source = handler(
        "const all = await env.STORE.get('all', 'json'); delete all[id]; all[on.token] = 1;"
        " await env.STORE.put('all', JSON.stringify(all));"
    )
    (_, put) = project(source, wrangler=WRANGLER).operations
    assert [one.indexes for one in put.relations] == [("id", "on.token")]


KEPT = {
    "a map": "const m = new Map(); export async function f(env, id) { m.set(id, await env.STORE.get(id)); }",
    "an object": "const m = {}; export async function f(env, id) { m[id] = await env.STORE.get(id); }",
    "a member": "const m = {}; export async function f(env, id) { m.now = await env.STORE.get(id); }",
    "a variable": "let m; export async function f(env, id) { m = await env.STORE.get(id); }",
    "a static map": (
        "class A { static m = new Map(); static async f(env, id) { A.m.set(id, await env.STORE.get(id)); } }"
    ),
}
FOR_A_WHILE = {
    "with a time": (
        "const m = new Map(); export async function f(env, id) {"
        " m.set(id, { v: await env.STORE.get(id), at: Date.now() }); }"
    ),
    "taken out": (
        "const m = new Map(); export async function f(env, id) { m.set(id, await env.STORE.get(id)); m.delete(id); }"
    ),
    "emptied": (
        "let m; export async function f(env, id) { m = await env.STORE.get(id); }\nexport function g() { m = null; }"
    ),
}
LET_GO = {
    "of the function": (
        "export async function f(env, id) { const m = new Map(); m.set(id, await env.STORE.get(id)); return m; }"
    ),
    "weak": "const m = new WeakMap(); export async function f(env, id) { m.set(id, await env.STORE.get(id)); }",
    "read by the module itself": "const m = await STORE.get('a'); export const f = () => m;",
}


@pytest.mark.parametrize("name", KEPT)
def test_what_the_isolate_keeps(name, project):
    (operation,) = project(KEPT[name], wrangler=WRANGLER).operations
    assert [(one.kind, one.text, one.how) for one in operation.relations] == [(RelationKind.KEPT, "m", "")]


@pytest.mark.parametrize("name", FOR_A_WHILE)
def test_what_the_isolate_keeps_for_a_while(name, project):
    (operation,) = project(FOR_A_WHILE[name], wrangler=WRANGLER).operations
    assert [(one.kind, one.text, one.how) for one in operation.relations] == [
        (RelationKind.KEPT, "m", "ends")
    ]


@pytest.mark.parametrize("name", LET_GO)
def test_what_the_isolate_does_not_keep(name, project):
    (operation,) = project(LET_GO[name], wrangler=WRANGLER).operations
    assert operation.relations == ()


def test_relations_are_sorted_and_the_same_whatever_the_files_are_called(project, relations):
    body = "return (await stub.read()) ?? fromKv(env, id);"
    for kv, index in (("a", "z"), ("z", "a")):
        files = {
            f"src/{kv}.ts": "export const fromKv = (env, id) => env.SESSIONS.get(`session:${id}`);",
            f"src/{index}.ts": f"import {{ fromKv }} from './{kv}';\n" + handler(body),
        }
        assert "fallback Durable Object absent 2 +" in relations(files)


def test_an_entangled_name_ends_in_bounded_time(project):
    lines = [
        f"if (on === {n}) {{ s = (await env.STORE.get('k{n}')) ?? s; await env.STORE.put('k{n}', s); }}"
        for n in range(150)
    ]
    found = project(handler("let s; " + "\n".join(lines)), wrangler=WRANGLER).operations
    assert len(found) == 300
