import pytest


@pytest.mark.parametrize(
    ("options", "severity"),
    [
        ("", "warning"),
        ("{}", "warning"),
        ("{ prefix: 'a:' }", "warning"),
        ("{ prefix: `a:${id}` }", "note"),
        ("{ prefix: id }", "note"),
        ("{ limit: 1000 }", "warning"),
        ("{ limit: x ? 1000 : 5000 }", "warning"),
        ("{ limit: 999 }", None),
        ("{ limit: 1 }", None),
        ("{ limit: id }", None),
        ("options", None),
        ("{ cursor: id }", None),
    ],
)
def test_what_a_list_is_asked_for_decides(found, options, severity):
    source = f"export const f = async (env, id, x, options) => (await env.STORE.list({options})).keys.map(g);"
    assert found(source, "KV009") == ([f"1: KV009 {severity}"] if severity else [])
