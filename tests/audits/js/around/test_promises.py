"""Which promises are let go of, and where; cases/unawaited-write has whole Workers."""

import pytest

PUT = "env.SESSIONS.put('a', 'b')"
DROPPED = {
    "a statement": f"{PUT};",
    "void": f"void {PUT};",
    "caught": f"{PUT}.catch(() => {{}});",
    "a long chain": f"{PUT}.then(f).finally(g);",
    "behind and": f"x && {PUT};",
    "an arm of a choice": f"x ? {PUT} : 0;",
    "a sequence": f"await (f(), {PUT}, g());",
    "forEach": f"xs.forEach(() => {PUT});",
    "async forEach": f"xs.forEach(async () => {{ await {PUT}; }});",
    "a map that is dropped": f"xs.map(async () => {{ await {PUT}; }});",
    "all that is dropped": f"Promise.all([{PUT}]);",
    "all with a catch": f"Promise.all(xs.map(() => {PUT})).catch(log);",
    "a then that is dropped": f"fetch('x').then(() => {PUT});",
    "a block in a then": f"await fetch('x').then((r) => {{ {PUT}; return r; }});",
    "a timer": f"setTimeout(() => {PUT}, 10);",
    "called on the spot": f"(async () => {{ await {PUT}; }})();",
    "an unused variable": f"const p = {PUT};",
    "an array that nobody reads": f"const ps = []; ps.push({PUT});",
    "an array literal that nobody reads": f"const ps = [{PUT}];",
    "an inner function": f"const save = () => {PUT}; save();",
    "an inner async function": f"async function save() {{ await {PUT}; }} save().catch(log);",
}
KEPT = {
    "awaited": f"await {PUT};",
    "awaited as a chain": f"await {PUT}.catch(log);",
    "returned": f"return {PUT};",
    "returned from an arrow that is returned": f"return () => {PUT};",
    "waitUntil": f"ctx.waitUntil({PUT});",
    "waitUntil of a map": f"ctx.waitUntil(Promise.all(xs.map(() => {PUT})));",
    "waitUntil called on the spot": f"ctx.waitUntil((async () => {{ await {PUT}; }})());",
    "handed to a function": f"track({PUT});",
    "handed to a constructor": f"new Job({PUT});",
    "kept in a field": f"this.pending = {PUT};",
    "kept in a property": f"const job = {{ done: {PUT} }}; return job;",
    "a variable awaited later": f"const p = {PUT}; f(); await p;",
    "a variable given away in a spread": f"const ps = [{PUT}]; await Promise.all([...ps, q()]);",
    "a variable assigned later": f"let p; if (x) p = {PUT}; await p;",
    "pushed and gathered": f"const ps = []; ps.push({PUT}); await Promise.all(ps);",
    "pushed on what came from elsewhere": f"tasks.push({PUT});",
    "told by a callback": f"return new Promise((done) => {{ {PUT}.then(done); }});",
    "told by a callback behind all": f"return new Promise((done) => {{ Promise.all([{PUT}]).then(() => done()); }});",
    "awaited in a callback of a library": f"app.get('/', async () => {{ await {PUT}; }});",
    "a generator": f"function* f() {{ yield {PUT}; }} f();",
    "reduce that is awaited": f"await xs.reduce(async (before) => {{ await before; await {PUT}; }}, Promise.resolve());",
    "an inner function that is awaited": f"const save = () => {PUT}; await save();",
    "a listener that awaits": f"const save = async () => {{ await {PUT}; }}; socket.addEventListener('close', () => {{ save(); }});",
}


def lines(project, body):
    source = f"export async function handle(env, ctx, xs, x) {{\n{body}\n}}"
    (operation,) = project(source).operations
    return [place.line for place in operation.let_go]


@pytest.mark.parametrize("name", DROPPED)
def test_a_promise_that_nobody_waits_for(project, name):
    assert lines(project, DROPPED[name]) == [2]


@pytest.mark.parametrize("name", KEPT)
def test_a_promise_that_somebody_may_wait_for(project, name):
    assert lines(project, KEPT[name]) == []


def test_what_a_map_in_place_of_a_namespace_gives_is_no_promise(project):
    source = """
        export class Kept {
          constructor(env: { KEPT_KV?: KVNamespace }) { %s }
          drop(key: string) { this.store.delete(key); }
        }"""
    (alone,) = project(source % "this.store = env.KEPT_KV;").operations
    assert alone.let_go == (alone.call,)
    (either,) = project(
        source % "if (env.KEPT_KV) this.store = env.KEPT_KV; else this.store = new Map<string, string>();"
    ).operations
    assert either.let_go == ()


def test_the_callers_that_drop_are_named_and_no_others(project):
    found = project(
        {
            "src/store.ts": """
                export class Store {
                  constructor(private kv: KVNamespace) {}
                  async end(id: string) { await this.kv.delete(`s:${id}`); }
                  async endAll(ids: string[]) { for (const id of ids) await this.end(id); }
                }
            """,
            "src/a.ts": """
                import { Store } from "./store";
                export default { async fetch(request, env) {
                  const store = new Store(env.SESSIONS);
                  await store.end("a");
                  store.end("b");
                  store.endAll(["c"]);
                  return new Response();
                } };
            """,
            "test/store.test.ts": 'import { Store } from "../src/store"; const f = (env) => { new Store(env.SESSIONS).end("x"); };',
        }
    )
    (operation,) = found.operations
    assert [(place.path, place.line) for place in operation.let_go] == [("src/a.ts", 5), ("src/a.ts", 6)]


def test_the_timers_of_a_durable_object_keep_it_alive(project):
    source = """
        export class Room {
          async webSocketMessage() { setTimeout(() => this.env.SESSIONS.put("a", "b"), 10); }
        }
    """
    (operation,) = project(source).operations
    assert operation.let_go == ()


def test_functions_that_call_each_other_end(project):
    source = """
        async function a(env) { await env.SESSIONS.delete("x"); await b(env); }
        async function b(env) { await a(env); }
        export function start(env) { a(env); }
    """
    (operation,) = project(source).operations
    assert [place.line for place in operation.let_go] == [3]


def test_reads_are_not_asked(project):
    (operation,) = project("export function f(env) { env.SESSIONS.get('a'); }").operations
    assert operation.let_go == ()
