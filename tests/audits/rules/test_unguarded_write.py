import pytest

from audits.operation import Confidence

SOURCE = (
    "export default { async scheduled(c, env) { await env.STORE.put(%s, 'b', { expirationTtl: 60 }); } };"
)
WRANGLER = 'kv_namespaces = [{ binding = "STORE", id = "1" }]\n'


@pytest.mark.parametrize(
    ("crons", "severity"),
    [
        ([], "note"),
        (["0 * * * *"], None),
        (["0 4 * * *", "0 0 1 * *"], None),
        (["*/5 * * * *"], "note"),
        (["*/4 * * * *"], "warning"),
        (["0 4 * * *", "* * * * *"], "warning"),
        (["never"], "note"),
    ],
)
def test_how_often_a_cron_handler_runs_decides(found, crons, severity):
    triggers = f"[triggers]\ncrons = {crons}\n" if crons else ""
    files = {"wrangler.toml": WRANGLER + triggers, "src/index.ts": SOURCE % "'a'"}
    assert found(files, "KV007") == ([f"1: KV007 {severity}"] if severity else [])


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("'a'", True),
        ("`a:${c.cron}`", True),
        ("`a:${user}`", True),
        ("`a:${timestamp}`", False),
        ("`a:${crypto.randomUUID()}`", False),
        ("`a:${new Date().toISOString()}`", False),
        ("unknown()", False),
    ],
)
def test_a_key_that_is_new_each_time_is_written_once(found, key, told):
    assert bool(found(SOURCE % key, "KV007")) is told


def test_the_finding_names_every_entry_and_where_it_comes_from(audited):
    source = """
        async function save(env) { await env.STORE.put("a", "b", { expirationTtl: 60 }); }
        export default { async queue(b, env) { for (const m of b.messages) await save(env); }, async scheduled(c, env) { await save(env); } };
    """
    (one,) = audited(source, select=("unguarded-write",)).findings
    assert one.finding.signals == ("queue", "scheduled")
    assert "runs on every queue message and every cron run" in one.finding.message
    assert [(reason.place.line, reason.place.column) for reason in one.finding.related] == [(2, 74), (2, 120)]
    assert one.finding.confidence is Confidence.MEDIUM
