"""Which fixes are made: those asked for, that fit together, and after which the file still parses."""

import textwrap

import pytest

from audits.finding import Edit, Finding, Severity
from audits.fixing import plan
from audits.operation import Confidence, Place
from audits.rules.rule import Settings
from tests.audits.conftest import NOW

SOURCE = b"export const a = 1;\nexport const b = 2;\n"


def finding(*fixes, line=1):
    place = Place("a.ts", line, 1, line, 2, 0, 1)
    return Finding("rule", "KV000", place, place, Severity.ERROR, Confidence.HIGH, "message", fixes=fixes)


def read(path):
    assert path == "a.ts"
    return SOURCE


SAFE = finding(Edit("a.ts", 17, 18, "3", safe=True))
UNSAFE = finding(Edit("a.ts", 37, 38, "4"), line=2)


def test_only_what_is_safe_is_made_unless_more_is_asked_for():
    some = plan([SAFE, UNSAFE, finding()], read)
    assert (some.made, some.unsafe, some.left) == ((SAFE,), (UNSAFE,), ())
    assert [one.after for one in some.changed] == [b"export const a = 3;\nexport const b = 2;\n"]
    every = plan([SAFE, UNSAFE], read, unsafe=True)
    assert (every.made, every.unsafe) == ((SAFE, UNSAFE), ())
    assert [one.after for one in every.changed] == [b"export const a = 3;\nexport const b = 4;\n"]


def test_one_unsafe_edit_makes_the_whole_fix_unsafe():
    both = finding(*SAFE.fixes, *UNSAFE.fixes)
    assert plan([both], read).unsafe == (both,)
    assert plan([both], read).changed == ()


def test_the_second_of_two_that_overlap_is_left():
    other = finding(Edit("a.ts", 16, 19, "5;", safe=True))
    made = plan([SAFE, other], read)
    assert made.made == (SAFE,)
    assert made.left == ((other, "another fix changes the same code"),)


def test_two_findings_that_ask_for_the_same_edit_get_it_once():
    again = finding(Edit("a.ts", 17, 18, "3"), line=9)
    made = plan([SAFE, again], read, unsafe=True)
    assert made.made == (SAFE, again)
    assert made.changed[0].after == b"export const a = 3;\nexport const b = 2;\n"


def test_nothing_is_made_of_a_file_that_would_not_parse_any_more():
    bad = finding(Edit("a.ts", 17, 18, "(", safe=True))
    made = plan([bad, finding(Edit("a.ts", 37, 38, "4", safe=True), line=2)], read)
    assert (made.changed, made.made) == ((), ())
    assert {reason for _, reason in made.left} == {"the file would not parse any more"}


def test_a_file_that_did_not_parse_before_may_be_mended_elsewhere():
    source = b"const x = ;\nconst a = 1;\n"
    good = finding(Edit("a.ts", 22, 23, "2", safe=True))
    assert plan([good], lambda _: source).changed[0].after == b"const x = ;\nconst a = 2;\n"


FIXED = {
    "no options": ("put(`s:${id}`, v)", "put(`s:${id}`, v, { expirationTtl: 3600 })"),
    "trailing comma": ("put(`s:${id}`, v,)", "put(`s:${id}`, v, { expirationTtl: 3600 },)"),
    "parentheses": ("put(`s:${id}`, (v))", "put(`s:${id}`, (v), { expirationTtl: 3600 })"),
    "a cast": ("put(`s:${id}`, v as string)", "put(`s:${id}`, v as string, { expirationTtl: 3600 })"),
    "not null": ("put(`s:${id}`, v!)", "put(`s:${id}`, v!, { expirationTtl: 3600 })"),
    "a comment": ("put(`s:${id}`, v /* all */)", "put(`s:${id}`, v, { expirationTtl: 3600 } /* all */)"),
    "undefined": ("put(`s:${id}`, v, undefined)", "put(`s:${id}`, v, { expirationTtl: 3600 })"),
    "empty options": ("put(`s:${id}`, v, {})", "put(`s:${id}`, v, { expirationTtl: 3600 })"),
    "options in parentheses": ("put(`s:${id}`, v, ({}))", None),
    "metadata": (
        "put(`s:${id}`, v, { metadata: m })",
        "put(`s:${id}`, v, { expirationTtl: 3600, metadata: m })",
    ),
    "metadata, tight": ("put(`s:${id}`, v, {metadata})", "put(`s:${id}`, v, {expirationTtl: 3600, metadata})"),
    "metadata on its line": (
        "put(`s:${id}`, v, {\n  // why\n  metadata,\n})",
        "put(`s:${id}`, v, {\n  expirationTtl: 3600,\n  // why\n  metadata,\n})",
    ),
    "spread options": ("put(`s:${id}`, v, { ...{} })", None),
    "options elsewhere": ("put(`s:${id}`, v, none)", None),
    "an option that is undefined": ("put(`s:${id}`, v, { expirationTtl: undefined })", None),
    "has one": ("put(`s:${id}`, v, { expirationTtl: 60 })", None),
    "too short": ("put(`s:${id}`, v, { expirationTtl: 30 })", "put(`s:${id}`, v, { expirationTtl: 60 })"),
    "too short, in letters": ("put(`s:${id}`, 'ä', { expirationTtl: (9) })", "put(`s:${id}`, 'ä', { expirationTtl: (60) })"),
    "too short, elsewhere": ("put(`s:${id}`, v, { expirationTtl: SHORT })", None),
    "cache": ("get(`s:${id}`, { cacheTtl: 5 * 4 })", "get(`s:${id}`, { cacheTtl: 30 })"),
}  # fmt: skip


@pytest.mark.parametrize("name", FIXED)
def test_a_call_is_mended_where_it_stands(name, audited, tmp_path):
    call, wanted = FIXED[name]
    source = textwrap.dedent("""\
        const none = {}; const SHORT = 20;
        export async function f(env: Env, id: string, v: string, m: object, metadata: object) {
          return env.STORE.CALL;
        }
        """)
    result = audited(source.replace("CALL", call), Settings(now=NOW, ttl=3600))
    made = plan((one.finding for one in result.findings), lambda path: (tmp_path / path).read_bytes())
    assert [one.after.decode() for one in made.changed] == (
        [source.replace("CALL", wanted)] if wanted else []
    )
    assert made.unsafe == ()


UNSAFE_ONES = {
    "constant key": ("put('config', v)", "put('config', v, { expirationTtl: 3600 })"),
    "bare id": ("put(id, v)", "put(id, v, { expirationTtl: 3600 })"),
    "unknown key": ("put(whatever(), v)", "put(whatever(), v, { expirationTtl: 3600 })"),
    "nought": ("put(`s:${id}`, v, { expirationTtl: 0 })", "put(`s:${id}`, v, { expirationTtl: 60 })"),
    "milliseconds": (
        "put(`s:${id}`, v, { expiration: Date.now() + 24 * HOUR * 1000 })",
        "put(`s:${id}`, v, { expiration: Math.floor((Date.now() + 24 * HOUR * 1000) / 1000) })",
    ),
    "milliseconds, perhaps": ("put(`s:${id}`, v, { expiration: Date.now() + ttl })", None),
    "mixed units": ("put(`s:${id}`, v, { expiration: Date.now() + 5 + 1000 })", None),
}


@pytest.mark.parametrize("name", UNSAFE_ONES)
def test_what_may_change_behaviour_is_unsafe(name, audited, tmp_path):
    call, wanted = UNSAFE_ONES[name]
    source = "export const f = (env: Env, id: string, v: string, HOUR: number, ttl: number) =>\n  env.STORE.CALL;\n"
    result = audited(source.replace("CALL", call), Settings(now=NOW, ttl=3600))
    found = [one.finding for one in result.findings]
    assert found
    some, every = (
        plan(found, lambda path: (tmp_path / path).read_bytes(), unsafe=unsafe) for unsafe in (False, True)
    )
    assert some.changed == ()
    assert len(some.unsafe) == (wanted is not None)
    assert [one.after.decode() for one in every.changed] == (
        [source.replace("CALL", wanted)] if wanted else []
    )


def test_without_a_ttl_no_put_gets_one(audited):
    source = "export const f = (env: Env, id: string) => env.STORE.put(`s:${id}`, id);\n"
    (one,) = audited(source, Settings(now=NOW)).findings
    assert one.finding.fixes == ()
    (one,) = audited(source, Settings(now=NOW, ttl=60)).findings
    assert len(one.finding.fixes) == 1


def test_a_put_that_some_caller_gives_an_end_is_left_alone(audited):
    source = """
        const save = (kv: KVNamespace, k: string, ttl?: number) =>
          kv.put(k, "1", ttl ? { expirationTtl: ttl } : {});
        export const a = (env: Env) => save(env.STORE, "a", 60);
        export const b = (env: Env) => save(env.STORE, "b");
    """
    (one,) = audited(source, Settings(now=NOW, ttl=60), select=("put-without-ttl",)).findings
    assert one.finding.fixes == ()


ROW = {
    "two": (
        "const a = await env.STORE.get(`a:${id}`);\n  const b = await env.STORE.get(`b:${id}`);",
        "const aValues = await env.STORE.get([`a:${id}`, `b:${id}`]);\n"
        "  const a = aValues.get(`a:${id}`) ?? null;\n  const b = aValues.get(`b:${id}`) ?? null;",
    ),
    "typed": (
        "const a = await env.STORE.get<T>('a', 'json')\n  const b = await env.STORE.get<T>(id, 'json')",
        "const aValues = await env.STORE.get<T>(['a', id], 'json')\n"
        "  const a = aValues.get('a') ?? null\n  const b = aValues.get(id) ?? null",
    ),
    "of two types": (
        "const a = await env.STORE.get<T>('a', 'json');\n  const b = await env.STORE.get<U>('b', 'json');",
        None,
    ),
    "not next to each other": (
        "const a = await env.STORE.get('a');\n  v();\n  const b = await env.STORE.get('b');",
        None,
    ),
    "a comment between": (
        "const a = await env.STORE.get('a');\n  // then\n  const b = await env.STORE.get('b');",
        None,
    ),
    "taken apart": (
        "const { x } = await env.STORE.get('a', 'json');\n  const b = await env.STORE.get('b', 'json');",
        None,
    ),
    "a key that does something": (
        "const a = await env.STORE.get(v());\n  const b = await env.STORE.get(v());",
        None,
    ),
    "the name is taken": (
        "const aValues = 1;\n  const a = await env.STORE.get('a');\n  const b = await env.STORE.get('b');",
        None,
    ),
}


@pytest.mark.parametrize("name", ROW)
def test_reads_in_a_row_become_one_if_it_is_asked_for(name, audited, tmp_path):
    body, wanted = ROW[name]
    source = f"export async function f(env: Env, id: string, v: any) {{\n  {body}\n  return v(a, b);\n}}\n"
    found = [one.finding for one in audited(source, select=("operation-per-item",)).findings]
    made = plan(found, lambda path: (tmp_path / path).read_bytes(), unsafe=True)
    assert [one.after.decode() for one in made.changed] == ([source.replace(body, wanted)] if wanted else [])
    assert plan(found, lambda path: (tmp_path / path).read_bytes()).changed == ()
