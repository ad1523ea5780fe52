"""How a fallback is told: which of the three it is, how sure, and where the other read stands."""

import pytest

from audits.finding import Severity
from audits.operation import Confidence

STUB = "const stub = env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(sid));"
KINDS = {
    "fallback": f"{STUB} return (await stub.getSession()) ?? env.SESSIONS.get(`session:${{sid}}`);",
    "cache-in-front": f"{STUB} return (await env.SESSIONS.get(`session:${{sid}}`)) ?? stub.getSession();",
    "missing-binding": "if (!env.SESSIONS) return { error: 'kv_not_configured' }; return env.SESSIONS.get(`session:${sid}`);",
}


def f(body):
    return f"export async function f(env: Env, sid: string, db: D1Database) {{\n{body}\n}}"


@pytest.fixture
def told(audited):
    """The findings of the rule."""
    return lambda files, **asked: [
        one.finding for one in audited(files, select=("kv-fallback",), **asked).findings
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_the_signals_say_which_of_the_three_it_is(kind, told):
    (one,) = told(f(KINDS[kind]))
    assert kind in one.signals
    assert not ({*KINDS} - {kind}) & {*one.signals}
    harm = Severity.NOTE if kind == "missing-binding" else Severity.WARNING
    assert (one.severity, one.confidence) == (harm, Confidence.HIGH)


@pytest.mark.parametrize(
    ("body", "how", "text"),
    [
        (
            f"{STUB} return (await stub.read()) ?? env.SESSIONS.get(sid);",
            "absent",
            "the Durable Object has nothing",
        ),
        (
            f"{STUB} return stub.read().catch(() => env.SESSIONS.get(sid));",
            "failed",
            "the Durable Object fails",
        ),
        (
            f"if (env.SESSION_OBJECT) {{ {STUB} return stub.read(); }} return env.SESSIONS.get(sid);",
            "unbound",
            "the Durable Object is not bound",
        ),
        (
            "return (await db.prepare('SELECT 1 FROM sessions').first()) ?? env.SESSIONS.get(sid);",
            "absent",
            "D1 has",
        ),
    ],
)
def test_the_message_and_the_signals_say_when(body, how, text, told):
    (one,) = told(f(body))
    assert how in one.signals
    assert f"reads a session from KV where {text}" in one.message


def test_the_other_read_is_the_related_place(told):
    files = {
        "src/kv.ts": "export const fromKv = (env: Env, sid: string) =>\n  env.SESSIONS.get(`session:${sid}`);",
        "src/index.ts": 'import { fromKv } from "./kv";\n'
        + f(f"{STUB}\nconst found = await stub.getSession();\nreturn found ?? fromKv(env, sid);"),
    }
    (one,) = told(files)
    assert (one.place.path, one.place.line) == ("src/kv.ts", 2)
    assert [(why.kind, why.place.path, why.place.line) for why in one.related] == [
        ("consistent-read", "src/index.ts", 4),
        ("through-helper", "src/index.ts", 5),
    ]
    assert one.related[0].text == "the read that KV stands in for: Durable Object"


def test_a_chain_of_calls_on_one_line_is_one_related_place(told):
    read = "await drizzle(db).select().from(sessions).where(eq(sessions.id, sid)).get()"
    source = 'import { drizzle } from "drizzle-orm/d1";\n' + f(
        f"const kept = await env.SESSIONS.get(`session:${{sid}}`);\nif (kept) return kept;\nreturn {read};"
    )
    (one,) = told(source)
    assert [(why.kind, why.place.line) for why in one.related] == [("consistent-read", 5)]


ROWS = {
    "FROM sessions WHERE k = ?": (Severity.WARNING, Confidence.HIGH),
    "FROM auth_tokens WHERE k = ?": (Severity.WARNING, Confidence.MEDIUM),
    "FROM users WHERE token = ?": (Severity.WARNING, Confidence.MEDIUM),
    "FROM api_keys WHERE k = ?": (Severity.NOTE, Confidence.LOW),
    "FROM users WHERE k = ?": (Severity.NOTE, Confidence.LOW),
}


@pytest.mark.parametrize("rest", ROWS)
def test_a_row_of_another_table_makes_it_unsure(rest, told):
    read = f"const row = await db.prepare('SELECT * {rest}').bind(sid).first();"
    (one,) = told(f(read + "if (row) return row; return env.SESSIONS.get(`session:${sid}`);"))
    assert (one.severity, one.confidence) == ROWS[rest]


@pytest.mark.parametrize("rest", ROWS)
def test_a_session_before_a_row_of_another_table_is_no_cache(rest, told):
    read = f"return db.prepare('SELECT * {rest}').bind(sid).first();"
    found = told(f("const s = await env.SESSIONS.get(`session:${sid}`); if (s) return s;" + read))
    assert len(found) == (ROWS[rest][0] is Severity.WARNING)


def test_a_key_that_is_no_session_s_is_a_note(told):
    (one,) = told(f("return (await db.prepare('SELECT 1 FROM t').first()) ?? env.STORE.get('config');"))
    assert (one.severity, one.confidence) == (Severity.NOTE, Confidence.LOW)
    assert "session" not in one.signals


def test_a_missing_namespace_that_holds_more_than_sessions_is_less_sure_and_one_for_others_is_none(told):
    reads = "await env.STORE.get(`session:${sid}`);"
    more = "await env.STORE.get(`rate:${sid}`);"
    missing = "if (!env.STORE) throw new Error('STORE is not configured');"
    assert told(f(missing + reads))[0].confidence is Confidence.HIGH
    assert told(f(missing + reads + more))[0].confidence is Confidence.MEDIUM
    assert told(f(missing + reads + more + more)) == []
    assert told(f(missing + more)) == []


def test_a_missing_namespace_is_judged_by_all_files_whatever_part_is_asked_for(told):
    files = {
        "src/need.ts": "export function need(env: Env) {\n  if (!env.STORE) throw new Error('x');\n  return env.STORE; }",
        "src/read.ts": "export const read = (env: Env, sid: string) => env.STORE.get(`session:${sid}`);",
    }
    whole = told(files)
    assert [(one.place.path, one.place.line) for one in whole] == [("src/need.ts", 2)]
    assert told(files, paths=("src/need.ts",)) == whole
    assert told(files, paths=("src/read.ts",)) == []


def test_a_missing_namespace_can_be_excused_by_a_comment(audited):
    source = f(
        "// kvferry: ignore[kv-fallback] the stage is dual-write\n"
        "if (!env.SESSIONS) return 503;\nreturn env.SESSIONS.get(`session:${sid}`);"
    )
    seen = audited(source, select=("kv-fallback", "unused-suppression"))
    assert seen.findings == ()
    assert len(seen.suppressed) == 1


def test_tests_are_left_out(told):
    files = {"test/a.test.ts": f(KINDS["missing-binding"]), "test/b.test.ts": f(KINDS["fallback"])}
    assert told(files) == []
    assert len(told(files, tests=True)) == 2
