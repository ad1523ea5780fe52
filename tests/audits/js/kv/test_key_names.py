"""The names in the expression of a key: of what makes it, and of what fills it."""

import pytest

NAMES = {
    "env.SESSIONS.get('a')": ((), ()),
    "env.SESSIONS.get(token)": ((), ()),
    "env.SESSIONS.get(`a:${token}`)": ((), ("token",)),
    "env.SESSIONS.get(`${PREFIX}${token}`)": (("PREFIX",), ("token",)),
    "env.SESSIONS.get(PREFIX + ':' + user.id)": (("PREFIX",), ("user.id",)),
    "env.SESSIONS.get(this.authPrefix + (token as string))": (("authPrefix",), ("token",)),
    "env.SESSIONS.get(prefixes.login + token)": (("login",), ("token",)),
    "env.SESSIONS.get(keys.authToken(token))": (("authToken",), ("token",)),
    "env.SESSIONS.get(await tokenKey(token, salt))": (("tokenKey",), ("salt", "token")),
    "env.SESSIONS.get(`a:${digest(token)}`)": ((), ()),
    "const k = keys.authToken(token); env.SESSIONS.delete(k)": (("authToken",), ("token",)),
    "let k = keys.authToken(token); k = 'a'; env.SESSIONS.delete(k)": ((), ()),
    "const { k } = keys.all(token); env.SESSIONS.delete(k)": ((), ()),
    "env.SESSIONS.list({ prefix: PREFIX })": ((), ()),
}


@pytest.mark.parametrize("source", NAMES)
def test_makers_are_told_from_what_fills_the_key(project, source):
    (operation,) = project(f"async function f(env, token, user, keys, salt) {{ {source}; }}").operations
    assert (operation.key_makers, operation.key_fills) == NAMES[source]
