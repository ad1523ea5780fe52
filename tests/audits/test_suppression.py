"""Comments that excuse findings: where they may stand, what they must say, and what is left over."""

import pytest

from audits import suppression
from audits.js.files.folder import Folder

IGNORE = "kvferry: ignore[put-without-ttl] lives for ever"

EXCUSED = {
    "the line above": f"// {IGNORE}\nawait env.STORE.put('a', 'b');",
    "behind it": f"await env.STORE.put('a', 'b'); // {IGNORE}",
    "a block": f"/* {IGNORE} */\nawait env.STORE.put('a', 'b');",
    "a block of several lines": (
        "/* kvferry: ignore[put-without-ttl]\n * lives for ever */\nawait env.STORE.put('a', 'b');"
    ),
    "within a call of several lines": f"await env.STORE.put(\n  'a',\n  // {IGNORE}\n  'b',\n);",
    "at the end of a call of several lines": f"await env.STORE.put(\n  'a',\n  'b',\n); // {IGNORE}",
    "behind its first line": f"await env.STORE.put( // {IGNORE}\n  'a',\n  'b',\n);",
    "above other comments": f"// {IGNORE}\n// the counter\n/* of all */\nawait env.STORE.put('a', 'b');",
    "by code": "// kvferry: ignore[KV002] lives for ever\nawait env.STORE.put('a', 'b');",
    "one of several rules": "await env.STORE.put('a', 'b'); // kvferry: ignore[KV003,  put-without-ttl]: why",
    "before a call in brackets": f"await /* {IGNORE} */ env.STORE.put('a', 'b');",
}
NOT_EXCUSED = {
    "the line above that": f"// {IGNORE}\nx();\nawait env.STORE.put('a', 'b');",
    "below": f"await env.STORE.put('a', 'b');\n// {IGNORE}",
    "behind other code": f"x(); // {IGNORE}\nawait env.STORE.put('a', 'b');",
    "another rule": "// kvferry: ignore[session-kv-call] why\nawait env.STORE.put('a', 'b');",
    "in a string": f"x('// {IGNORE}'); await env.STORE.put('a', 'b');",
    "in a template": f"x(`\n// {IGNORE}\n`); await env.STORE.put('a', 'b');",
    "in prose": f"// write {IGNORE}\nawait env.STORE.put('a', 'b');",
    "no reason": "// kvferry: ignore[put-without-ttl]\nawait env.STORE.put('a', 'b');",
    "no reason in a block": "/* kvferry: ignore[put-without-ttl] */\nawait env.STORE.put('a', 'b');",
    "no rule": "// kvferry: ignore[] why\nawait env.STORE.put('a', 'b');",
    "no brackets": "// kvferry: ignore put-without-ttl why\nawait env.STORE.put('a', 'b');",
    "an unknown rule": "// kvferry: ignore[put-without-tll] why\nawait env.STORE.put('a', 'b');",
    "another case": "// Kvferry: ignore[put-without-ttl] why\nawait env.STORE.put('a', 'b');",
}
BAD = ("no reason", "no reason in a block", "no rule", "no brackets", "an unknown rule")


@pytest.mark.parametrize("name", EXCUSED)
def test_a_comment_excuses_its_call(name, audited):
    seen = audited(EXCUSED[name], select=("put-without-ttl",))
    assert [one.finding.code for one in seen.findings] == []
    assert [one.finding.code for one in seen.suppressed] == ["KV002"]
    assert seen.suppressed[0].suppression.reason in ("lives for ever", "why")


@pytest.mark.parametrize("name", NOT_EXCUSED)
def test_a_comment_excuses_nothing_else(name, found):
    codes = [line.split()[1] for line in found(NOT_EXCUSED[name])]
    assert "KV002" in codes
    assert ("KV902" in codes) == (name in BAD)


def test_a_comment_behind_a_call_is_not_about_the_next(audited):
    source = f"await env.STORE.put('a', 'b'); // {IGNORE}\nawait env.STORE.put('c', 'd');"
    seen = audited(source)
    assert [one.finding.place.line for one in seen.findings] == [2]
    assert len(seen.suppressed) == 1


def test_what_excuses_nothing_is_found_where_it_stands(audited):
    source = f"\n  // {IGNORE}\nawait env.STORE.put('a', 'b', {{ expirationTtl: 60 }});"
    (one,) = audited(source).findings
    assert (one.finding.code, one.finding.place.line, one.finding.place.column) == ("KV900", 1, 3)


def test_only_rules_that_ran_are_judged(found):
    source = f"// {IGNORE}\nx(env.STORE.get('a'));"
    assert found(source, "KV900") == ["1: KV900 warning"]
    assert found(source, "KV900", ignore=("put-without-ttl",)) == []
    assert found(source, select=("session-kv-call",)) == []


def test_an_excused_finding_is_excused_although_it_would_not_be_shown(found):
    from audits.finding import Severity

    source = f"await env.STORE.put('a', 'b', x ? {{ expirationTtl: 60 }} : {{}}); // {IGNORE}"
    assert found(source, severity=Severity.ERROR) == []
    assert found(source) == []


def test_comments_of_files_without_operations_are_read_too(found):
    assert found({"src/a.ts": f"// {IGNORE}\nexport const a = 1;"}) == ["1: KV900 warning"]


def test_markup_around_a_script_is_not_read(found):
    source = f"---\nawait Astro.locals.runtime.env.STORE.put('a', 'b'); // {IGNORE}\n---\n<p>// {IGNORE}</p>"
    assert found({"src/a.astro": source}) == []


def test_one_comment_in_jsx(audited):
    source = f"export const A = () => <a>{{/* {IGNORE} */}}<b/></a>;"
    assert [one.finding.code for one in audited({"src/a.tsx": source}).findings] == ["KV900"]


def test_a_file_that_went_away_is_no_error(tmp_path):
    assert suppression.read(Folder(tmp_path), ["src/gone.ts"]) == suppression.Read()


@pytest.mark.parametrize("source", [f"// {IGNORE}\nx();", "// kvferry: ignore[nothing] why"])
def test_comments_are_judged_only_by_rules_that_are_asked(source, found):
    assert len(found(source)) == 1
    assert found(source, ignore=("unused-suppression", "bad-suppression")) == []


def test_a_byte_order_mark_is_no_column(audited):
    comment = "/* kvferry: ignore[put-without-ttl] why */"
    call = f"{comment} export const f = (env: Env) => env.STORE.put('a', 'b');"
    for source in (call.replace("put-without-ttl", "truncated-list"), call):
        plain, marked = audited(source), audited("\N{BOM}" + source)
        columns = [
            [(one.finding.place.column, one.finding.place.end_column) for one in seen.findings]
            + [(one.suppression.place.column, one.finding.place.column) for one in seen.suppressed]
            for seen in (plain, marked)
        ]
        assert columns[0] == columns[1] != []


def test_a_byte_order_mark_is_no_part_of_the_line_that_is_shown(audited):
    call = "export const f = (env: Env) => env.STORE.put('a', 'b');"
    (one,) = audited("\N{BOM}" + call, select=("put-without-ttl",)).findings
    assert one.source == call
    assert call[one.finding.place.column - 1 : one.finding.place.end_column - 1] == "put"
