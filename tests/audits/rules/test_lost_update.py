import pytest

from audits.finding import Severity
from audits.operation import Confidence

MAP = """
export async function f(env: Env, %s: string) {
  const all = (await env.STORE.get("%s", "json")) ?? {};
  all[%s] = { n: 1 };
  await env.STORE.put("%s", JSON.stringify(all), { expirationTtl: 60 });
}
"""


def told(audited, source):
    return [one.finding for one in audited(source, select=("lost-update",)).findings]


def test_a_map_of_sessions_is_told_by_its_key_or_by_its_indexes(audited):
    for index, key, marked in (
        ("token", "all", True),
        ("sessionId", "all", True),
        ("id", "sessions", True),
        ("id", "carts", False),
        ("page", "views", False),
    ):
        (one,) = told(audited, MAP % (index, key, index, key))
        assert ("session-map" in one.signals) is marked, (index, key)
        assert ("a map of sessions" in one.message) is marked


def test_one_key_for_each_session_is_no_map(audited):
    (one,) = told(audited, MAP.replace('"%s"', "`session:${%s}`") % (("token",) * 4))
    assert "session-map" not in one.signals


def test_helpers_are_named_and_make_it_less_sure(audited):
    files = {
        "src/kv.ts": """
            export const load = (env: Env) => env.STORE.get("n");
            export const save = (env: Env, n: string) => env.STORE.put("n", n, { expirationTtl: 60 });
        """,
        "src/index.ts": """
            import { load, save } from "./kv";
            export async function count(env: Env) {
              const n = Number(await load(env));
              await save(env, String(n + 1));
            }
        """,
    }
    (one,) = told(audited, files)
    assert (one.place.path, one.place.line, one.confidence) == ("src/kv.ts", 2, Confidence.MEDIUM)
    assert one.signals == ("read-modify-write", "through-helper")
    assert [(why.kind, why.place.path, why.place.line) for why in one.related] == [
        ("read", "src/kv.ts", 1),
        ("through-helper", "src/index.ts", 3),
        ("through-helper", "src/index.ts", 4),
    ]


def test_reading_within_the_put(audited):
    source = "await env.STORE.put('n', String(1 + Number(await env.STORE.get('n'))), { expirationTtl: 60 });"
    (one,) = told(audited, source)
    assert one.confidence is Confidence.HIGH


def test_a_condition_on_emptiness_takes_the_finding_away(audited):
    body = "let n = await env.STORE.get('n'); %s { n = n + '1'; await env.STORE.put('n', n); }"
    assert len(told(audited, body % "if (n)")) == 1
    assert len(told(audited, body % "")) == 1
    assert told(audited, body % "if (!n)") == []
    assert told(audited, body % "if (n === null)") == []


COUNT = """
export async function %s(env: Env, key: string, id: string) {
  const n = Number((await env.STORE.get(%s)) ?? "0");
  await env.STORE.put(%s, String(n + 1)%s);
}
"""
END = ", { expirationTtl: 60 }"


@pytest.mark.parametrize(
    ("name", "key", "end", "limit"),
    [
        ("f", "`rl:${id}`", END, True),
        ("f", "`login_attempts:${id}`", END, True),
        ("checkRateLimit", "`${key}:${id}`", END, True),
        ("checkRateLimit", "`${key}:${id}`", "", False),
        ("f", "`rl:${id}`", "", False),
        ("f", "`views:${id}`", END, False),
        ("f", "`world:${id}`", END, False),
    ],
)
def test_a_count_that_limits_something_and_ends_is_a_note(audited, name, key, end, limit):
    (one,) = told(audited, COUNT % (name, key, key, end))
    assert ("limit" in one.signals) is limit
    assert one.severity is (Severity.NOTE if limit else Severity.WARNING)


CRON = """
const state = async (env: Env) => (await env.STORE.get<{ n: number }>("state", "json")) ?? { n: 0 };
export default {
  async scheduled(_: ScheduledController, env: Env) {
    const now = await state(env);
    now.n += 1;
    await env.STORE.put("state", JSON.stringify(now));
  },
  async fetch(request: Request, env: Env) {
    const now = await state(env);
    %s
    return Response.json(now);
  },
};
"""


def test_what_only_a_cron_run_writes_is_a_note(audited):
    (one,) = told(audited, CRON % "")
    assert (one.severity, "cron" in one.signals) == (Severity.NOTE, True)
    found = told(audited, CRON % 'await env.STORE.put("state", JSON.stringify({ ...now, n: 0 }));')
    assert [one.severity for one in found] == [Severity.WARNING] * 2
    (one,) = told(audited, CRON % 'await env.STORE.put("paused", "1");')
    assert one.severity is Severity.NOTE
    (one,) = told(audited, (CRON % "").replace('"state"', '"sessions"'))
    assert one.severity is Severity.WARNING
