"""Which calls read a strongly consistent store, and what is known of it."""

import pytest

WRANGLER = """
name = "x"
kv_namespaces = [{ binding = "STORE", id = "2" }]
[[durable_objects.bindings]]
name = "OBJECT"
class_name = "SessionObject"
[[d1_databases]]
binding = "DB"
"""
READS = {
    "env.OBJECT.get(env.OBJECT.idFromName(id)).read()": "Durable Object",
    "env.OBJECT.getByName(id).read()": "Durable Object",
    "unheard.of.get(unheard.of.idFromString(id)).read()": "Durable Object",
    "env.DB.prepare('SELECT * FROM t WHERE id = ?').bind(id).first()": "D1",
    "env.DB.prepare('select 1').all()": "D1",
    "db.prepare('WITH a AS (SELECT 1) SELECT * FROM a').raw()": "D1",
    "db.prepare('UPDATE t SET n = n + 1 RETURNING n').first()": "D1",
    "db.batch([env.DB.prepare('SELECT 1'), env.DB.prepare('SELECT 2')])": "D1",
    "(await getAgentByName(env.OBJECT, id)).read()": "Durable Object",
    "prisma.session.findUnique({ where: { id } })": "database",
    "kysely.selectFrom('sessions').selectAll().executeTakeFirst()": "database",
    "this.ctx.storage.get('a')": "Durable Object storage",
    "state.storage.get('a')": "Durable Object storage",
    "this.ctx.storage.sql.exec('SELECT 1').one()": "Durable Object SQL",
    "drizzle(env.DB).query.sessions.findFirst({ where: id })": "database",
}
OTHERS = [
    "env.OBJECT.get(env.OBJECT.idFromName(id)).saveSession(id)",
    "env.OBJECT.getByName(id).fetch('https://x', { method: 'POST' })",
    "env.DB.prepare('INSERT INTO t VALUES (1)').first()",
    "env.DB.prepare('SELECT 1').run()",
    "new Map().get(id)",
    "env.DB.batch([env.DB.prepare('SELECT 1'), env.DB.prepare('DELETE FROM t')])",
    "Promise.batch(['a'])",
    "prisma.session.create({ data: { id } })",
    "kysely.deleteFrom('sessions').executeTakeFirst()",
    "fetch('https://x')",
    "env.OTHER.get(id)",
    "this.ctx.storage.sql.exec('DELETE FROM t')",
    "localStorage.get('a')",
]


def read(project, call):
    source = "import { drizzle } from 'drizzle-orm/d1'; import { getAgentByName } from 'agents';"
    source += "import { PrismaClient } from '@prisma/client'; import { Kysely } from 'kysely';"
    source += "const prisma = new PrismaClient(), kysely = new Kysely({}), db = env.DB;\nexport class A { async f(env, id, state) {"
    source += f" const s = await {call}; return s ?? env.STORE.get('k:' + id); }} }}"
    found = [
        one for one in project(source, wrangler=WRANGLER).operations if one.keys and "k:" in str(one.keys[0])
    ]
    return [one.what for one in found[0].relations]


@pytest.mark.parametrize("call", READS)
def test_a_read_of_a_consistent_store(call, project):
    assert read(project, call) == [READS[call]]


@pytest.mark.parametrize("call", OTHERS)
def test_what_is_none(call, project):
    assert read(project, call) == []


def test_the_words_of_the_read_say_what_it_is_for(project):
    source = """
        const SQL = "SELECT * FROM sessions WHERE id = ?";
        export async function f(env, id) {
          const statement = env.DB.prepare(SQL);
          return (await statement.bind(id).first()) ?? (await env.STORE.get("a:" + id));
        }
        export async function g(env, id) {
          const stub = env.OBJECT.get(env.OBJECT.idFromName(id));
          return (await stub.read()) ?? (await env.STORE.get("b:" + id));
        }
    """
    texts = [
        one.text for operation in project(source, wrangler=WRANGLER).operations for one in operation.relations
    ]
    assert texts[0] == "SELECT * FROM sessions WHERE id = ?"
    assert texts[1] == "stub.read() env.OBJECT.get(env.OBJECT.idFromName(id))"


def test_a_stub_is_followed_through_functions_and_types(project):
    source = """
        const stubOf = (env, id) => env.OBJECT.get(env.OBJECT.idFromName(id));
        export async function f(env, id) {
          return (await stubOf(env, id).read()) ?? env.STORE.get(id);
        }
        export async function g(env, id, stub: DurableObjectStub) {
          return (await stub.read()) ?? env.STORE.get(id);
        }
    """
    found = project(source, wrangler=WRANGLER).operations
    assert [len(one.relations) for one in found] == [1, 1]
