"""Code for a namespace that is not bound."""

import pytest

FOUND = {
    "not": "if (!env.SESSIONS) return 503;",
    "null": "if (env.SESSIONS == null) { return 503; }",
    "undefined": "if (env.SESSIONS === undefined) throw new Error('x');",
    "typeof": "if (typeof env.SESSIONS === 'undefined') return 503;",
    "one of two": "if (!env || !env.SESSIONS) return 503;",
    "a variable": "const kv = env.SESSIONS; if (!kv) return 503;",
    "else": "if (env.SESSIONS) { on(); } else { return 503; }",
    "optional": "if (!env?.SESSIONS) return 503;",
}
OTHERS = {
    "it is there": "if (env.SESSIONS) { return 200; }",
    "another thing": "if (!env.TOKEN) return 503;",
    "goes on": "if (!env.SESSIONS) { console.warn('none'); }",
    "what it gave": "const s = await env.SESSIONS.get(id); if (!s) return 401;",
    "a bucket": "if (!env.FILES) return 503;",
}


def branches(project, body):
    wrangler = 'name = "x"\nkv_namespaces = [{ binding = "SESSIONS", id = "1" }]\nr2_buckets = [{ binding = "FILES" }]\n'
    source = f"export async function f(env, id, on) {{ {body}\nawait env.SESSIONS.get(`session:${{id}}`); }}"
    return project(source, wrangler=wrangler).branches


@pytest.mark.parametrize("name", FOUND)
def test_a_branch_for_a_missing_binding(name, project):
    (branch,) = branches(project, FOUND[name])
    assert (branch.binding, branch.place.line, branch.function) == ("SESSIONS", 1, "f")
    assert branch.leaves == ("throw" if "throw" in FOUND[name] else "return")
    assert len(branch.operations) >= 1


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_none(name, project):
    assert branches(project, OTHERS[name]) == ()


def test_what_is_done_elsewhere_counts_only_where_the_function_does_nothing(project):
    source = """
        export function need(env) { if (!env.SESSIONS) throw new Error("none"); return env.SESSIONS; }
        export const a = (env, id) => env.SESSIONS.get(`session:${id}`);
        export async function b(env, id) { if (!env.SESSIONS) return; await env.SESSIONS.put(`rate:${id}`, "1"); }
    """
    need, own = project(source).branches
    assert [str(one.keys[0]) for one in need.operations] == ["session:{id}", "rate:{id}"]
    assert [str(one.keys[0]) for one in own.operations] == ["rate:{id}"]


def test_a_namespace_that_nothing_declares_is_known_by_its_operations(project):
    source = """
        export async function f(env, id) {
          if (!env.SESSION_STORE) return null;
          return env.SESSION_STORE.put(`session:${id}`, "1", { expirationTtl: 60 });
        }
    """
    (branch,) = project(source, wrangler='name = "x"\n').branches
    assert branch.binding == "SESSION_STORE"
