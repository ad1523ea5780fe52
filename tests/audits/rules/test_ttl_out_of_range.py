import pytest

KEY = "k" * 512
CALLS = {
    "59 seconds": ("env.STORE.put('a', 'b', { expirationTtl: 59 })", "error"),
    "60 seconds": ("env.STORE.put('a', 'b', { expirationTtl: 60 })", None),
    "zero": ("env.STORE.put('a', 'b', { expirationTtl: 0 })", "error"),
    "calculated": ("env.STORE.put('a', 'b', { expirationTtl: 5 * 10 })", "error"),
    "one of two": ("env.STORE.put('a', 'b', { expirationTtl: x ? 30 : 300 })", "warning"),
    "zero or an hour": ("env.STORE.put('a', 'b', { expirationTtl: x ? 3600 : 0 })", "warning"),
    "zero or what is passed": ("env.STORE.put('a', 'b', { expirationTtl: Number(x) || 0 })", None),
    "a second or what is passed": ("env.STORE.put('a', 'b', { expirationTtl: Number(x) || 1 })", "warning"),
    "a variable": ("env.STORE.put('a', 'b', { expirationTtl: x })", None),
    "an expiration in the past": ("env.STORE.put('a', 'b', { expiration: 1600000000 })", "error"),
    "an expiration to come": ("env.STORE.put('a', 'b', { expiration: 1800000000 })", None),
    "in milliseconds": ("env.STORE.put('a', 'b', { expiration: 1800000000000 })", "error"),
    "a clock in milliseconds": ("env.STORE.put('a', 'b', { expiration: Date.now() + 1000 })", "warning"),
    "a clock in seconds": ("env.STORE.put('a', 'b', { expiration: Date.now() / 1000 + 100 })", None),
    "a short cache": ("env.STORE.get('a', { cacheTtl: 29 })", "error"),
    "a cache": ("env.STORE.get('a', { cacheTtl: 30 })", None),
    "101 keys": (f"env.STORE.get([{', '.join(['x'] * 101)}])", "error"),
    "100 keys": (f"env.STORE.get([{', '.join(['x'] * 100)}])", None),
    "513 bytes": (f"env.STORE.get('{KEY}k')", "error"),
    "513 bytes with a hole": (f"env.STORE.get(`{KEY}k${{x}}`)", "error"),
    "512 bytes": (f"env.STORE.get('{KEY}')", None),
    "bytes, not characters": (f"env.STORE.get('{'é' * 257}')", "error"),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_limits_of_a_call(name, found):
    source, severity = CALLS[name]
    wanted = [f"1: KV003 {severity}"] if severity else []
    assert found(f"export const f = async (env, x) => {{ await {source}; }}", "KV003") == wanted


def test_two_limits_are_two_findings_with_fingerprints_of_their_own(audited):
    source = f"await env.STORE.put('{KEY}k', 'b', {{ expirationTtl: 1 }});"
    both = audited(source, select=("ttl-out-of-range",)).findings
    assert sorted(one.finding.signals for one in both) == [("expirationTtl",), ("key-size",)]
    assert len({one.fingerprint for one in both}) == 2
