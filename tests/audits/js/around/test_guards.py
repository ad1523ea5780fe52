"""What is a guard, and what only asks whether there is something; cases/unguarded-write has Workers."""

import pytest

PUT = "await env.SESSIONS.put('a', next);"
READ = "const old = await env.SESSIONS.get('a', 'json');"
GUARDED = {
    "differs from what is stored": f"const before_ = await env.SESSIONS.get('a'); if (next !== before_) {PUT}",
    "equal and gone": f"const one = await env.SESSIONS.get('a'); if (next === one) return; {PUT}",
    "equal in a loop": f"for (const item of items) {{ const one = await env.SESSIONS.get(item); if (one === item.hash) continue; {PUT} }}",
    "a part of what is stored": f"const one = await env.SESSIONS.get('a', 'json'); if (one?.hash !== hash(next)) {{ {PUT} }}",
    "through a variable": f"const one = JSON.parse(await env.SESSIONS.get('a')); const moved = one.version < version; if (moved) {PUT}",
    "through a flag": f"const one = await env.SESSIONS.get('a'); let write = false; if (one !== next) write = true; if (write) {PUT}",
    "a flag by its name": f"if (result.changed) {PUT}",
    "a question by its name": f"if (!isStale(entry)) return; {PUT}",
    "a wish by its name": f"if (shouldSave(next)) {PUT}",
    "an age": f"if (Date.now() - stamp > 60_000) {PUT}",
    "an age in a variable": f"const age = Date.now() - stamp; if (age < 1000) return; {PUT}",
    "an hour": f"if (new Date().getUTCHours() === 4) {PUT}",
    "one in ten": f"if (count % 10 === 0) {PUT}",
    "by chance": f"if (Math.random() < 0.1) {PUT}",
    "not there yet": f"if (await env.SESSIONS.get('a')) return; {PUT}",
    "not there yet, by a name": f"const one = await env.SESSIONS.get('a'); if (!one) {PUT}",
    "not there yet, compared with null": f"const one = await env.SESSIONS.get('a'); if (one === null) {{ {PUT} }}",
    "not a member": f"const names = new Set((await env.SESSIONS.list()).keys.map((key) => key.name)); if (names.has(next)) return; {PUT}",
    "in an expression": f"const one = await env.SESSIONS.get('a'); one !== next && ({PUT[:-1]});",
    "an arm of a choice": f"const one = await env.SESSIONS.get('a'); const done = one === next ? null : {PUT[:-1]};",
    "nested": f"const one = await env.SESSIONS.get('a', 'json'); if (one) {{ if (one.at > Date.now()) return; }} {PUT}",
    "either": f"const one = await env.SESSIONS.get('a'); if (force || one !== next) {PUT}",
    "a setting, and equal": f"const one = await env.SESSIONS.get('a'); if (force && one === next) return; {PUT}",
    "there, and young": f"const one = await env.SESSIONS.get('a', 'json'); if (one && one.at > Date.now()) return; {PUT}",
    "a field": f"if (this.text === next) return; {PUT}",
    "a variable of the module": f"if (kept === next) return; kept = next; {PUT}",
    "a state that ends": f"const job = await env.SESSIONS.get('a', 'json'); if (job.state !== 'queued') return; {PUT}",
    "a failure": f"try {{ await f(); }} catch {{ {PUT} }}",
    "what a filter has left": f"const one = await env.SESSIONS.get('a', 'json'); for (const x of items.filter((i) => i.v !== one[i.k])) {{ {PUT} }}",
    "whether a filter has left any": f"const last = Number(await env.SESSIONS.get('last')); const rows = items.filter((i) => i.time > last); if (rows.length) {PUT}",
    "a function of the project that reads": f"const one = await load(env); if (one !== next) {PUT}",
    "a function of the project that compares": f"{READ} if (newer(next, old)) {PUT}",
}
NOT = {
    "nothing": PUT,
    "there": f"const one = await env.SESSIONS.get('a'); if (one) {{ {PUT} }}",
    "there, or gone": f"const one = await env.SESSIONS.get('a', 'json'); if (!one) return; {PUT}",
    "there, compared with null": f"const one = await env.SESSIONS.get('a'); if (one === null) return; {PUT}",
    "there, by its type": f"if (typeof next !== 'string') return; {PUT}",
    "an answer that is fine": f"const answer = await fetch('x'); if (!answer.ok) return; {PUT}",
    "a status": f"const answer = await fetch('x'); if (answer.status !== 200) throw new Error('x'); {PUT}",
    "something new": f"const rows = await (await fetch('x')).json(); if (rows.length === 0) return; {PUT}",
    "a setting": f"if (env.ENABLED === 'true') {PUT}",
    "a kind of message": f"if (message.type === 'update') {PUT}",
    "a header": f"if (request.headers.get('x') !== 'y') return; {PUT}",
    "an owner": f"const one = await env.SESSIONS.get('a', 'json'); if (one.user !== user) return; {PUT}",
    "a state that lasts": f"const one = await env.SESSIONS.get('a', 'json'); if (one.state !== 'active') return; {PUT}",
    "a guard behind it": f"{PUT} if (Date.now() > 3) return;",
    "a guard in the other arm": f"if (message.x) {{ {PUT} }} else if (Date.now() > 3) {{ f(); }}",
    "a guard of another function": f"const f = () => {{ if (Date.now() > 3) return; }}; f(); {PUT}",
    "the arm for what differs is left": f"const one = await env.SESSIONS.get('a'); if (one && one !== next) {{ await f(one); return; }} {PUT}",
    "a loop": f"for (const item of items) {{ {PUT} }}",
    "a try": f"try {{ {PUT} }} catch {{}}",
}
SOURCE = """
let kept;
async function load(env) {{ const found = await env.SESSIONS.get('b'); return found ? JSON.parse(found) : null; }}
function newer(first, second) {{ return first.version > second.version; }}
export async function write(env, next, items, message, request, count, entry, result, stamp, version, force, user) {{
  {body}
}}
"""


def guarded(project, body):
    (found,) = [o for o in project(SOURCE.format(body=body)).operations if o.method == "put"]
    return found.enclosing.guarded


@pytest.mark.parametrize("name", GUARDED)
def test_a_condition_on_change_or_age_is_a_guard(project, name):
    assert guarded(project, GUARDED[name])


@pytest.mark.parametrize("name", NOT)
def test_a_condition_on_anything_else_is_none(project, name):
    assert not guarded(project, NOT[name])
