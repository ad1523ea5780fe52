"""Which values are KV namespaces: every shape that defeats a text search, and what is none."""

import pytest

OK = {
    "env member": (
        "export default { async fetch(r, env) { await env.SESSIONS.get('a'); } }",
        ["get SESSIONS a"],
    ),
    "context": ("app.get('/', async (c) => { await c.env.SESSIONS.get('a'); })", ["get SESSIONS a"]),
    "alias": (
        "app.get('/', async (c) => { const kv = c.env.SESSIONS; await kv.get('a'); })",
        ["get SESSIONS a"],
    ),
    "alias of env": (
        "export async function f(c) { const { env } = c; const e = env; await e.SESSIONS.get('a'); }",
        ["get SESSIONS a"],
    ),
    "cast": (
        "const kv = (c.env as unknown as { OTHER?: KVNamespace })?.OTHER; await kv?.get('a');",
        ["get OTHER a"],
    ),
    "cast of the namespace": ("await (ctx.thing.KEPT as KVNamespace).get('a');", ["get KEPT a"]),
    "angle cast": ("await (<KVNamespace>(env as any).KEPT).get('a');", ["get KEPT a"]),
    "destructured": ("const { SESSIONS } = c.env; await SESSIONS.get('a');", ["get SESSIONS a"]),
    "renamed": ("const { SESSIONS: kv } = c.env; await kv.get('a');", ["get SESSIONS a"]),
    "nested destructuring": ("const { env: { SESSIONS: kv } } = c; await kv.get('a');", ["get SESSIONS a"]),
    "destructured parameter": (
        "export async function f({ SESSIONS: kv }: Env) { await kv.get('a'); } interface Env { SESSIONS: KVNamespace }",
        ["get SESSIONS a"],
    ),
    "destructured context parameter": (
        "export const onRequest = async ({ env, params }) => { await env.SESSIONS.get(params.id); }",
        ["get SESSIONS {params.id}"],
    ),
    "default in destructuring": (
        "const { SESSIONS: kv = null } = c.env; await kv.get('a');",
        ["get SESSIONS a"],
    ),
    "parameter": (
        "async function f(kv, k) { return kv.get(k); } f(env.SESSIONS, 'a'); f(env.SESSIONS, 'b');",
        ["get SESSIONS a,b"],
    ),
    "annotated parameter": ("export async function f(kv: KVNamespace) { await kv.get('a'); }", ["get - a"]),
    "arrow parameter": ("const f = (kv) => kv.get('a'); f(c.env.SESSIONS);", ["get SESSIONS a"]),
    "class field": (
        "class S { constructor(env) { this.kv = env.SESSIONS; } g() { return this.kv.get('a'); } }",
        ["get SESSIONS a"],
    ),
    "parameter property": (
        "class S { constructor(private readonly client: KVNamespace, private prefix = 'p:') {}\n"
        "g(id) { return this.client.get(this.prefix + id); } } new S(env.SESSIONS);",
        ["get SESSIONS p:{id}"],
    ),
    "field prefix given by the maker": (
        "class S { constructor(client, prefix) { this.client = client; this.prefix = prefix; }\n"
        "g(id) { return this.client.get(this.prefix + id); } } new S(env.SESSIONS, 'x:'); new S(env.SESSIONS, 'y:');",
        ["get SESSIONS x:{id},y:{id}"],
    ),
    "private field": (
        "class S { #kv; constructor(env) { this.#kv = env.SESSIONS; } g() { return this.#kv.get('a'); } }",
        ["get SESSIONS a"],
    ),
    "options object of a constructor": (
        "class S { constructor(opts) { this.kv = opts.kv; } g() { return this.kv.get('a'); } }\n"
        "new S({ kv: env.SESSIONS });",
        ["get SESSIONS a"],
    ),
    "bound method": (
        "const kv = c.env.SESSIONS; const kvPut = kv?.put?.bind(kv) ?? null; await kvPut('a', 'b');",
        ["put SESSIONS a ttl=no"],
    ),
    "destructured method": ("const { get } = env.SESSIONS; await get('a');", ["get SESSIONS a"]),
    "getter function": (
        "function authKv(env) { return env.SESSIONS ?? null; } await authKv(env)?.get('a');",
        ["get SESSIONS a"],
    ),
    "getter of a class": (
        "class S { constructor(env) { this.env = env; } get kv() { return this.env.SESSIONS; }\n"
        "g() { return this.kv.get('a'); } }",
        ["get SESSIONS a"],
    ),
    "getter of an object": (
        "const s = { env: e, get kv() { return this.env.SESSIONS; } }; await s.kv.get('a');",
        ["get SESSIONS a"],
    ),
    "object that holds it": (
        "const deps = { kv: env.SESSIONS }; await deps.kv.get('a');",
        ["get SESSIONS a"],
    ),
    "object passed on": (
        "async function f({ kv, id }) { await kv.get(`s:${id}`); } f({ kv: env.SESSIONS, id: u.id });",
        ["get SESSIONS s:{u.id}"],
    ),
    "wrapper with the namespace": (
        "const cachedKV = { async get(ns, key) { return ns.get(key); } };\n"
        "await cachedKV.get(c.env.SESSIONS, 'a');",
        ["get SESSIONS a"],
    ),
    "callback": (
        "async function withKv(env, f) { return f(env.SESSIONS); } withKv(env, async (kv) => { await kv.get('a'); });",
        ["get SESSIONS a"],
    ),
    "curried": (
        "const make = (kv) => ({ read: (id) => kv.get('s:' + id) }); make(env.SESSIONS).read(x);",
        ["get SESSIONS s:{id}"],
    ),
    "service worker global": (
        "addEventListener('fetch', (e) => e.respondWith(h())); async function h() { await SESSIONS.get('a'); }",
        ["get SESSIONS a"],
    ),
    "declared global": ("declare const TOKENS: KVNamespace; await TOKENS.get('a');", ["get TOKENS a"]),
    "declare global": (
        "export {}; declare global { const TOKENS: KVNamespace } await TOKENS.get('a');",
        ["get TOKENS a"],
    ),
    "pages": (
        "export const onRequestGet: PagesFunction<Env> = async (context) => { await context.env.SESSIONS.get('a'); }",
        ["get SESSIONS a"],
    ),
    "remix": (
        "export async function loader({ context }) { await context.cloudflare.env.SESSIONS.get('a'); }",
        ["get SESSIONS a"],
    ),
    "sveltekit": (
        "export const load = async ({ platform }) => { await platform?.env?.SESSIONS.get('a'); }",
        ["get SESSIONS a"],
    ),
    "sveltekit, destructured": (
        "export const load = async ({ platform: { env } }) => { await env.SESSIONS.get('a'); }",
        ["get SESSIONS a"],
    ),
    "astro": (
        "export const GET = async ({ locals }) => { const { env } = locals.runtime; await env.SESSIONS.get('a'); }",
        ["get SESSIONS a"],
    ),
    "nuxt": (
        "export default defineEventHandler(async (event) => { const { cloudflare } = event.context;\n"
        "await cloudflare.env.SESSIONS.get('a'); })",
        ["get SESSIONS a"],
    ),
    "next on pages": (
        "import { getRequestContext } from '@cloudflare/next-on-pages'; const { env } = getRequestContext();\n"
        "await env.SESSIONS.get('a');",
        ["get SESSIONS a"],
    ),
    "open next": (
        "import { getCloudflareContext } from '@opennextjs/cloudflare';\n"
        "const { env } = await getCloudflareContext({ async: true }); await env.SESSIONS.get('a');",
        ["get SESSIONS a"],
    ),
    "open next, chained": (
        "import { getCloudflareContext } from '@opennextjs/cloudflare';\n"
        "const kv = getCloudflareContext().env.SESSIONS; await kv.get('a');",
        ["get SESSIONS a"],
    ),
    "cloudflare:workers": (
        "import { env } from 'cloudflare:workers'; await env.SESSIONS.get('a');",
        ["get SESSIONS a"],
    ),
    "cloudflare:workers, all of it": (
        "import * as cf from 'cloudflare:workers'; await cf.env.SESSIONS.get('a');",
        ["get SESSIONS a"],
    ),
    "hono adapter": (
        "import { env } from 'hono/adapter'; app.get('/', async (c) => { const { SESSIONS } = env(c);\n"
        "await SESSIONS.get('a'); })",
        ["get SESSIONS a"],
    ),
    "hono generics": (
        "type Bindings = { TOKENS: KVNamespace }; const app = new Hono<{ Bindings: Bindings }>();\n"
        "app.get('/', async (c) => { await c.env.TOKENS.get('a'); })",
        ["get TOKENS a"],
    ),
    "hono context type": (
        "type B = { TOKENS: KVNamespace }; export async function f(c: Context<{ Bindings: B }>) {\n"
        "await c.env.TOKENS.get('a'); }",
        ["get TOKENS a"],
    ),
    "durable object": (
        "export class Room extends DurableObject<Env> { async alarm() { await this.env.SESSIONS.get('a'); } }",
        ["get SESSIONS a"],
    ),
    "durable object, old style": (
        "export class Room { constructor(state, e) { this.e = e; } async alarm() { await this.e.SESSIONS.get('a'); } }",
        ["get SESSIONS a"],
    ),
    "entrypoint": (
        "export default class extends WorkerEntrypoint<Env> { async fetch() { return this.env.SESSIONS.get('a'); } }",
        ["get SESSIONS a"],
    ),
    "superclass": (
        "class B { constructor(env) { this.kv = env.SESSIONS; } } class S extends B { g() { return this.kv.get('a'); } }",
        ["get SESSIONS a"],
    ),
    "superclass by super": (
        "class B { constructor(kv, p) { this.kv = kv; this.p = p; } g(i) { return this.kv.get(this.p + i); } }\n"
        "class S extends B { constructor(env) { super(env.SESSIONS, 'q:'); } } new S(env).g('1');",
        ["get SESSIONS q:1"],
    ),
    "computed name": ("const N = 'SESSIONS'; await env[N].get('a');", ["get SESSIONS a"]),
    "quoted name": ("await env['SESSIONS'].get('a');", ["get SESSIONS a"]),
    "JSDoc parameter": (
        "/** @param {KVNamespace} store */\nexport async function f(store) { await store.get('a'); }",
        ["get - a"],
    ),
    "JSDoc type": (
        "/**\n * @typedef {Object} Env\n * @property {KVNamespace} TOKENS\n */\n"
        "/** @param {Env} env */\nexport async function f(env) { await env.TOKENS.get('a'); }",
        ["get TOKENS a"],
    ),
    "local shim": (
        "interface KVNamespace { get(k: string): Promise<string | null>; put(k: string, v: string): Promise<void> }\n"
        "export async function f(store: KVNamespace) { await store.get('a'); }",
        ["get - a"],
    ),
    "shim by shape": (
        "interface Store { get(k: string): Promise<string>; put(k: string, v: string, o?: { expirationTtl?: number }): Promise<void> }\n"
        "export async function f(s: Store) { await s.get('a'); }",
        ["get - a"],
    ),
    "indexed type": (
        "interface Env { TOKENS: KVNamespace } export async function f(kv: Env['TOKENS']) { await kv.get('a'); }",
        ["get TOKENS a"],
    ),
    "optional binding": (
        "interface Env { TOKENS?: KVNamespace } export async function f(env: Env) { if (!env.TOKENS) return; await env.TOKENS.get('a'); }",
        ["get TOKENS a"],
    ),
    "either of two": (
        "interface Env { A: KVNamespace; B: KVNamespace }\n"
        "export async function f(env: Env, x) { const kv = x ? env.A : env.B; await kv.get('a'); }",
        ["get A|B a"],
    ),
    "returned namespace type": (
        "async function open(): Promise<KVNamespace> { return lib.kv(); } await (await open()).get('a');",
        ["get - a"],
    ),
    "map of namespaces": (
        "const spaces = { s: env.SESSIONS }; async function f(k) { await spaces[k].get('a'); }",
        ["get SESSIONS a"],
    ),
    "module variable that is set later": (
        "let kv; export function init(env) { kv = env.SESSIONS; } export async function f() { await kv.get('a'); }",
        ["get SESSIONS a"],
    ),
    "typed module variable": (
        "let kv: KVNamespace; export function init(env) { kv = env.SESSIONS; } export async function f() { await kv.get('a'); }",
        ["get SESSIONS a"],
    ),
    "global this": ("await globalThis.SESSIONS.get('a');", ["get SESSIONS a"]),
    "process env with a cast": (
        "const kv = process.env.TOKENS as unknown as KVNamespace; await kv.get('a');",
        ["get TOKENS a"],
    ),
    "array of namespaces": (
        "for (const kv of [env.SESSIONS]) { await kv.get('a'); }",
        ["get SESSIONS a"],
    ),
    "promise all": (
        "const [a, b] = await Promise.all([env.SESSIONS.get('a'), env.SESSIONS.get('b')]);",
        ["get SESSIONS a", "get SESSIONS b"],
    ),
}


@pytest.mark.parametrize("name", OK)
def test_a_namespace_is_found(said, name):
    source, wanted = OK[name]
    assert said(source) == wanted


NONE = {
    "R2 by configuration": (
        "export default { async fetch(r, env) { await env.X_STORAGE.put('a', 'b'); } }",
        '[[r2_buckets]]\nbinding = "X_STORAGE"\nbucket_name = "b"\n',
    ),
    "R2 by type": "interface Env { F: R2Bucket } export async function f(env: Env) { await env.F.put('a', 'b'); }",
    "cast to a bucket": "await (env.SESSIONS as unknown as R2Bucket).put('a', 'b');",
    "durable object namespace": "const s = env.ROOM.get(env.ROOM.idFromName('a')); await s.fetch(r);",
    "durable object storage": "class R extends DurableObject { async f() { await this.ctx.storage.put('a', 1); } }",
    "durable object storage, old style": (
        "export class R { constructor(state, env) { this.state = state; } async alarm() {\n"
        "await this.state.storage.put('a', 1); await this.state.storage.get('a'); } }"
    ),
    "map": "const m = new Map(); m.get('a'); m.delete('a');",
    "headers": "const h = new Headers(); h.get('a'); request.headers.get('b');",
    "search parameters": "const p = new URL(request.url).searchParams; p.get('a'); p.delete('b');",
    "form data": "const d = await request.formData(); d.get('a');",
    "cookies": "import { cookies } from 'next/headers'; const c = await cookies(); c.get('session'); c.delete('session');",
    "cache API": "const cache = caches.default; await cache.put(request, response.clone()); await cache.delete(request);",
    "router": "app.get('/a', (c) => c.text('x')); app.put('/b', h); app.delete('/c', h);",
    "hono context": "app.get('/', (c) => { const u = c.get('user'); return c.json(u); })",
    "indexed db": "const s = db.transaction('x', 'readwrite').objectStore('x'); s.put(v); s.get(k); s.delete(k);",
    "local storage": "localStorage.getItem('a'); sessionStorage.get('b');",
    "redis": "import { Redis } from '@upstash/redis'; const redis = new Redis({}); await redis.get('a'); await redis.list('b');",
    "vercel kv": "import { kv } from '@vercel/kv'; await kv.get('a');",
    "deno kv": "const kv = await Deno.openKv(); await kv.get(['a']);",
    "axios": "import axios from 'axios'; await axios.get(url); await axios.put(url, data, { headers: {} });",
    "store class": "class Store { m = new Map(); get(k) { return this.m.get(k); } put(k, v) { this.m.set(k, v); } }\n"
    "const s = new Store(); await s.put('a', 'b'); await s.get('a');",
    "test double": "const kv = { get: async () => null, put: async () => {} } as unknown as KVNamespace; await kv.put('a', 'b');",
    "test double of a class": "class Fake implements KVNamespace { async get() { return null; } async put() {} }\n"
    "const kv: KVNamespace = new Fake(); await kv.put('a', 'b');",
    "comment": "// await env.SESSIONS.put('a', 'b')\n/* env.SESSIONS.get('x') */ export const a = 1;",
    "string": "export const a = \"await env.SESSIONS.put('a', 'b')\";",
    "api client": "const api = createClient(); await api.put('/users', body); await api.get('/users');",
    "lru cache": "import { LRUCache } from 'lru-cache'; const c = new LRUCache({}); c.get('a'); c.delete('b');",
    "own class that is typed": "class Api { async put(a, b) {} } export async function f(x: Api) { await x.put('a', 'b'); }",
    "D1": "const r = await env.DB.prepare('x').all(); await env.DB.batch([]);",
    "queue": "await env.JOBS.send({});",
    "assets": "return env.ASSETS.fetch(request);",
    "bucket by what is done with its objects": "const o = await env.THINGS.get(k); if (!o) return; const h = new Headers(); o.writeHttpMetadata(h);\n"
    "async function f(env) { const o = await env.THINGS.get('x'); o.writeHttpMetadata(h); }",
    "secret of the store": "const s = await env.API_KEY.get();",
    "undeclared bucket": "const o = await env.MY_BUCKET.get(key); await env.MY_BUCKET.put(key, body, { httpMetadata: {} });",
    "iterated parameters": "for (const p of list) { p.delete('x'); }",
    "model": "const user = await User.get(id); await user.delete();",
}


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_namespace_is_left_alone(said, name):
    source, *more = NONE[name] if isinstance(NONE[name], tuple) else (NONE[name],)
    wrangler = 'name = "x"\n[[kv_namespaces]]\nbinding = "SESSIONS"\nid = "1"\n' + "".join(more)
    assert said(source, wrangler=wrangler) == []


GUESSED = {
    "expirationTtl": (
        "await env.THING.put('a', 'b', { expirationTtl: 60 });",
        ["put THING a ttl=yes(60)"],
        2,
    ),
    "getWithMetadata": ("await env.THING.getWithMetadata('a');", ["getWithMetadata THING a"], 2),
    "two texts": ("await env.TOKENS.put('a', 'b');", ["put TOKENS a ttl=no"], 2),
    "name": ("await env.USER_KV.get('a');", ["get USER_KV a"], 2),
    "parameter by use": (
        "export async function f(store, k) { await store.put(k, 'v', { expirationTtl: 60 }); }",
        ["put - {k} ttl=yes(60)"],
        2,
    ),
    "one use speaks for all": (
        "export class C { async a() { await this.db.put('k', 'v', { expirationTtl: 60 }); } async b() { return this.db.get('k'); } }",
        ["put - k ttl=yes(60)", "get - k"],
        2,
    ),
    "parameter by name": ("export async function f(kv) { await kv.get('a'); }", ["get - a"], 1),
    "undeclared global": (
        "addEventListener('fetch', h); async function h() { await LINKS.put('a', 'b'); }",
        ["put LINKS a ttl=no"],
        2,
    ),
    "json": ("export async function f(env) { return env.CONFIG.get('a', 'json'); }", ["get CONFIG a"], 2),
    "list": (
        "export async function f(store) { const l = await store.list({ prefix: 'p:' }); if (!l.list_complete) more(); }",
        ["list - p:"],
        2,
    ),
    "undeclared global of a module": (
        "export const f = async () => { await LINKS.put('a', 'b'); }",
        ["put LINKS a ttl=no"],
        1,
    ),
    "only read, with a key of text": (
        "export const onRequestGet = async ({ env, params }) => Response.redirect(await env.GOTO.get(`slug:${params.slug}`));",
        ["get GOTO slug:{slug}"],
        1,
    ),
    "what one function gives": (
        "import { open } from 'somewhere';\n"
        "export async function a(o) { const s = open(o); await s.put('k', 'v', { expirationTtl: 60 }); }\n"
        "export async function b(o) { const t = open(o); return t.get('k'); }",
        ["put - k ttl=yes(60)", "get - k"],
        2,
    ),
    "private field by its name": (
        "export class C { #kv; constructor(o) { this.#kv = o.something; } async f() { return this.#kv.get('a'); } }",
        ["get - a"],
        1,
    ),
    "environment by a computed name": (
        "export async function f(env, b) { await env[b].put('a', 'v', { expirationTtl: 60 }); }",
        ["put b a ttl=yes(60)"],
        2,
    ),
}


@pytest.mark.parametrize("name", GUESSED)
def test_what_nothing_declares_is_judged_by_use_and_name(project, said, name):
    source, wanted, confidence = GUESSED[name]
    assert said(source, wrangler='name = "x"\n') == wanted
    assert {int(o.confidence) for o in project(source, wrangler='name = "x"\n').operations} == {confidence}


def test_a_binding_can_be_named(said):
    assert said("await env.THING.get(k);", bindings=("THING",)) == ["get THING {k}"]
    assert said("await env.THING.get(k);") == []


def test_a_namespace_on_the_command_line_counts(said):
    files = {
        "package.json": '{"scripts": {"dev": "wrangler pages dev --kv LINKS --kv=OTHERS"}}',
        "functions/a.js": "export async function onRequest({ env }) { return env.LINKS.get('a') }",
    }
    assert said(files, wrangler=None) == ["get LINKS a"]
