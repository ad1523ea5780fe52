import pytest

from audits.finding import Severity
from audits.rules.rule import Settings

PUT = {
    "no options": ("await env.STORE.put(id, v);", "error"),
    "undefined options": ("await env.STORE.put(id, v, undefined);", "error"),
    "only metadata": ("await env.STORE.put(id, v, { metadata: { a: 1 } });", "error"),
    "options in a variable": ("const o = { metadata: {} }; await env.STORE.put(id, v, o);", "error"),
    "one arm of a condition": ("await env.STORE.put(id, v, x ? { expirationTtl: 60 } : {});", "warning"),
    "an option that can be undefined": (
        "await env.STORE.put(id, v, { expirationTtl: x ? 60 : undefined });",
        "warning",
    ),
    "a time to live": ("await env.STORE.put(id, v, { expirationTtl: ttl });", None),
    "on another line": ("await env.STORE.put(\n id,\n v,\n {\n expirationTtl: 60 });", None),
    "an expiration": ("await env.STORE.put(id, v, { expiration: at });", None),
    "no namespace": ("await env.BUCKET.put(id, v); new Map().put(id, v); cache.put(req, res);", None),
    "a comment": ("// await env.STORE.put(id, v);", None),
}


@pytest.mark.parametrize("name", PUT)
def test_the_verdict_on_a_put(name, found):
    source, severity = PUT[name]
    wanted = [f"2: KV002 {severity}"] if severity else []
    assert found(f"async function f(env: Env, id, v, x, ttl, at) {{\n{source} }}", "KV002") == wanted


def test_options_from_outside_are_counted_and_not_found(audited):
    source = "export const save = (kv: KVNamespace, k: string, o: any) => kv.put(k, '1', o);"
    seen = audited(source)
    assert [one.finding.code for one in seen.findings] == []
    assert seen.undetermined == 1


def test_a_warning_names_the_callers_that_pass_none(audited):
    source = """
        const save = (kv: KVNamespace, k: string, ttl?: number) =>
          kv.put(k, "1", ttl ? { expirationTtl: ttl } : {});
        export const a = (env: Env) => save(env.STORE, "a", 60);
        export const b = (env: Env) => save(env.STORE, "b");
    """
    (one,) = audited(source, select=("put-without-ttl",)).findings
    assert one.finding.severity is Severity.WARNING
    assert [(why.place.line, why.kind) for why in one.finding.related] == [(4, "without-ttl")]


def test_the_caller_that_leaves_it_out_is_named_not_those_further_out(audited):
    source = """
        const save = (kv: KVNamespace, k: string, expirationTtl?: number) => kv.put(k, "1", { expirationTtl });
        const remembered = (env: Env) => save(env.STORE, "a", 60);
        const forgotten = (env: Env) => save(env.STORE, "b");
        export default { fetch: (request, env) => request.url ? remembered(env) : forgotten(env) };
    """
    (one,) = audited(source, select=("put-without-ttl",)).findings
    assert [why.place.line for why in one.finding.related] == [3]
    assert one.finding.message.endswith(" on some way: expirationTtl is undefined")


def test_a_caller_further_out_is_named_when_only_it_decides(audited):
    source = """
        const save = (kv: KVNamespace, k: string, expirationTtl?: number) => kv.put(k, "1", { expirationTtl });
        const handed = (env: Env, ttl?: number) => save(env.STORE, "a", ttl);
        export const a = (env: Env) => handed(env, 60);
        export const b = (env: Env) => handed(env);
    """
    (one,) = audited(source, select=("put-without-ttl",)).findings
    assert [why.place.line for why in one.finding.related] == [4]


def test_keys_that_live_for_ever_are_allowed_only_if_every_key_is(found):
    source = "const k = x ? 'config:a' : `config:${b}`; await env.STORE.put(k, v);"
    other = "const k = x ? 'config:a' : 'session:a'; await env.STORE.put(k, v);"
    allowed = Settings(forever=("config:*",))
    assert found(source, "KV002") == ["1: KV002 error"]
    assert found(source, "KV002", settings=allowed) == []
    assert found(other, "KV002", settings=allowed) == ["1: KV002 error"]


def test_an_unknown_key_is_not_meant_to_live_for_ever(found):
    source = "await env.STORE.put(unknown(), v);"
    assert found(source, "KV002", settings=Settings(forever=("config:*",))) == ["1: KV002 error"]


def test_test_files_are_left_out_unless_asked_for(found):
    files = {"src/a.test.ts": "await env.STORE.put('a', 'b');"}
    assert found(files, "KV002") == []
    assert found(files, "KV002", tests=True) == ["1: KV002 error"]
    assert found(files, "KV002", paths=("src/a.test.ts",)) == ["1: KV002 error"]
