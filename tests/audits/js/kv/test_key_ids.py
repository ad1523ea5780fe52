"""The one variable part of a key, and the bindings of a namespace: only where they are certain."""

from pathlib import Path

import pytest

from audits.js.analysis import analyse

WRANGLER = '[[kv_namespaces]]\nbinding = "SESSIONS"\nid = "1"\n'


def said(root: Path, code: str, *, name: str = "src/index.ts", **others: str) -> list[str]:
    """For each operation: prefix, variable part with its marks, and the bindings."""
    (root / "wrangler.toml").write_text(WRANGLER)
    texts = {name: code, **{f"src/{key}.ts": text for key, text in others.items()}}
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    lines = []
    for one in analyse(root).operations:
        source, key = texts[one.place.path].encode(), one.key_id
        env = source[slice(*one.env)].decode() if one.env is not None else "-"
        if key is None:
            lines.append(f"- {env}")
            continue
        marks = "".join(mark for mark, holds in (("text ", key.text), ("fresh ", key.fresh)) if holds)
        lines.append(f"{key.prefix} {source[key.start : key.end].decode()} {marks}{env}")
    return lines


FUNCTION = "export async function f(env: Env, sid: string, n: number, any: any) {{ {} }}"
KEYS = {
    "template": ("await env.SESSIONS.get(`s:${sid}`);", "s: sid text env"),
    "sum": ("await env.SESSIONS.get('s:' + sid);", "s: sid text env"),
    "two constants": ("const P = 's'; await env.SESSIONS.get(`${P}:${sid}`);", "s: sid text env"),
    "a longer sum": ("const P = 's'; await env.SESSIONS.get(P + ':' + sid);", "s: sid text env"),
    "no text": ("await env.SESSIONS.get(`s:${n}`);", "s: n env"),
    "an expression": ("await env.SESSIONS.get(`s:${any.id ?? sid}`);", "s: any.id ?? sid env"),
    "a variable": ("const k = `s:${sid}`; await env.SESSIONS.get(k);", "s: sid text env"),
    "a variable of a call": ("const k = `s:${any()}`; await env.SESSIONS.get(k);", "- env"),
    "a variable that changes": ("let k = `s:${sid}`; k = `s:${n}`; await env.SESSIONS.get(k);", "- env"),
    "a part that changes": ("let x = sid; const k = `s:${x}`; x = any; await env.SESSIONS.get(k);", "- env"),
    "a part whose property changes": (
        "const x = any; const k = `s:${x.id}`; x.id = 1; await env.SESSIONS.get(k);",
        "- env",
    ),
    "a shadowed part": ("const k = `s:${sid}`; { const sid = any; await env.SESSIONS.get(k); }", "- env"),
    "something behind": ("await env.SESSIONS.get(`s:${sid}:x`);", "- env"),
    "two parts": ("await env.SESSIONS.get(`s:${sid}:${n}`);", "- env"),
    "no prefix": ("await env.SESSIONS.get(sid);", " sid text env"),
    "no prefix, a property": ("await env.SESSIONS.get(any.id);", " any.id env"),
    "no prefix, a call": ("await env.SESSIONS.get(any());", "- env"),
    "constant": ("await env.SESSIONS.get('s:x');", "- env"),
    "made by a constant": ("const x = 'x'; await env.SESSIONS.get(`s:${x}`);", "- env"),
    "random": ("const i = crypto.randomUUID(); await env.SESSIONS.get(`s:${i}`);", "s: i text fresh env"),
    "random, elsewhere": ("await env.SESSIONS.get(`s:${crypto.randomUUID()}`);", "s: crypto.randomUUID() text env"),
    "random, in a variable": ("const k = `s:${crypto.randomUUID()}`; await env.SESSIONS.get(k);", "- env"),
    "random, with a word": (
        "const i = `x${crypto.randomUUID()}`; await env.SESSIONS.get(`s:${i}`);",
        "s: i text env",
    ),
    "an alias": ("const kv = env.SESSIONS; await kv.get(`s:${sid}`);", "s: sid text env"),
    "taken out": ("const { SESSIONS: kv } = env; await kv.get(`s:${sid}`);", "s: sid text env"),
    "an alias that changes": ("let kv = env.SESSIONS; kv = any; await kv.get(`s:${sid}`);", "s: sid text -"),
    "an alias of a call": ("const kv = bindings().SESSIONS; await kv.get(`s:${sid}`);", "s: sid text -"),
    "an object of one's own": ("const own = { SESSIONS: env.SESSIONS }; await own.SESSIONS.get(`s:${sid}`);", "s: sid text -"),
}  # fmt: skip


@pytest.mark.parametrize("name", KEYS)
def test_the_part_of_a_key(name, tmp_path):
    code, wanted = KEYS[name]
    assert said(tmp_path, FUNCTION.format(code)) == [wanted]


HELPERS = {
    "arrow": ("const key = (id: string) => `s:${id}`;", "s: sid text env"),
    "function": ('function key(id: string) {\n  return "s:" + id;\n}', "s: sid text env"),
    "untyped": ("const key = (id) => `s:${id}`;", "s: sid text env"),
    "of another argument": ("const key = (a: string, b: string) => `s:${b}`;", "s: other text env"),
    "with a check": ("function key(id: string) { if (!id) throw 1; return `s:${id}`; }", "- env"),
    "with a change": ("const key = (id: string) => `s:${id.toLowerCase()}`;", "- env"),
    "with a default": ('const key = (id: string = "x") => `s:${id}`;', "- env"),
    "taken apart": ("const key = ({ id }: any) => `s:${id}`;", "- env"),
    "asynchronous": ("const key = async (id: string) => `s:${id}`;", "- env"),
    "a generator": ("function* key(id: string) { return `s:${id}`; }", "- env"),
    "of a helper": ("const k = (id: string) => `s:${id}`; const key = (id: string) => k(id);", "s: sid text env"),
}  # fmt: skip


@pytest.mark.parametrize("name", HELPERS)
def test_the_part_through_a_helper(name, tmp_path):
    helper, wanted = HELPERS[name]
    code = FUNCTION.format("await env.SESSIONS.get(key(sid, other));").replace("n: number", "other: any")
    assert said(tmp_path, f"{helper}\n{code}") == [wanted]


def test_a_helper_of_another_file(tmp_path):
    code = 'import { key } from "./keys";\n' + FUNCTION.format("await env.SESSIONS.delete(key(sid));")
    keys = 'const P = "s:";\nexport const key = (id: string) => `${P}${id}`;\n'
    assert said(tmp_path, code, keys=keys) == ["s: sid text env"]


def test_callers_do_not_make_a_part_constant(tmp_path):
    code = FUNCTION.format("await env.SESSIONS.get(`s:${sid}`);") + ' f(env, "only", 1, 2);'
    assert said(tmp_path, code) == ["s: sid text env"]


TEXTS = {
    "(env: Env, x?: string)": False,
    "(env: Env, x: string | null)": False,
    "(env: Env, { x }: { x: string })": True,
    "(env: Env, { x }: { x?: string })": False,
    '(env: Env, x: string = "y")': True,
    "(env: Env, x)": False,
}


@pytest.mark.parametrize("head", TEXTS)
def test_what_is_certain_to_be_text(head, tmp_path):
    marked = "text " if TEXTS[head] else ""
    code = f"export const f = async {head} => env.SESSIONS.get(`s:${{x}}`);"
    assert said(tmp_path, code) == [f"s: x {marked}env"]


@pytest.mark.parametrize(
    ("made", "text"),
    [
        ("getCookie(c, 'sid')", True),
        ("request.headers.get('X')", True),
        ("url.searchParams.get('x')", True),
        ("find()", True),
        ("await later()", True),
        ("unknown()", False),
        ("any.x", False),
        ("number()", False),
    ],
)
def test_a_check_makes_text_of_what_is_text_or_nothing(made, text, tmp_path):
    declared = (
        "function find(): string | undefined { return undefined; }\n"
        "async function later(): Promise<string | null> { return null; }\n"
        "function number(): number | undefined { return undefined; }\n"
    )
    unchecked = f"const x = {made}; await env.SESSIONS.get(`s:${{x}}`);"
    checked = f"const x = {made}; if (!x) return; await env.SESSIONS.get(`s:${{x}}`);"
    assert said(tmp_path, declared + FUNCTION.format(unchecked)) == ["s: x env"]
    assert said(tmp_path, declared + FUNCTION.format(checked)) == [f"s: x {'text ' if text else ''}env"]
