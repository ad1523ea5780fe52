import pytest

from audits.operation import Confidence

OPTIONS = {
    "cacheTtl: 3600": Confidence.HIGH,
    "cacheTtl: 61": Confidence.HIGH,
    "cacheTtl: on ? 3600 : 60": Confidence.MEDIUM,
    "cacheTtl: on ? 3600 : later()": Confidence.MEDIUM,
    "cacheTtl: 60": None,
    "cacheTtl: later()": None,
    "type: 'json'": None,
}


@pytest.mark.parametrize("options", OPTIONS)
def test_a_long_cache_ttl(options, audited):
    source = f"export const f = (env: Env, sid, on) => env.SESSIONS.get(sid, {{ {options} }});"
    found = [one.finding for one in audited(source, select=("stale-session-read",)).findings]
    assert [one.confidence for one in found] == ([OPTIONS[options]] if OPTIONS[options] else [])
    assert all(one.signals == ("cacheTtl",) for one in found)


def test_only_reads_of_sessions(found):
    source = """
        export const f = (env: Env, id, sid) => env.STORE.get(`article:${id}`, { cacheTtl: 3600 });
        export const g = (env: Env, id, sid) => env.STORE.get(`session:${sid}`, { cacheTtl: 3600 });
    """
    assert found(source, "KV005") == ["2: KV005 warning"]


def test_what_keeps_it_is_named_and_the_related_place(audited):
    source = """
        const known = new Map();
        export async function f(env: Env, sid) {
          const session = await env.SESSIONS.get(sid);
          known.set(sid, session);
        }
    """
    (one,) = [one.finding for one in audited(source, select=("stale-session-read",)).findings]
    assert "kept in known, a map of the module, without an end" in one.message
    assert [(why.kind, why.place.line) for why in one.related] == [("kept", 4)]
    assert one.signals == ("kept-in-isolate",)


def test_an_end_takes_the_finding_away(found):
    source = "const m = new Map(); export async function f(env: Env, sid) { m.set(sid, await env.SESSIONS.get(sid)); %s }"
    assert found(source % "", "KV005") == ["1: KV005 warning"]
    assert found(source % "m.delete(sid);", "KV005") == []
    assert found(source % "if (Date.now() > m.at) return;", "KV005") == []


def test_of_several_keys_the_message_says_which_one_is_a_sessions(audited):
    source = """
        export const f = (env, id, x) => env.STORE.get(x ? "feature" : `session:${id}`, { cacheTtl: 86400 });
    """
    (one,) = audited(source, select=("stale-session-read",)).findings
    assert one.finding.message.endswith(' seconds ago when the key is "session:{id}"')
