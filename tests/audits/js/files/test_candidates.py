"""Which files are worth a parse, judged by their bytes."""

import pytest

from audits.js.files.candidates import Bound, closure, rank, specs

NAMES = Bound([b"SESSIONS"])


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        (b"function f(kv: KVNamespace) {}", 3),
        (b"x.put(a, b, { expirationTtl: 1 })", 3),
        (b"SESSIONS.get(a)", 3),
        (b"env.THING.get(a)", 2),
        (b"const { THING } = c.env; THING?.get(a)", 2),
        (b"kv.get(a)", 1),
        (b"LINKS.put(a, b)", 1),
        (b"const LINKS = new Map(); LINKS.get(a)", 0),
        (b"process.env.HOME; map.get(a)", 0),
        (b"import.meta.env.MODE; map.get(a)", 0),
        (b"map.get(a); headers.delete(b)", 0),
        (b"env.THING", 0),
        (b"MY_SESSIONS_OLD.x; widget(a)", 0),
        (b"c.set('store', c.env.SESSIONS)", 3),
        (b"c.set('store', c.env.THING)", 2),
        (b"event.locals.store = event.platform?.env.THING", 2),
        (b"if (c.store == c.env.THING) f()", 0),
        (b"c.store = process.env.THING", 0),
        (b"({ locals }) => await locals.store.put(a, b)", 1),
        (b"locals.store; map.get(a)", 0),
        (b"addEventListener('fetch', f); await store.put(a, b)", 2),
        (b"addEventListener('fetch', f); const store = open(); await store.put(a, b)", 0),
        (b"await store.put(a, b)", 0),
        (b"addEventListener('fetch', f); const store$ = open(); await store$.put(a, b)", 0),
        (b"{ const LINKS = new Map() } LINKS.get(a)", 0),
        (b"const OTHER = 1, LINKS = new Map(); LINKS.get(a); OTHERS.get(a)", 1),
    ],
)
def test_the_rank_of_a_file(source, wanted):
    assert rank(source, NAMES) == wanted


def test_a_large_table_of_names_in_capitals_is_read_once():
    table = "const T = {\n" + "".join(f"  NAME_{i}: 'x',\n" for i in range(50_000)) + "};\n"
    source = "function f(env) { return q.get(1); }\n" + table
    assert rank(source.encode(), NAMES) == 1
    assert rank((source + "const { NAME } = c.env;").encode(), NAMES) == 2


def test_many_names_in_capitals_are_looked_for_together():
    source = "".join(f"const NAME_{i} = m();\nNAME_{i}.get(a);\n" for i in range(20_000))
    assert rank(source.encode(), NAMES) == 0


def test_what_a_file_imports():
    source = b"import a from './a'; export * from \"./b\"; const c = require('./c'); await import('./d'); import './e'"
    assert sorted(specs(source)) == ["./a", "./b", "./c", "./d", "./e"]


def test_callers_of_wrappers_and_what_they_import_are_relevant():
    imports = {"page": ("store", "keys"), "app": ("page",), "store": (), "other": ("style",)}
    found = closure({"store": 3}, imports, lambda _, spec: spec)
    assert found.paths == ["app", "keys", "page", "store"]
    assert "other" not in found.near


def test_importers_of_what_is_only_a_guess_are_not():
    imports = {"page": ("store",), "store": ("keys",)}
    assert closure({"store": 1}, imports, lambda _, spec: spec).paths == ["keys", "store"]


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        (b"await c.env.K.get(a)", True),
        (b"await (env).K.get(a)", True),
        (b"export default { fetch(q, env) { const { K, DB } = env; return K.get(a) } }", True),
        (b"export const load = async ({ K }: Env) => K.get(a)", True),
        (b"await SESSIONS.get(a)", True),
        (b"var K = new Map; K.get(a)", False),
        (b"t.K.get(a); e.K.put(b, c)", False),
        (b"export default{fetch:(q,e)=>e.K.get(q.url)}", True),
    ],
)
def test_a_binding_of_one_letter_counts_only_where_a_worker_may_be(source, wanted):
    assert Bound([b"K", b"SESSIONS"]).used(source) is wanted


def test_no_binding_is_not_used():
    assert not Bound([]).used(b"env.K.get(a)")
