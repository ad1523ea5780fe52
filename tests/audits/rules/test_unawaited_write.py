from audits.operation import Confidence


def test_a_write_that_is_dropped_where_it_stands_is_certain(audited):
    (one,) = audited(
        "export const f = (env) => { env.STORE.delete('a'); };", select=("unawaited-write",)
    ).findings
    assert one.finding.message == 'STORE.delete("a") is neither awaited nor returned nor given to waitUntil'
    assert (one.finding.confidence, one.finding.related) == (Confidence.HIGH, ())


def test_one_that_callers_drop_says_where(audited):
    source = """
        async function save(env) { await env.STORE.put("a", "b", { expirationTtl: 60 }); }
        export function f(env) { save(env); }
        export function g(env) { save(env).catch(() => {}); }
    """
    (one,) = audited(source, select=("unawaited-write",)).findings
    assert one.finding.message.endswith("the promise is dropped at src/index.ts:2 and 1 more")
    assert [reason.place.line for reason in one.finding.related] == [2, 3]
    assert one.finding.confidence is Confidence.MEDIUM


def test_reads_may_be_dropped(found):
    assert found("export const f = (env) => { env.STORE.get('a'); env.STORE.list(); };", "KV010") == []
