import hashlib
from dataclasses import replace

import pytest

from audits.auditing import Request, audit
from audits.finding import Severity
from audits.operation import Confidence
from audits.rules.rule import Settings

TWO = """
    export async function save(env: Env, id: string) {
      await env.STORE.put(`a:${id}`, "1");
      await env.STORE.put(`a:${id}`, "2");
    }
"""


def prints(seen):
    return [one.fingerprint for one in seen.findings]


def test_findings_are_sorted_by_place(audited):
    seen = audited(
        {"src/b.ts": "await env.STORE.put('a', 'b');", "src/a.ts": "\nawait env.STORE.put('a', 'b');"}
    )
    assert [one.finding.place.path for one in seen.findings] == ["src/a.ts", "src/b.ts"]


def test_a_fingerprint_outlives_moved_lines_and_other_formatting(audited):
    before = prints(audited(TWO))
    moved = TWO.replace("await", "\n\n    await").replace('"1"', '\n"1"')
    assert prints(audited("// a comment\n" + moved)) == before
    assert len(set(before)) == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [("a:${id}", "b:${id}"), ("STORE", "SESSIONS"), ("save", "store"), ("${id}", "${key}")],
)
def test_a_fingerprint_changes_with_what_the_call_is(audited, old, new):
    before = prints(audited(TWO, select=("put-without-ttl",)))
    after = prints(audited(TWO.replace(old, new), select=("put-without-ttl",)))
    assert len(after) == 2
    assert not set(before) & set(after)


def test_a_fingerprint_tells_what_is_wrong_and_not_why_it_is_suspected(audited):
    short = "await env.STORE.put(`a:${x}`, '1', { expirationTtl: 5 });"
    before = prints(audited(short, select=("ttl-out-of-range",)))
    assert prints(audited(short.replace("5", "6"), select=("ttl-out-of-range",))) == before
    later = "expiration: 5"
    assert prints(audited(short.replace("expirationTtl: 5", later), select=("ttl-out-of-range",))) != before
    session = "const f = async (sid) => { %s; await env.SESSIONS.get(`sess:${sid}`); }"
    told = [
        prints(audited(session % text, select=("session-kv-call",))) for text in ("x", "getCookie(c, 'sid')")
    ]
    assert told[0] == told[1] != []


def test_rules_are_selected_and_ignored(audited):
    source = "await env.SESSIONS.put(sessionId, '1');"
    assert {one.finding.code for one in audited(source).findings} == {"KV001", "KV002"}
    assert {one.finding.code for one in audited(source, select=("put-without-ttl",)).findings} == {"KV002"}
    assert {one.finding.code for one in audited(source, ignore=("put-without-ttl",)).findings} == {"KV001"}


def test_what_is_hidden_is_counted(audited):
    source = "await env.SESSIONS.put(sessionId, '1');"
    seen = audited(source, severity=Severity.ERROR)
    assert [one.finding.code for one in seen.findings] == ["KV002"]
    assert seen.hidden == 1
    weak = audited("await env.SESSIONS.get(x);", confidence=Confidence.HIGH)
    assert (len(weak.findings), weak.hidden) == (0, 1)


def test_each_finding_has_its_source_line(audited):
    (one,) = audited("x();\r\n\tawait env.STORE.put('é', 'b');\r\n").findings
    assert one.source == "\tawait env.STORE.put('é', 'b');"
    assert one.finding.place.column == one.source.index("put") + 1


def test_a_part_gives_what_the_whole_gives_for_it(audited):
    files = {
        "src/save.ts": "export const save = (kv: KVNamespace, k: string, ttl?: number) =>\n"
        "  kv.put(k, '1', ttl ? { expirationTtl: ttl } : undefined);",
        "src/index.ts": "import { save } from './save';\nawait save(env.STORE, 'a');\n"
        "await env.STORE.put('b', '1');",
    }
    whole = audited(files)
    part = audited(files, paths=("src/save.ts",))
    assert part.findings == tuple(one for one in whole.findings if one.finding.place.path == "src/save.ts")
    assert part.findings
    assert part.collected == ("src/save.ts",)


def test_the_digest_changes_with_what_decides_and_with_nothing_else(tmp_path):
    request = Request(tmp_path, settings=Settings(now=1.0))
    same = replace(request, jobs=4, cache=tmp_path, settings=Settings(now=2.0), root=tmp_path / "elsewhere")
    assert same.digest == request.digest
    others = [
        replace(request, tests=True),
        replace(request, bindings=("A",)),
        replace(request, select=("put-without-ttl",)),
        replace(request, settings=Settings(forever=("a",))),
        replace(request, exclude=("a",)),
        replace(request, severity=Severity.ERROR),
    ]
    assert len({request.digest, *(one.digest for one in others)}) == 7


def test_the_result_does_not_depend_on_cache_or_jobs(audited, tmp_path):
    first = audited({f"src/f{n}.ts": TWO for n in range(30)})
    for asked in ({"jobs": 2}, {"cache": tmp_path / "cache"}, {"cache": tmp_path / "cache", "jobs": 2}):
        again = audit(replace(first.request, **asked))
        assert again.findings == first.findings
    digests = {hashlib.sha256(repr(one).encode()).hexdigest() for one in first.findings}
    assert len(digests) == 60
