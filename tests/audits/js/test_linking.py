"""Values followed across files, by every kind of import."""

import pytest

KEY = "export const key = (id: string) => `s:${id}`;\nexport const TTL = 60;\n"
USE = "await c.env.SESSIONS.put(key(u), 'v', { expirationTtl: TTL });\n"
WANTED = ["put SESSIONS s:{u} ttl=yes(60)"]

LINKS = {
    "relative": {"src/a.ts": "import { key, TTL } from './k';\n" + USE, "src/k.ts": KEY},
    "parent folder": {"src/x/a.ts": "import { key, TTL } from '../k';\n" + USE, "src/k.ts": KEY},
    "index": {"src/a.ts": "import { key, TTL } from './k';\n" + USE, "src/k/index.ts": KEY},
    "js for ts": {"src/a.ts": "import { key, TTL } from './k.js';\n" + USE, "src/k.ts": KEY},
    "tsx": {"src/a.tsx": "import { key, TTL } from './k';\n" + USE, "src/k.tsx": KEY},
    "renamed": {
        "src/a.ts": "import { key2 as key, TTL } from './k';\n" + USE,
        "src/k.ts": KEY + "export { key as key2 };",
    },
    "namespace": {
        "src/a.ts": "import * as k from './k';\nawait c.env.SESSIONS.put(k.key(u), 'v', { expirationTtl: k.TTL });",
        "src/k.ts": KEY,
    },
    "default object": {
        "src/a.ts": "import k from './k';\nawait c.env.SESSIONS.put(k.key(u), 'v', { expirationTtl: k.TTL });",
        "src/k.ts": "export default { key: (id) => `s:${id}`, TTL: 60 };",
    },
    "default function": {
        "src/a.ts": "import key from './k';\nimport { TTL } from './k';\n" + USE,
        "src/k.ts": "export default function (id) { return `s:${id}`; }\nexport const TTL = 60;",
    },
    "re-export": {
        "src/a.ts": "import { key, TTL } from './barrel';\n" + USE,
        "src/barrel.ts": "export { key } from './k';\nexport * from './k';",
        "src/k.ts": KEY,
    },
    "re-export of a namespace": {
        "src/a.ts": "import { k } from './barrel';\nawait c.env.SESSIONS.put(k.key(u), 'v', { expirationTtl: k.TTL });",
        "src/barrel.ts": "export * as k from './k';",
        "src/k.ts": KEY,
    },
    "import and export": {
        "src/a.ts": "import { key, TTL } from './barrel';\n" + USE,
        "src/barrel.ts": "import { key, TTL } from './k';\nexport { key, TTL };",
        "src/k.ts": KEY,
    },
    "commonjs": {
        "src/a.js": "const { key, TTL } = require('./k');\n" + USE,
        "src/k.js": "module.exports = { key: (id) => `s:${id}`, TTL: 60 };",
    },
    "commonjs by name": {
        "src/a.js": "const k = require('./k');\nawait c.env.SESSIONS.put(k.key(u), 'v', { expirationTtl: k.TTL });",
        "src/k.js": "exports.key = (id) => `s:${id}`; module.exports.TTL = 60;",
    },
    "commonjs imported": {
        "src/a.mjs": "import { key, TTL } from './k.js';\n" + USE,
        "src/k.js": "module.exports = { key: (id) => `s:${id}`, TTL: 60 };",
    },
    "dynamic": {"src/a.ts": "const { key, TTL } = await import('./k');\n" + USE, "src/k.ts": KEY},
    "tsconfig paths": {
        "tsconfig.json": '{ "compilerOptions": { "paths": { "@lib/*": ["./src/lib/*"] } } } // x',
        "src/a.ts": "import { key, TTL } from '@lib/k';\n" + USE,
        "src/lib/k.ts": KEY,
    },
    "tsconfig paths, extended": {
        "tsconfig.base.json": '{ "compilerOptions": { "baseUrl": ".", "paths": { "~lib/*": ["src/lib/*"] } } }',
        "tsconfig.json": '{ "extends": "./tsconfig.base.json" }',
        "src/a.ts": "import { key, TTL } from '~lib/k';\n" + USE,
        "src/lib/k.ts": KEY,
    },
    "baseUrl": {
        "tsconfig.json": '{ "compilerOptions": { "baseUrl": "src" } }',
        "src/a.ts": "import { key, TTL } from 'lib/k';\n" + USE,
        "src/lib/k.ts": KEY,
    },
    "package imports": {
        "package.json": '{ "imports": { "#k/*": "./src/lib/*.ts" } }',
        "src/a.ts": "import { key, TTL } from '#k/k';\n" + USE,
        "src/lib/k.ts": KEY,
    },
    "workspace": {
        "packages/keys/package.json": '{ "name": "@acme/keys", "main": "dist/index.js" }',
        "packages/keys/src/index.ts": KEY,
        "apps/w/a.ts": "import { key, TTL } from '@acme/keys';\n" + USE,
    },
    "workspace with exports": {
        "packages/keys/package.json": '{ "name": "keys", "exports": { "./k": { "import": "./dist/k.js" } } }',
        "packages/keys/src/k.ts": KEY,
        "apps/w/a.ts": "import { key, TTL } from 'keys/k';\n" + USE,
    },
    "sveltekit's $lib": {
        "src/routes/a.ts": "import { key, TTL } from '$lib/k';\n" + USE,
        "src/lib/k.ts": KEY,
    },
    "customary alias": {"src/a.ts": "import { key, TTL } from '@/lib/k';\n" + USE, "src/lib/k.ts": KEY},
}


@pytest.mark.parametrize("name", LINKS)
def test_helpers_and_constants_in_another_file(said, name):
    assert said(LINKS[name]) == WANTED


def test_a_wrapper_is_judged_by_callers_in_other_files(project):
    found = project(
        {
            "src/store.ts": "export async function save(kv: KVNamespace, k: string, v: string, ttl?: number) {\n"
            "  await kv.put(k, v, { expirationTtl: ttl });\n}\n",
            "src/a.ts": "import { save } from './store';\nexport const f = (env) => save(env.SESSIONS, `a:${x}`, v, 60);\n",
            "src/b.ts": "import * as s from './store';\nexport const f = (env) => s.save(env.OTHER, 'b', v);\n",
        },
        wrangler='name = "x"\nkv_namespaces = [{ binding = "SESSIONS", id = "1" }, { binding = "OTHER", id = "2" }]\n',
    )
    (operation,) = found.operations
    assert operation.binding == "OTHER|SESSIONS"
    assert [str(key) for key in operation.keys] == ["a:{x}", "b"]
    assert operation.ttl is not None
    assert operation.ttl.has == "maybe"
    assert [place.path for place in operation.ttl.without] == ["src/b.ts"]
    assert [place.path for place in operation.callers] == ["src/a.ts", "src/b.ts"]


def test_a_class_in_another_file(said):
    assert said(
        {
            "src/store.ts": "export class Store { constructor(private kv: KVNamespace, private p: string) {}\n"
            "  async set(id: string, v: string, ttl: number) { await this.kv.put(this.p + id, v, { expirationTtl: ttl }); } }",
            "src/index.ts": "import { Store } from './store';\n"
            "export default { async fetch(r, env) { const s = new Store(env.SESSIONS, 'p:'); await s.set(sid, 'v', 60); } }",
        }
    ) == ["put SESSIONS p:{sid} ttl=yes(60)"]


def test_a_singleton_in_another_file(said):
    assert said(
        {
            "src/store.ts": "class Store { init(env) { this.kv = env.SESSIONS; } get(k) { return this.kv.get('x:' + k); } }\n"
            "export const store = new Store();",
            "src/index.ts": "import { store } from './store';\nawait store.get(sid);",
        }
    ) == ["get SESSIONS x:{sid}"]


def test_env_is_typed_in_another_file(said):
    assert said(
        {
            "src/types.ts": "export interface Env { TOKENS: KVNamespace }\nexport type App = { Bindings: Env };",
            "src/index.ts": "import type { App } from './types';\nconst app = new Hono<App>();\n"
            "app.get('/', async (c) => { await c.env.TOKENS.get('a'); });",
        }
    ) == ["get TOKENS a"]


def test_env_is_typed_in_an_ambient_file(said):
    assert said(
        {
            "worker-configuration.d.ts": "declare namespace Cloudflare { interface Env { TOKENS: KVNamespace; F: R2Bucket } }\n"
            "interface Env extends Cloudflare.Env {}",
            "src/index.ts": "export default { async fetch(r: Request, env: Env) { await env.TOKENS.get('a'); await env.F.put('a', 'b'); } }",
        }
    ) == ["get TOKENS a"]


def test_sveltekit_types_in_app_d_ts(said):
    assert said(
        {
            "src/app.d.ts": "declare global { namespace App { interface Platform { env: { TOKENS: KVNamespace } } } }\nexport {};",
            "src/routes/+server.ts": "export const GET = async ({ platform }) => { await platform!.env.TOKENS.get('a'); };",
        }
    ) == ["get TOKENS a"]


def test_the_nearest_configuration_decides(said):
    assert said(
        {
            "a/wrangler.jsonc": '{ "kv_namespaces": [{ "binding": "DATA", "id": "1" }], /* x */ }',
            "a/src/i.ts": "export default { async fetch(r, env) { await env.DATA.put('a', 'b'); } }",
            "b/wrangler.toml": '[[r2_buckets]]\nbinding = "DATA"\nbucket_name = "x"\n',
            "b/src/i.ts": "export default { async fetch(r, env) { await env.DATA.put('a', 'b'); } }",
        },
    ) == ["put DATA a ttl=no"]


def test_bindings_of_any_environment_count(said):
    source = "export default { async fetch(r, env) { await env.ONLY_THERE.get('a'); } }"
    wrangler = 'name = "x"\n[[env.production.kv_namespaces]]\nbinding = "ONLY_THERE"\nid = "1"\n'
    assert said(source, wrangler=wrangler) == ["get ONLY_THERE a"]


def test_imports_in_a_circle_end(said):
    files = {
        "src/a.ts": "import { b } from './b';\nexport const a = b;\nawait env.SESSIONS.get(a);",
        "src/b.ts": "import { a } from './a';\nexport const b = a;",
    }
    (line,) = said(files)
    assert line.startswith("get SESSIONS ")


def test_functions_in_a_circle_end(said):
    source = """
        const f = (k, n) => n ? g(k + "a", n - 1) : k; const g = (k, n) => n ? f(k + "b", n - 1) : k;
        let x = "q"; while (y) x = x + "r";
        await env.SESSIONS.get(f("p", z)); await env.SESSIONS.put(x, "v", { expirationTtl: h(1) });
        function h(n) { return n > 9 ? n : h(n + 1); }
    """
    assert len(said(source)) == 2


@pytest.mark.parametrize("suffix", ["vue", "svelte", "astro"])
def test_scripts_inside_of_components(project, suffix):
    text = {
        "vue": "<template><b>é {{ a.put('x', 'y') }}</b></template>\n<script setup lang=\"ts\">\nawait env.SESSIONS.get('a');\n</script>\n",
        "svelte": "<script>\n</script>\n<script context=\"module\" lang='ts'>await env.SESSIONS.get('a');</script>\n<p>{x}</p>",
        "astro": "---\nconst { env } = Astro.locals.runtime;\nawait env.SESSIONS.get('a');\n---\n<p>{a.put('b','c')}</p>",
    }[suffix]
    (operation,) = project({f"src/page.{suffix}": text}).operations
    assert str(operation.keys[0]) == "a"
    line = text.splitlines()[operation.place.line - 1]
    assert line[operation.place.column - 1 :].startswith("get('a')")
