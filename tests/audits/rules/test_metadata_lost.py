import pytest

from audits.operation import Confidence

READ = "const { value, metadata } = await env.STORE.getWithMetadata('k');"
PUTS = {
    "await env.STORE.put('k', x);": ("metadata and expiration", Confidence.HIGH),
    "await env.STORE.put('k', x, { expirationTtl: 60 });": ("metadata", Confidence.HIGH),
    "await env.STORE.put('k', x, on ? { metadata } : {});": (
        "metadata and expiration on some way",
        Confidence.MEDIUM,
    ),
    "await env.STORE.put('k', x, { metadata });": None,
    "await env.STORE.put('k', x, { metadata: { a: 1 }, expirationTtl: 60 });": None,
    "await env.STORE.put('other', x);": None,
    "await env.STORE.put('k', x, on);": None,
    "if (value === null) { await env.STORE.put('k', x); }": None,
    "await env.STORE.delete('k');": None,
}


def told(audited, source):
    return [one.finding for one in audited(source, select=("metadata-lost",)).findings]


@pytest.mark.parametrize("put", PUTS)
def test_a_put_after_a_read_with_metadata(put, audited):
    source = f"export async function f(env: Env, x: string, on: any) {{ {READ} {put} return metadata; }}"
    found = told(audited, source)
    wanted = PUTS[put]
    assert [one.confidence for one in found] == ([wanted[1]] if wanted else [])
    if wanted:
        assert f"read with getWithMetadata without its {wanted[0]}" in found[0].message


def test_metadata_that_nobody_looks_at_makes_it_less_sure(audited):
    source = "const { value } = await env.STORE.getWithMetadata('k'); await env.STORE.put('k', value + 1);"
    writer = "await env.STORE.put('k', 'x', { metadata: { a: 1 } });"
    (alone,) = told(audited, source)
    assert alone.confidence is Confidence.MEDIUM
    (known,) = told(audited, {"src/index.ts": source, "src/b.ts": writer})
    assert known.confidence is Confidence.HIGH


def test_listed_keys(audited):
    source = """
        const { keys } = await env.STORE.list({ prefix: "a:" });
        for (const key of keys) await env.STORE.put(key.name, "x"%s);
    """
    (one,) = told(audited, source % "")
    assert one.signals == ("listed",)
    assert [(why.kind, why.place.line) for why in one.related] == [("read", 1)]
    assert told(audited, source % ", { expiration: key.expiration }") == []
    assert told(audited, source % ", { expiration: key.expiration, metadata: key.metadata }") == []


def test_copies_say_so(audited):
    source = f"{READ} console.log(metadata); await env.SESSIONS.put('k', value);"
    (one,) = told(audited, source)
    assert one.signals == ("copied", "read")
    assert one.confidence is Confidence.MEDIUM


@pytest.mark.parametrize(
    ("made", "lost"),
    [
        ("await env.STORE.put(`a:${id}`, id);", None),
        ("await env.STORE.put(`a:${id}`, id, { expirationTtl: 600 });", "expiration"),
        ("await env.STORE.put(`a:${id}`, id, { metadata: { id } });", "metadata"),
        ("await env.STORE.put(id, id);", None),
        ("await env.STORE.put(id, id, { expirationTtl: 600 });", "expiration"),
        ("await env.STORE.put(`b:${id}`, id);", "metadata and expiration"),
        ("await env.SESSIONS.put(`a:${id}`, id);", "metadata and expiration"),
    ],
)
def test_what_the_other_puts_of_such_keys_give_is_what_can_be_lost(audited, made, lost):
    source = f"""
        export async function make(env: Env, id: string) {{ {made} }}
        export async function mark(env: Env) {{
          const {{ keys }} = await env.STORE.list({{ prefix: "a:" }});
          for (const key of keys) await env.STORE.put(key.name, "x");
        }}"""
    found = told(audited, source)
    assert [one.message.rpartition(" without its ")[2] for one in found] == ([lost] if lost else [])


def test_another_value_under_the_same_name_elsewhere_is_no_copy(audited):
    source = """
        const { keys } = await env.STORE.list();
        for (const key of keys) {
          const value = await env.STORE.get(key.name);
          await env.SESSIONS.put(key.name, %s);
        }
    """
    assert told(audited, source % "String(Date.now())") == []
    (one,) = told(audited, source % "value.trim()")
    assert one.signals == ("copied", "listed")
