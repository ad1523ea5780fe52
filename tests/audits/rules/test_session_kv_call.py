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
    "bare id of a user's": (
        "export const f = async (env, sessionId) => JSON.parse(await env.STORE.get(sessionId)).userId;"
    ),
    "bare id where logins are": (
        "export const logout = (env, sessionId) => env.STORE.delete(sessionId); // Set-Cookie elsewhere"
    ),
    "bare id, short": "export const f = (env, sid) => env.STORE.get(sid);",
    "what a cookie of the namespace for logins holds": (
        "export const f = (env, c) => { const sub = getCookie(c, 'x'); return env.AUTH_STORE.get(sub); };"
    ),
    "what is sent in a cookie": (
        "export const f = async (env, who, tokens) => { await env.AUTH_STORE.put(who.sub, JSON.stringify(tokens));"
        " return { 'Set-Cookie': `auth=${who.sub}; HttpOnly` }; };"
    ),
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
    "refresh token": "export const f = (env, t) => env.STORE.get(`refresh:${t.token}`);",
    "refresh token of a user": "export const f = (env, user, t) => env.STORE.put(`refresh_token:${user.id}`, t);",
    "refresh token that is the value": (
        "/* the password was right */ export const f = (env, user, refreshToken) => "
        "env.STORE.put(`refresh:${user.id}`, JSON.stringify({ token: refreshToken }));"
    ),
    "token of an artist's login": (
        "export async function f(env, request, session, token) { request.headers.get('Cookie');"
        " await env.SESSION.put(`artist:${token}`, JSON.stringify(session)); }"
    ),
    "hash of a refresh token": "export const f = async (env, t) => env.STORE.get(`refresh:${await hashTok(t)}`);",
    "refresh token by a name that says nothing": (
        "export const login = (env, nr) => env.OAUTH_KV.put(`refresh:${nr}`, '1');"
    ),
    "bearer token where logins are": (
        "export async function f(env, request) { const token = request.headers.get('Authorization');"
        " return env.STORE.get(`token:${token}`); }"
    ),
    "what is known of the one who logged in": (
        "export async function login(env, userId, authInfo) {"
        " await env.STORE.put(`auth-uid:${userId}`, JSON.stringify(authInfo)); }"
    ),
    "the storage of a login library": (
        "export const auth = betterAuth({ secondaryStorage: { get: (key) => env.STORE.get(`auth:${key}`) } });"
    ),
    "the storage of a login library, by its own keys": (
        "export const auth = (env) => betterAuth({ secondaryStorage: { get: (key) => env.STORE.get(key) } });"
    ),
    "the same where there may be none": (
        "export const auth = (env) => betterAuth({ secondaryStorage: env.STORE ? "
        "{ delete: (key) => env.STORE.delete(key) } : undefined });"
    ),
    "a class for it": (
        "/* auth */ class KvSecondaryStorage { constructor(private kv: KVNamespace) {} "
        "get(key: string) { return this.kv.get(key); } }"
    ),
    "prefix named for the tokens of logins": (
        "/* login */ const ADMIN_TOKEN_PREFIX = 'shop:adm:'; "
        "export const f = (env, token) => env.STORE.get(`${ADMIN_TOKEN_PREFIX}${token}`);"
    ),
    "maker of keys named for them": (
        "/* login */ const keys = { authToken: (t) => `shop:a:${t}` }; "
        "export const f = (env, token) => env.STORE.get(keys.authToken(token));"
    ),
    "token that was just made": (
        "/* login */ const keys = { authToken: (t) => `shop:a:${t}` }; export const f = (env, id) => "
        "{ const token = `t_${Date.now()}`; return env.STORE.put(keys.authToken(token), id); };"
    ),
    "token that was just made, under auth": (
        "/* login */ export const f = (env, id) => { const token = `${Date.now()}`;"
        " return env.STORE.put(`auth:${token}`, id); };"
    ),
    "auth behind the project's name": (
        "export const login = (env, token) => env.STORE.delete(`shop:auth:${token}`);"
    ),
    "auth of a member": "export const login = (env, token) => env.STORE.get(`staff/auth/${token}`);",
    "object named for sessions": (
        "import { env } from 'cloudflare:workers';"
        " export const sessionStore = { read(token) { return env.STORE.get(token); } };"
    ),
    "chat with logins": (
        "/* messages of a chat; the password is checked elsewhere */ "
        "export const f = (env, id) => env.STORE.get(`session:${id}`);"
    ),
    "all of them under one key": (
        "export async function createSession(env, sessions) {"
        " await env.STORE.put('sessions', JSON.stringify(sessions)); }"
    ),
    "a part that is not set here": (
        "export async function f(env) { const c = {}; return env.STORE.get(`sess:${c.session}`); }"
    ),
}
OTHERS = {
    "time of the last refresh": "export const f = (env, feed) => env.STORE.get(`refresh:${feed.url}`);",
    "credentials of another service": "export const f = (env) => env.STORE.get('spotify_refresh_token');",
    "token of a purchase": "export const f = (env, token) => env.STORE.get(`token:${token}`);",
    "key of an API": (
        "export const f = (env, request, apiKey) => { request.headers.get('Authorization');"
        " return env.STORE.get(`auth:${apiKey}`); }"
    ),
    "the storage of something else": (
        "export const s = (env) => ({ primary: disk, secondaryStorage: { get: (key) => env.STORE.get(key) } });"
    ),
    "prefix named for tokens of all kinds": (
        "/* login */ const TOKEN_PREFIX = 'shop:t:'; "
        "export const f = (env, token) => env.STORE.get(`${TOKEN_PREFIX}${token}`);"
    ),
    "prefix named for tokens of an API": (
        "/* login */ const API_AUTH_TOKEN_PREFIX = 'shop:t:'; "
        "export const f = (env, token) => env.STORE.get(`${API_AUTH_TOKEN_PREFIX}${token}`);"
    ),
    "maker named for one use of a token": (
        "/* login */ const keys = { adminInviteToken: (t) => `shop:a:${t}` }; "
        "export const f = (env, token) => env.STORE.get(keys.adminInviteToken(token));"
    ),
    "what a user keeps elsewhere": (
        "/* login */ const keys = { authToken: (t) => `shop:a:${t}` }; "
        "export const f = (env, userId) => env.STORE.get(keys.authToken(userId));"
    ),
    "limit of tries by token": "export const login = (env, token) => env.STORE.get(`ratelimit:auth:${token}`);",
    "device that is sent messages": "export const login = (env, token) => env.STORE.get(`push:auth:${token}`);",
    "auth where nothing is said of logins": (
        "export const f = (env, token) => env.STORE.get(`shop:bearer:${token}`);"
    ),
    "token of an invitation": (
        "export const login = (env, inviteToken) => env.AUTH_KV.get(`token:${inviteToken}`);"
    ),
    "talk with a person": "export const f = (env, chatId) => env.STORE.get(`sess:${chatId}`);",
    "talk with a model": (
        "/* the messages that the assistant has seen */ "
        "export const f = (env, sessionId) => env.STORE.get(`session:${sessionId}`);"
    ),
    "record with an id": "export const f = (env, body) => env.STORE.put(`session_${body.id}`, '1');",
    "state of an editor": "export const f = (env, sessionId) => env.EDITOR_STORE.get(sessionId);",
    "sequence of sessions": "export const f = (env) => env.STORE.get('session_change_seq');",
    "key that signs sessions": "export const f = (env) => env.STORE.get('admin:session-key');",
    "another word in the namespace": "export const f = (env, id) => env.SESSIONS.put(`disabled:${id}`, '1');",
    "a key of which nothing is known": "export const f = (env, key) => env.SESSIONS.get(key);",
    "page that was paid for": "export const f = (env, sessionId) => env.STORE.get(sessionId);",
    "draft of a form": (
        "export const f = (env, form) => env.STORE.put(`sess:${form.sessionId}`, JSON.stringify(form));"
    ),
    "basket in a cookie": (
        "export const f = (env, c) => { const id = getCookie(c, 'basket'); return env.BASKETS.get(id); };"
    ),
    "request of a login that goes on": (
        "export const handleLogin = (env, c) => { const id = getCookie(c, 'req');"
        " return env.SESSIONS.get(`auth_request:${id}`); };"
    ),
    "steps of a form": (
        "const sessionKey = (userId) => `checkin-session:${userId}`; "
        "export const getSession = (env, userId) => env.STORE.get(sessionKey(userId));"
    ),
    "code that somebody registers with": (
        "export async function f(env, token) { await env.SESSIONS.delete(`cand:${token}`);"
        " return json({}, { 'set-cookie': sid }); }"
    ),
    "password of a page": (
        "export const login = (env, page) => env.AUTH_KV.put(`auth:${page.slug}`, page.verifier);"
    ),
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


def test_keys_that_begin_as_those_of_sessions_do_are_sessions_too(found):
    source = """
        export async function login(env, userId, authInfo) {
          await env.STORE.put(`auth-uid:${userId}`, JSON.stringify(authInfo));
        }
        export const remove = (env, userId) => env.STORE.delete(`auth-uid:${userId}`);
        export const other = (env, userId) => env.STORE.delete(`auth-log:${userId}`);
        """
    assert found(source, "KV001") == ["2: KV001 warning", "4: KV001 warning"]


def test_what_is_written_under_a_key_tells_what_is_read_under_it(found):
    source = """
        // a chat with a model, beside pages that ask for a password
        export const read = async (env, id) => (await env.STORE.get(`session:${id}`, "json")).turns;
        export async function write(env, id, messages) {
          await env.STORE.put(`session:${id}`, JSON.stringify({ messages }), { expirationTtl: 60 });
        }
        """
    assert found(source, "KV001") == []
    assert found(source.replace("messages", "user"), "KV001") == ["2: KV001 warning", "4: KV001 warning"]


def test_a_beginning_that_everything_has_says_nothing(found):
    source = """
        export const read = (env, sid) => env.STORE.get(`app:${sid}`);
        export const other = (env, page) => env.STORE.get(`app:${page}`);
        """
    assert found(source, "KV001") == ["1: KV001 warning"]


HELPER = """
    const read = (env, key) => env.STORE.get(key);
    export const session = (env, id) => read(env, `session:${id}`);
    export const page = (env, name) => read(env, `page:${name}`);
    """


def test_a_helper_for_keys_of_all_kinds_is_about_none_of_them(found):
    assert found(HELPER, "KV001") == ["1: KV001 warning"]
    more = "export const url = (env, name) => read(env, `url:${name}`);"
    assert found(HELPER + more, "KV001") == []
    assert found(HELPER + more, "KV001", settings=Settings(prefixes=("session:",))) == ["1: KV001 warning"]


TWO_KEYS = "export const f = (env, id, x) => env.STORE.put(x ? {} : `session:${{id}}`, '1');"


def test_of_several_keys_the_message_says_which_one_is_a_sessions(audited):
    (one,) = audited(TWO_KEYS.format("'feature'"), select=("session-kv-call",)).findings
    assert one.finding.message.startswith(
        'STORE.put("feature" or "session:{id}") writes a session to KV when the key is "session:{id}" ('
    )
    (one,) = audited(TWO_KEYS.format("`session:new:${id}`"), select=("session-kv-call",)).findings
    assert " when " not in one.finding.message
