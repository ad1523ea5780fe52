"""Namespaces that one file puts on a framework's context, and another takes from there."""

import pytest

NONE = 'name = "x"\n'
APP = 'import { put } from "./a"; import { take } from "./b"; app.use(put); app.get("/", take);'
WAYS = {
    "a variable of the context": ('c.set("store", c.env.SESSIONS)', 'c.get("store")'),
    "taken through var": ('c.set("store", c.env.SESSIONS)', "c.var.store"),
    "the context itself": ("c.store = c.env.SESSIONS", "c.store"),
    "a state": ("ctx.state.store = ctx.env.SESSIONS", "ctx.state.store"),
    "locals": ("event.locals.store = event.platform?.env.SESSIONS", "locals.store"),
    "a request": ("request.store = env.SESSIONS", "req.store"),
}


def files(put: str, take: str) -> dict[str, str]:
    return {
        "src/index.ts": APP,
        "src/a.ts": f"export const put = async (c, ctx, event, request, env) => {{ {put}; }};",
        "src/b.ts": f"export const take = async (c, ctx, locals, req) => {{ await {take}.put('a', 'b'); }};",
    }


@pytest.mark.parametrize(("put", "take"), WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("wrangler", [None, NONE])
def test_what_one_file_puts_on_the_context_another_takes_from_it(said, project, put, take, wrangler):
    options = {} if wrangler is None else {"wrangler": wrangler}
    assert said(files(put, take), **options) == ["put SESSIONS a ttl=no"]
    assert {int(operation.confidence) for operation in project(files(put, take), **options).operations} == {2}


@pytest.mark.parametrize(
    ("put", "take"),
    [
        ('c.set("store", c.env.SESSIONS)', 'c.get("other")'),
        ('c.set("store", c.env.SESSIONS)', "ctx.store"),
        ('c.set("store", new Store())', 'c.get("store")'),
        ("c.store = process.env.SESSIONS", "c.store"),
        ("ctx.state.store = ctx.env.SESSIONS", "locals.store"),
        ("event.locals.store = event.platform.env.SESSIONS", "data.rows.store"),
    ],
)
def test_another_name_another_holder_and_another_value_are_not_met(said, put, take):
    found = said(files(put, take), wrangler=NONE)
    assert found == []


def test_what_the_holder_is_called_and_its_type_decide_nothing(said):
    files_ = files("h.set('store', h.env.SESSIONS)", "w.get('store')")
    files_ = {
        path: text.replace("(c,", "(h,").replace("(h, ctx, l", "(w: Context, ctx, l")
        for path, text in files_.items()
    }
    assert said(files_, wrangler=NONE) == ["put SESSIONS a ttl=no"]


def test_a_variable_that_was_taken_out_of_the_env_is_followed(said):
    put = "const { SESSIONS: mine } = c.env; c.set('store', mine)"
    assert said(files(put, "c.get('store')")) == ["put SESSIONS a ttl=no"]
    put = "const bound = event.platform?.env ?? {}; event.locals.store = bound.SESSIONS"
    assert said(files(put, "locals.store")) == ["put SESSIONS a ttl=no"]


def test_a_route_that_nothing_imports_takes_from_locals(said):
    found = said(
        {
            "src/hooks.server.ts": "export const handle = ({ event }) => { event.locals.store = event.platform.env.SESSIONS; };",
            "src/routes/+server.ts": "export const POST = async ({ locals: { store } }) => { await store.put('a', 'b'); };",
        }
    )
    assert found == ["put SESSIONS a ttl=no"]
