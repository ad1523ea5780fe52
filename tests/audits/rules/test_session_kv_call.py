"""Calls as they stand in Workers, each alone in its file: session or not."""

import pytest

from audits.operation import Confidence
from audits.rules.rule import Settings

SESSIONS = {
    "spotify_session": "export const f = (env, id) => env.STORE.get(`spotify_session:${id}`);",
    "template": "export const f = (env, id) => env.STORE.get(`session:${id}`);",
    "sess": "export const f = (env, id) => env.STORE.delete('sess:' + id);",
    "admin": "export const f = (env, id) => env.STORE.put(`admin:session:${id}`, '1');",
    "in one word": "export const f = (env, t) => env.STORE.put('adminsess:' + t, '1');",
    "bare id": "export const f = (env, sessionId) => env.STORE.get(sessionId);",
    "bare member": "export const f = (env, session) => env.STORE.put(session.id, JSON.stringify(session));",
    "token in the namespace for them": "export const f = (env, token) => env.SESSIONS.delete(token);",
    "helper": (
        "const sessionKey = (x) => `s:${x}`; export const f = (env, a) => env.STORE.get(sessionKey(a));"
    ),
    "helper in an object": (
        "const keys = { session: (x) => `s:${x}` }; export const f = (env, a) => "
        "env.STORE.get(keys.session(a));"
    ),
    "helper from elsewhere": (
        "import { sessionKey } from 'lib'; export const f = (env, a) => env.STORE.get(sessionKey(a));"
    ),
    "prefix from elsewhere": (
        "import { SESSION_PREFIX } from 'lib'; export const f = (env, a) => "
        "env.STORE.get(SESSION_PREFIX + a);"
    ),
    "provider's name": (
        "export async function getSession(env, id) { return env.SESSIONS.get(`spotify:${id}`); }"
    ),
    "value of that type": (
        "export async function getSession(env, id) { const s = await env.STORE.get<Session>(id, "
        "'json'); return s; }"
    ),
    "store class": (
        "class SessionStore { constructor(private kv: KVNamespace) {} read(key: string) { return "
        "this.kv.get<SessionData>(key); } }"
    ),
    "list": "export const f = (env) => env.STORE.list({ prefix: 'session:' });",
    "list of all": "export const f = (env) => env.SESSIONS.list();",
    "metadata": "export const f = (env, sid) => env.STORE.getWithMetadata(`v1:${sid}`);",
    "of a user": "export const f = (env, userId) => env.SESSIONS.get(userId);",
    "bearer token": (
        "export async function authenticate(env, token) { return env.AUTH_KV.get(token, 'json'); }"
    ),
    "index of a user's": "export const f = (env, userId) => env.STORE.get(`user_sessions:${userId}`);",
    "cookie": (
        "export async function requireAuth(env, request) { const token = "
        "readCookie(request.headers.get('Cookie')); return env.STORE.get(`auth:${token}`); }"
    ),
}
OTHERS = {
    "rate limit": "export const f = (env, ip) => env.SESSIONS.get(`rl:${ip}`);",
    "oauth state": "export const f = (env, state) => env.SESSIONS.put(`oauth_state:${state}`, '1');",
    "one-time password": "export const f = (env, email) => env.SESSIONS.get(`otp_${email}`);",
    "payment": "export const f = (env, paymentId) => env.SESSIONS.get(`payment:${paymentId}`);",
    "onboarding": "export const f = (env, user) => env.SESSIONS.get(`onboarding:${user.id}`);",
    "another key's helper": (
        "import { digestKey } from 'lib'; export const f = (env, day) => env.SESSIONS.get(digestKey(day));"
    ),
    "user": (
        "export async function createSession(env, user) { await env.STORE.put(`user:${user.id}`, user); }"
    ),
    "rate limit of a session": "export const f = (env, sessionId) => env.STORE.get(`rate:${sessionId}`);",
    "chat": "export const f = (env, chatId) => env.STORE.get(`chat_session:${chatId}`);",
    "upload": "export const f = (env, uploadSessionId) => env.STORE.get(uploadSessionId);",
    "user of a session": "export const f = (env, session) => env.STORE.get(`profile:${session.userId}`);",
    "settings": "export const f = (env) => env.SESSIONS.get('settings');",
    "number of sessions": "export const f = (env) => env.STORE.get('session_count');",
    "cache": "export const f = (env, url) => env.STORE.get(url);",
    "obsession": "export const f = (env, id) => env.STORE.get(`obsession:${id}`);",
    "limit by address": "export const f = (env, ip, w) => env.SESSIONS.get(`${ip}:${w}`);",
    "id of another thing": "export const f = (env, guildId) => env.SESSIONS.get(guildId);",
    "history": (
        "const histKey = (u) => lib(u); "
        "export const f = (env, u) => env.SESSIONS.put(histKey(u), JSON.stringify(messages));"
    ),
    "browser": "export const f = (env) => env.SESSIONS.get('browser-session');",
    "a constant from elsewhere": (
        "import { BOOT } from 'lib'; export const f = (env) => env.SESSIONS.get(BOOT);"
    ),
    "durable object": (
        "export const f = (env, id) => env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id));"
    ),
}


@pytest.mark.parametrize("name", SESSIONS)
def test_a_call_on_a_session_is_found(name, found):
    assert found(SESSIONS[name], "KV001") == ["1: KV001 warning"]


@pytest.mark.parametrize("name", OTHERS)
def test_a_call_on_something_else_is_not(name, found):
    assert found(OTHERS[name], "KV001") == []


def test_a_prefix_that_is_named_decides_alone(found):
    source = "export const f = (env, id) => env.STORE.get(`chat:${id}`);"
    assert found(source, "KV001") == []
    assert found(source, "KV001", settings=Settings(prefixes=("chat:",))) == ["1: KV001 warning"]
    assert found(source, "KV001", settings=Settings(prefixes=("ch",))) == ["1: KV001 warning"]
    assert found(source, "KV001", settings=Settings(prefixes=("cat:", ""))) == []


def test_the_finding_says_which_signals_fired_and_how_sure_it_is(audited):
    source = "export const f = (env, sessionId) => env.SESSIONS.get(`spotify_session:${sessionId}`);"
    (one,) = audited(source, select=("session-kv-call",)).findings
    assert one.finding.signals == ("binding", "hole-name", "key-prefix", "key-text")
    assert one.finding.confidence is Confidence.HIGH
    assert "(binding, hole-name, key-prefix, key-text)" in one.finding.message
    (weak,) = audited(
        "export const f = (env, x) => env.SESSIONS.get(x);", select=("session-kv-call",)
    ).findings
    assert (weak.finding.signals, weak.finding.confidence) == (("binding",), Confidence.MEDIUM)


def test_every_method_has_its_verb(audited):
    source = """
        await env.SESSIONS.get(sid); await env.SESSIONS.getWithMetadata(sid); await env.SESSIONS.put(sid, v);
        await env.SESSIONS.delete(sid); await env.SESSIONS.list();
    """
    told = [one.finding.message for one in audited(source, select=("session-kv-call",)).findings]
    assert [message.split(") ")[1].split(" ")[0] for message in told] == [
        *("reads", "reads", "writes", "deletes", "lists")
    ]
