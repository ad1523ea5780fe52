"""What becomes of code once reads of KV give nothing, and what is left because it is not certain."""

import textwrap

import pytest

from tests.audits.rewriting import samples

WRANGLER = """
[[kv_namespaces]]
binding = "SESSIONS"
id = "1"
[[durable_objects.bindings]]
name = "SESSION_OBJECT"
class_name = "SessionObject"
"""
HEAD = "export async function f(env: Env, id: string, any: any) {\n"
STUB = "  const stub = env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id));\n"
LET = "  let session = await stub.getSession(id);\n"
KV = 'await env.SESSIONS.get<any>(`session:${id}`, "json")'
TEXT = "await env.SESSIONS.get(`session:${id}`)"


@pytest.fixture
def without(tmp_path):
    """The body of a function without its fallback; or why it stays."""

    def run(body: str, head: str = LET) -> str:
        (tmp_path / "src").mkdir(exist_ok=True)
        (tmp_path / "wrangler.toml").write_text(WRANGLER)
        begin = HEAD + STUB + head
        (tmp_path / "src" / "index.ts").write_text(begin + textwrap.indent(body, "  ") + "\n}\n")
        made = samples.ended(tmp_path)
        if not made.changed:
            return "left: " + "; ".join(dict.fromkeys(one.reason for one in made.left))
        (one,) = made.changed
        text = one.after.decode()
        assert text.startswith(begin), text
        return textwrap.dedent(text[len(begin) : -len("\n}\n")])

    return run


CASES = {
    "a block that is only KV": (f"if (!session) {{\n  session = {KV};\n}}\nreturn session;", "return session;"),
    "no block": (f"if (!session) session = {KV};\nreturn session;", "return session;"),
    "undefined": (f"if (session === undefined) session = {KV};\nreturn session;", "return session;"),
    "two conditions": (f"if (!session && any) {{\n  session = {KV};\n}}\nreturn session;", "return session;"),
    "a condition that does something": (f"if (!session && any()) {{\n  session = {KV};\n}}\nreturn session;", "left: the condition does more than ask in line 4"),
    "other work in the block": (f"if (!session) {{\n  any.misses++;\n  session = {KV};\n}}\nreturn session;", "if (!session) {\n  any.misses++;\n}\nreturn session;"),
    "what is done with what was read": (f"if (!session) {{\n  const old = {KV};\n  if (old) {{\n    await stub.putSession(id, old);\n    return old;\n  }}\n}}\nreturn session;", "return session;"),
    "an answer when there is nothing": (f"if (!session) {{\n  const old = {KV};\n  if (!old) throw new Error('no');\n  session = old;\n}}\nreturn session;", "if (!session) {\n  throw new Error('no');\n}\nreturn session;"),
    "either or": (f"if (!session) {{\n  const old = {KV};\n  if (old) {{\n    session = old;\n  }} else {{\n    return null;\n  }}\n}}\nreturn session;", "if (!session) {\n  return null;\n}\nreturn session;"),
    "asked once more": (f"if (!session) {{\n  session = {KV};\n  if (!session) return null;\n  any.found++;\n}}\nreturn session;", "if (!session) {\n  return null;\n}\nreturn session;"),
    "parsed in two steps": (f"if (!session) {{\n  const raw = {TEXT};\n  const old = raw ? JSON.parse(raw) : null;\n  session = old;\n}}\nreturn session;", "return session;"),
    "a property": (f"if (!session) {{\n  const old = {KV};\n  any.user = old?.user ?? 'nobody';\n  session = old;\n}}\nreturn session;", "if (!session) {\n  any.user = 'nobody';\n}\nreturn session;"),
    "a property that must be there": (f"if (!session) {{\n  const old = {KV};\n  any.user = old.user;\n  session = old;\n}}\nreturn session;", "left: what was read is used in another way in line 6"),
    "a shorthand": (f"if (!session) {{\n  const old = {KV};\n  any({{ old }});\n  session = old;\n}}\nreturn session;", "left: what was read is used in another way in line 6"),
    "in a closure": (f"if (!session) {{\n  const old = {KV};\n  any(() => old);\n  session = old;\n}}\nreturn session;", "left: what was read is used in another way in line 6"),
    "taken apart": (f"if (!session) {{\n  const {{ user }} = {KV};\n  return user;\n}}\nreturn session;", "left: what was read is taken apart"),
    "changed": (f"if (!session) {{\n  let old = {KV};\n  old = old ?? any;\n  return old;\n}}\nreturn session;", "left: the variable is changed later"),
    "set by a function": (f"const set = () => {{\n  session = any;\n}};\nif (!session) {{\n  session = {KV};\n  await set();\n  if (!session) return null;\n}}\nreturn session;", "left: a function changes the variable as well"),
    "another variable of that name": (f"if (!session) {{\n  const old = {KV};\n  if (old) return old;\n}}\n{{\n  const old = any;\n  if (old) return old;\n}}\nreturn session;", "{\n  const old = any;\n  if (old) return old;\n}\nreturn session;"),
    "a variable that may have a value": (f"let other = any;\nif (!session) {{\n  other = {KV};\n}}\nreturn session ?? other;", "left: a variable is set that may have a value"),
    "tried": (f"if (!session) {{\n  try {{\n    session = {KV};\n  }} catch (error) {{\n    console.warn(error);\n  }}\n}}\nreturn session;", "return session;"),
    "tried, and something is done": (f"if (!session) {{\n  try {{\n    session = {KV};\n  }} catch (error) {{\n    await any(error);\n  }}\n}}\nreturn session;", "left: nothing is left to be tried, and something is done about failures in line 5"),
    "declared in the arm that stays": (f"if (!session) {{\n  const old = {KV};\n  if (!old) {{\n    const answer = any();\n    return answer;\n  }}\n  session = old;\n}}\nreturn session;", "left: its variables would come into the block around it in line 6"),
    "a template over lines": (f"if (!session) {{\n  const old = {KV};\n  if (!old) {{\n    any(`a\n      b`);\n    return null;\n  }}\n  session = old;\n}}\nreturn session;", "if (!session) {\n  any(`a\n      b`);\n  return null;\n}\nreturn session;"),
    "a comment about it": (f"// what is not copied yet is in KV\nif (!session) session = {KV};\n// the answer\nreturn session;", "// the answer\nreturn session;"),
    "a comment about something else": (f"// nobody?\nif (!session) session = {KV};\nreturn session;", "// nobody?\nreturn session;"),
    "a comment behind": (f"if (!session) session = {KV}; // slow\nreturn session;", "// slow\nreturn session;"),
    "a hoisted function": (f"if (session) return session;\nconst old = {KV};\nif (!old) {{\n  return g();\n}}\nreturn old;\nfunction g() {{\n  return any;\n}}", "if (session) return session;\nreturn g();\nfunction g() {\n  return any;\n}"),
    "or in a condition": (f"if (session || ({KV})) return true;\nreturn false;", "if (session) return true;\nreturn false;"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_left(name, without):
    body, wanted = CASES[name]
    assert without(body) == wanted


WRITES = {
    "awaited": ("await env.SESSIONS.delete(`session:${id}`);", True),
    "waited for": ("any.waitUntil(env.SESSIONS.delete(`session:${id}`));", True),
    "dropped": ("void env.SESSIONS.delete(`session:${id}`);", True),
    "caught": ("await env.SESSIONS.delete(`session:${id}`).catch(() => {});", True),
    "in a condition": ("if (any) await env.SESSIONS.delete(`session:${id}`);", True),
    "of another session": ("await env.SESSIONS.delete(`session:${any}`);", False),
    "stored": ("const done = env.SESSIONS.delete(`session:${id}`); await done;", False),
    "returned": ("return env.SESSIONS.delete(`session:${id}`);", False),
    "followed": ("await env.SESSIONS.delete(`session:${id}`).then(() => any());", False),
    "a put": ("await env.SESSIONS.put(`session:${id}`, any, { expirationTtl: 60 });", False),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_write_goes_if_the_same_is_written_to_the_object(name, without):
    write, goes = WRITES[name]
    other = "await stub.deleteSession(id);"
    assert (without(f"{other}\n{write}", "") == other) == goes
    assert without(write, "").startswith("left: ")


@pytest.mark.parametrize(
    "code",
    [
        "if (any) await stub.deleteSession(id);\nKV;",
        "any && (await stub.deleteSession(id));\nKV;",
        "for (const one of any) await stub.deleteSession(id);\nKV;",
        "try {\n  await stub.deleteSession(id);\n} catch {\n  KV;\n}",
        "KV;\nif (any) return;\nawait stub.deleteSession(id);",
        "any(async () => stub.deleteSession(id));\nKV;",
        "switch (any) {\n  case 1:\n    await stub.deleteSession(id);\n  case 2:\n    KV;\n}",
    ],
)
def test_a_write_stays_if_the_other_is_not_always_made(code, without):
    assert without(code.replace("KV", "await env.SESSIONS.delete(`session:${id}`)"), "").startswith("left: ")


def test_a_branch_for_a_missing_namespace_goes_with_the_last_call(without):
    guard = 'if (!env.SESSIONS) return new Response("kv_not_configured", { status: 503 });\n'
    read = f"if (!session) session = {KV};\n"
    assert without(f"{guard}{read}return session;") == "return session;"
    other = without(f"{guard}{read}await env.SESSIONS.list({{ prefix: 'session:' }});\nreturn session;")
    assert other.startswith("if (!env.SESSIONS) return new Response(")
    joined = guard.replace("!env.SESSIONS", "!env.SESSIONS || !any")
    assert without(f"{joined}{read}return session;").startswith("if (!env.SESSIONS || !any) return")


def test_a_parameter_goes_where_every_call_is_seen(tmp_path):
    code = (
        "const objectOf = (env: Env, id: string) => env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id));\n"
        "async function load(env: Env, kv: KVNamespace, id: string) {\n"
        "  const session = await objectOf(env, id).getSession(id);\n"
        "  if (session) return session;\n"
        "  return await kv.get<any>(`session:${id}`, 'json');\n"
        "}\n"
        "export const one = (env: Env, id: string) => load(env, env.SESSIONS, id);\n"
    )
    (tmp_path / "src").mkdir()
    (tmp_path / "wrangler.toml").write_text(WRANGLER)
    (tmp_path / "src" / "index.ts").write_text(code)
    made = samples.ended(tmp_path)
    text = made.changed[0].after.decode()
    assert "async function load(env: Env, id: string) {" in text
    assert "load(env, id);" in text
    assert made.left == ()
    (tmp_path / "src" / "index.ts").write_text(code.replace("async function", "export async function"))
    made = samples.ended(tmp_path)
    assert b"load(env: Env, kv: KVNamespace, id: string)" in made.changed[0].after
    assert [one.reason for one in made.left] == ["kv is not used any more, and is not only local"]
