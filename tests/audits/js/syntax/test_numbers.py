"""Which numbers a variable can be under a condition."""

import pytest

BEFORE = "export async function f(env, x) { const ttl = parseInt(x || '0', 10) || 0; %s }"
PUT = "await env.STORE.put('a', x, { expirationTtl: ttl });"


@pytest.mark.parametrize(
    ("body", "possible"),
    [
        (PUT, True),
        (f"if (ttl <= 0) return; {PUT}", False),
        (f"if (0 >= ttl) return; {PUT}", False),
        (f"if (ttl < 0) return; {PUT}", True),
        (f"if (ttl === 0) throw x; {PUT}", False),
        (f"if (ttl !== 0) {{ {PUT} }}", False),
        (f"if (ttl) {{ {PUT} }}", False),
        (f"if (!ttl) {{ {PUT} }}", True),
        (f"if (x && ttl > 0) {{ {PUT} }}", False),
        (f"if (x || ttl > 0) {{ {PUT} }}", True),
        (f"if (!x || ttl < 60) return; {PUT}", False),
        (f"if (x && ttl < 60) return; {PUT}", True),
        (f"if (x > 0) {{ {PUT} }}", True),
        ("await env.STORE.put('a', x, ttl > 0 ? { expirationTtl: ttl } : undefined);", False),
        ("await env.STORE.put('a', x, ttl > 0 ? undefined : { expirationTtl: ttl });", True),
    ],
)
def test_a_condition_takes_numbers_away(project, body, possible):
    (operation,) = project(BEFORE % body).operations
    assert operation.ttl is not None
    assert operation.ttl.ttl is not None
    assert (0.0 in operation.ttl.ttl.values) is possible
