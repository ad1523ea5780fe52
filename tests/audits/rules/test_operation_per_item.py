from audits.operation import Confidence


def told(audited, body):
    source = f"export async function f(env, ids, id, x) {{\n{body}\n}}"
    return [one.finding for one in audited(source, select=("KV008", "operation-per-item")).findings]


def test_a_row_is_told_once_with_what_else_is_in_it(audited):
    body = """
        const a = await env.STORE.get("a");
        const b = await env.STORE.get("b");
        const c = await env.STORE.get("c");
    """
    (one,) = told(audited, body)
    assert one.signals == ("in-turn",)
    assert one.place.line == 4
    assert [reason.place.line for reason in one.related] == [3, 5]
    assert "one get of all keys" in one.message


def test_reads_of_different_types_cannot_be_one_get(audited):
    (one,) = told(audited, 'await env.STORE.get("a", "json"); await env.STORE.get("b", "text");')
    assert "Promise.all" in one.message


def test_a_row_ends_where_a_key_needs_what_was_read(audited):
    body = 'const a = await env.STORE.get("a"); const b = await env.STORE.get(a); const c = await env.STORE.get("c");'
    (one,) = told(audited, body)
    assert [reason.place.column for reason in one.related] == [53]


def test_a_caller_s_loop_is_shown_and_less_certain(audited):
    source = """
        const read = (env, id) => env.STORE.get(`a:${id}`);
        export async function all(env, ids) { for (const id of ids) await read(env, id); }
    """
    (one,) = audited(source, select=("operation-per-item",)).findings
    assert one.finding.place.line == 1
    assert [reason.place.line for reason in one.finding.related] == [2]
    assert one.finding.confidence is Confidence.MEDIUM


def test_siblings_are_told_only_if_nothing_reads_one_alone(audited):
    both = "await Promise.all([env.STORE.get(`a:${id}`), env.STORE.get(`b:${id}`)]);"
    assert [one.signals for one in told(audited, both)] == [("siblings",)]
    assert told(audited, both + " if (x) return env.STORE.get(`a:${id}`);") == []
    assert told(audited, "await Promise.all([env.STORE.get(`a:${id}`), env.STORE.get(`b:${x}`)]);") == []
    assert told(audited, "await Promise.all([env.STORE.get('a'), env.STORE.get('b')]);") == []
