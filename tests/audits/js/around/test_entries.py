"""Which entry points lead to a put, and on which of them a guard stands."""

import pytest

PUT = "await env.SESSIONS.put('a', 'b');"
ENTRIES = {
    "an exported object": (f"export default {{ async scheduled(c, env) {{ {PUT} }} }};", ["scheduled"]),
    "an arrow in it": (f"export default {{ scheduled: async (c, env) => {{ {PUT} }} }};", ["scheduled"]),
    "a function with a short name in it": (
        f"async function scheduled(c, env) {{ {PUT} }} export default {{ scheduled }};",
        ["scheduled"],
    ),
    "an entrypoint": (
        "import { WorkerEntrypoint } from 'cloudflare:workers';"
        "export default class extends WorkerEntrypoint { async queue(batch) {"
        " await this.env.SESSIONS.put('a', 'b'); } }",
        ["queue"],
    ),
    "a listener": (
        f"addEventListener('scheduled', (e) => e.waitUntil((async () => {{ {PUT} }})()));",
        ["scheduled"],
    ),
    "a hook of Nitro": (
        f"hooks.hook('cloudflare:scheduled', async ({{ env }}) => {{ {PUT} }});",
        ["scheduled"],
    ),
    "a socket's listener": (
        f"socket.addEventListener('message', async () => {{ {PUT} }});",
        ["webSocketMessage"],
    ),
    "an interval": (f"setInterval(async () => {{ {PUT} }}, 1000);", ["setInterval"]),
    "an interval with a function's name": (
        f"async function flush() {{ {PUT} }} setInterval(flush, 1000);",
        ["setInterval"],
    ),
    "a party": (
        f"class Room {{ async onMessage() {{ const env = this.env; {PUT} }} }}",
        ["webSocketMessage"],
    ),
    "two": (
        f"const low = async (env) => {{ {PUT} }};"
        "export default { async scheduled(c, env) { await low(env); }, async queue(b, env) { await low(env); } };",
        ["queue", "scheduled"],
    ),
    "through callbacks": (
        f"export default {{ async scheduled(c, env) {{ await Promise.all(xs.map(async (x) => {{ {PUT} }})); }} }};",
        ["scheduled"],
    ),
    "a route": (f"app.post('/api/heartbeat', async (c) => {{ const env = c.env; {PUT} }});", ["heartbeat"]),
    "a path": (
        f"export default {{ async fetch(r, env) {{ if (new URL(r.url).pathname.endsWith('/keepalive')) {{ {PUT} }} }} }};",
        ["heartbeat"],
    ),
    "a path that must be": (
        f"export default {{ async fetch(r, env) {{ if (r.path !== '/ping') return; {PUT} }} }};",
        ["heartbeat"],
    ),
    "a name": (f"export async function touchSession(env) {{ {PUT} }}", ["touch"]),
    "last seen": (f"export async function updateLastSeen(env) {{ {PUT} }}", ["touch"]),
    "a request": (f"export default {{ async fetch(r, env) {{ {PUT} }} }};", []),
    "shopping": (f"app.post('/shopping', async (c) => {{ const env = c.env; {PUT} }});", []),
    "a helper called queue": (
        f"async function queue(env) {{ {PUT} }} export const f = (env) => queue(env);",
        [],
    ),
    "a function inside of a handler that nobody calls": (
        f"export default {{ async scheduled(c, env) {{ const f = async () => {{ {PUT} }}; }} }};",
        [],
    ),
    "only tests call it": (f"export async function scheduledLater(env) {{ {PUT} }}", []),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_the_entry_points_that_lead_to_a_put(project, name):
    source, kinds = ENTRIES[name]
    (operation,) = project(source).operations
    assert sorted({entry.kind for entry in operation.enclosing.entries}) == kinds


def test_each_way_has_its_own_guard(project):
    source = """
        async function save(env) { await env.SESSIONS.put("a", "b"); }
        export default {
          async scheduled(c, env) { if (Date.now() % 7 === 0) await save(env); },
          async queue(batch, env) { for (const m of batch.messages) await save(env); },
        };
    """
    (operation,) = project(source).operations
    found = [(entry.kind, entry.guarded, entry.place.line) for entry in operation.enclosing.entries]
    assert found == [("queue", False, 4), ("scheduled", True, 3)]
    assert not operation.enclosing.guarded


RARE = {
    "an alarm that is not set again": ("class A { async alarm(x, env = this.env) { %s } }", True),
    "one that is": (
        "class A { async alarm(x, env = this.env) { %s await this.ctx.storage.setAlarm(1); } }",
        False,
    ),
    "one that a method sets": (
        "class A { async alarm(x, env = this.env) { %s await this.again(); } async again() { this.s.storage.setAlarm(1); } }",
        False,
    ),
    "a message of one kind": (
        "class A { async webSocketMessage(s, m, env = this.env) { if (m.type === 'save') { %s } } }",
        True,
    ),
    "a kind that always comes": (
        "class A { async webSocketMessage(s, m, env = this.env) { if (m.type === 'cursor') { %s } } }",
        False,
    ),
    "every kind but one": (
        "class A { async webSocketMessage(s, m, env = this.env) { if (m.type === 'save') return; %s } }",
        False,
    ),
    "a case": (
        "class A { async webSocketMessage(s, m, env = this.env) { switch (m.type) { case 'join': %s } } }",
        True,
    ),
    "each message of a queue": (
        "export default { async queue(b, env) { for (const m of b.messages) { %s } } };",
        False,
    ),
    "each message, at once": (
        "export default { async queue({ messages }, env) { await Promise.all(messages.map(async () => { %s })); } };",
        False,
    ),
    "once for a batch": ("export default { async queue(b, env) { const n = b.messages.length; %s } };", True),
    "a trigger once a day": (
        "export default { async scheduled(c, env) { if (c.cron === '0 4 * * *') { %s } } };",
        True,
    ),
    "a trigger each minute": (
        "export default { async scheduled(c, env) { if (c.cron === '* * * * *') { %s } } };",
        False,
    ),
}


@pytest.mark.parametrize("name", RARE)
def test_what_runs_seldom_counts_as_guarded(project, name):
    source, guarded = RARE[name]
    (operation,) = project(source.replace("%s", PUT)).operations
    assert [entry.guarded for entry in operation.enclosing.entries] == [guarded]


def test_the_triggers_are_those_of_the_nearest_configuration(project):
    source = "export default { async scheduled(c, env) { await env.SESSIONS.put('a', 'b'); } };"
    found = project(
        {
            "wrangler.toml": 'kv_namespaces = [{ binding = "SESSIONS", id = "1" }]\n[triggers]\ncrons = ["1 * * * *"]\n',
            "a/wrangler.jsonc": '{ "env": { "x": { "triggers": { "crons": ["2 * * * *", "3 * * * *"] } } } }',
            "a/src/index.ts": source,
            "b/index.ts": source,
        }
    )
    assert [one.enclosing.crons for one in found.operations] == [("2 * * * *", "3 * * * *"), ("1 * * * *",)]
