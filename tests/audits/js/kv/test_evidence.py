"""What speaks for and against a namespace of which neither configuration nor types say anything."""

import json

import pytest

NONE = 'name = "x"\n'


@pytest.mark.parametrize(
    "source",
    [
        "export const f = (ctx) => ctx.kv.put('p:a', 'id', { document: {}, version: 1 });",
        "export const f = async (ctx) => { await ctx.kv.put('a', { user: 1 }); };",
        "export const f = async (ctx) => { await ctx.kv.put('a', 'b', 3600); };",
        "export class G { constructor(private kv: Store) {} f(game) { return this.kv.put('a', [game]); } }",
        "export const f = async (ctx) => { for (const one of await ctx.kv.list('a:')) await ctx.kv.delete(one.key); };",
    ],
    ids=[
        "options of another store",
        "an object as the value",
        "a number for the TTL",
        "a list as the value",
        "a text as the options of a list",
    ],
)
def test_what_no_namespace_takes_speaks_against_a_name(said, source):
    assert said(source, wrangler=NONE) == []


def test_a_misspelt_option_speaks_for_a_namespace_and_gives_no_end(said):
    source = "export default { fetch: (r, env) => env.LINKS.put('a', 'b', { ttl: 60 }) };"
    assert said(source, wrangler=NONE) == ["put LINKS a ttl=no"]


def test_only_namespaces_and_buckets_have_put_in_env_whatever_their_name(said):
    source = """
        export async function onRequest({ env }) {
          const DB = env.DB;
          await DB.put(`sess:${token}`, value);
          return DB.get("a");
        }"""
    assert said(source, wrangler=NONE) == ["put DB sess:{token} ttl=no", "get DB a"]
    assert said(source + "\nawait env.DB.prepare('SELECT 1').first();", wrangler=NONE) == []
    assert said("await env.UPLOADS.put('a', 'b');", wrangler=NONE) == []


def test_a_name_is_that_of_a_binding_whatever_holds_it(project, said):
    source = """
        interface Env { limits: KVNamespace; FILES: R2Bucket }
        export const a = (deps) => deps.limits.put("a", "b");
        export class B { constructor(private ctx: Context) {}
          f() { return this.ctx.SESSIONS.put("c", "d"); }
          g() { return this.ctx.FILES.put("e", "f"); } }"""
    assert said(source) == ["put limits a ttl=no", "put SESSIONS c ttl=no"]
    assert {int(operation.confidence) for operation in project(source).operations} == {2}


def test_a_name_alone_is_no_evidence_where_nothing_runs_in_workers(said):
    files = {"a.ts": "export async function f(kv) { await kv.put('a', 'b'); }"}
    assert said(files, wrangler=None) == []
    elsewhere = {"b.ts": "export const g = (kv: KVNamespace) => kv.get('c');"}
    assert said({**files, **elsewhere}, wrangler=None) == ["put - a ttl=no", "get - c"]
    assert said({**files, "b.ts": ""}, wrangler=NONE) == ["put - a ttl=no"]


ABSTRACT = """
    export interface Store {
      get(key: string): Promise<string | null>;
      put(key: string, value: string, options?: { expirationTtl?: number }): Promise<void>;
    }
    export class Auth { constructor(private store: Store) {}
      save(id: string) { return this.store.put(id, "1"); } }
    """


def test_what_a_class_with_a_namespace_implements_is_no_namespace_itself(said):
    assert said(ABSTRACT) == ["put - {id} ttl=no"]
    implemented = """
    export class OfWorkers implements Store { constructor(private kv: KVNamespace) {}
      put(key: string, value: string) { return this.kv.put(key, value); } }"""
    assert said(ABSTRACT + implemented) == ["put - {key} ttl=no"]


def test_a_store_with_a_ttl_of_its_own_is_no_namespace_for_its_name(said):
    source = """
        interface KVStorage { get(key: string): unknown; put(key: string, value: unknown, ttl?: number): void }
        export const f = (kv: KVStorage) => kv.put("a", "b");"""
    assert said(source) == []
    assert said(source.replace(", ttl?: number", "")) == ["put - a ttl=no"]


@pytest.mark.parametrize("package", ["wrangler", "@cloudflare/next-on-pages"])
def test_a_package_that_asks_for_cloudflares_tools_runs_in_workers(said, package):
    files = {"a.ts": "export async function f(kv) { await kv.put('a', 'b'); }"}
    assert said({**files, "package.json": json.dumps({"devDependencies": {package: "1"}})}, wrangler=None)
    assert (
        said({**files, "package.json": json.dumps({"dependencies": {"express": "1"}})}, wrangler=None) == []
    )


def test_what_has_put_in_the_environment_of_a_process_is_a_binding(project):
    files = {"a.ts": "const kv = process.env.WINE_KV; export const f = () => kv.put('a', 'b');"}
    (operation,) = project(files, wrangler=None).operations
    assert (operation.binding, int(operation.confidence)) == ("WINE_KV", 2)


def test_bindings_are_told_apart_whatever_variables_they_are_in(said):
    source = """
        export async function a(env) { const db = env.DB; return db.prepare("SELECT 1").first(); }
        export async function b(env) { const db = env.ITEMS; await db.put("a", "b"); }"""
    assert said(source, wrangler=NONE) == ["put ITEMS a ttl=no"]


SCRIPT = """
    addEventListener('fetch', (event) => event.respondWith(answer(event.request)));
    async function answer(request) { await store.put('a', await request.text()); return store.get('b'); }
    """


def test_an_undeclared_global_of_a_service_worker_is_a_namespace_by_its_use(said):
    assert said({"w.js": SCRIPT}, wrangler=None) == ["put store a ttl=no", "get store b"]


@pytest.mark.parametrize(
    "more",
    [
        "importScripts('store.js');",
        "const store = open();",
        "async function g() { await store.put('a'); }",
        "async function g() { await store.setItem('a', 'b'); }",
    ],
    ids=["may come from another script", "declared", "put of one argument", "a method of another store"],
)
def test_what_a_script_says_against_it_counts(said, more):
    assert said({"w.js": SCRIPT + more}, wrangler=None) == []
    assert said({"w.js": SCRIPT.replace("'fetch'", "'load'")}, wrangler=None) == []


STAND_IN = """
    export class Store { held: any;
      constructor(platform) { this.held = platform.env.THINGS ? platform.env.THINGS : new Map(); }
      f() { this.held.set('a', 'b'); return this.held.put('a', 'b'); } }
    """


def test_a_stand_in_of_something_in_env_speaks_neither_for_nor_against_it(said):
    assert said(STAND_IN, wrangler=NONE) == ["put THINGS a ttl=no"]
    assert said(STAND_IN.replace("platform.env.THINGS", "platform.things"), wrangler=NONE) == []


def test_a_sure_use_in_env_outweighs_methods_of_another_runtime(said):
    source = """
        export default { async fetch(r, env) { const store = env.THING;
          if (workers) await store.put("a", "b", { expirationTtl: 60 }); else await store.set("a", "b"); } };"""
    assert said(source, wrangler=NONE) == ["put THING a ttl=yes(60)"]
    assert said(source.replace("{ expirationTtl: 60 }", "60"), wrangler=NONE) == []


PAGES = """
    export async function onRequestGet({ request, env }) {
      const token = request.headers.get("Cookie").match(/s=(.*)/)[1];
      return new Response(await env.SESSIONS.get(token));
    }
    """


@pytest.mark.parametrize(
    ("path", "name", "is_worker"),
    [
        ("functions/me.js", "onRequestGet", True),
        ("site/functions/api/[id].js", "onRequest", True),
        ("handlers/me.js", "onRequestGet", False),
        ("functions/me.js", "run", False),
    ],
)
def test_a_function_of_pages_runs_in_workers_without_a_configuration(said, path, name, is_worker):
    operations = said({path: PAGES.replace("onRequestGet", name)}, wrangler=None)
    assert operations == ["get SESSIONS {token}"] * is_worker
