"""What must hold of any project: the same verdicts however it is written, and an end for every text."""

import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audits.js.analysis import analyse
from tests.audits.js.conftest import WRANGLER, short, write

STORE = """
import { Hono } from "hono";
interface Env { SESSIONS: KVNamespace; FILES: R2Bucket }
const prefix = "sess:";
const lifetime = 60 * 60;
function keyOf(userId: string) { return `${prefix}${userId}`; }
export class Store {
  constructor(private readonly space: KVNamespace, private readonly head: string) {}
  async write(name: string, text: string, seconds?: number) {
    await this.space.put(this.head + name, text, seconds ? { expirationTtl: seconds } : undefined);
  }
}
const app = new Hono<{ Bindings: Env }>();
app.post("/", async (c) => {
  const space = c.env.SESSIONS;
  const options: KVNamespacePutOptions = {};
  if (c.req.query("x")) options.expirationTtl = lifetime;
  await space.put(keyOf(c.req.param("uid")), "v", options);
  const row = await space.get<Row>(keyOf(row2.owner), "json");
  await c.env.FILES.put("a", "b");
  const store = new Store(space, "st:");
  await store.write("one", "t", lifetime);
  await store.write("two", "t");
});
"""
NAMES = [
    "prefix",
    "lifetime",
    "keyOf",
    "Store",
    "space",
    "head",
    "write",
    "seconds",
    "options",
    "app",
    "store",
    "text",
]


def verdicts(root: Path, files: dict[str, str], **options: object) -> list[str]:
    write(root, {"wrangler.toml": WRANGLER, **files})
    return sorted(short(operation) for operation in analyse(root, **options).operations)  # type: ignore[arg-type]


TIES = """
const tie = x ? id : y ? lib.one(id) : lib.two(id);
await env.SESSIONS.get(z ? tie : `${String(id)}${one(id)}`);
"""
WANTED = [
    "get SESSIONS sess:{userId}",
    "put SESSIONS sess:{userId} ttl=maybe(3600)",
    "put SESSIONS st:one,st:two ttl=maybe(3600)",
]


def test_the_sample(tmp_path):
    assert verdicts(tmp_path, {"a.ts": STORE}) == WANTED


@pytest.mark.parametrize("name", NAMES)
def test_renaming_changes_nothing(tmp_path, name):
    assert verdicts(tmp_path, {"a.ts": re.sub(rf"\b{name}\b", f"{name}Zq", STORE)}) == WANTED


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1 << 30))
def test_reformatting_changes_nothing(tmp_path, seed):
    chance = random.Random(seed)

    def space(match: re.Match[str]) -> str:
        return match[0] + chance.choice(["", "\n", " ", "/* kv.put( */", "\n\t// x.put('a')\n"])

    text = re.sub(r"[({,;]|\s(?==)", space, STORE.replace("`${prefix}${userId}`", "prefix + userId"))
    assert verdicts(tmp_path, {"a.ts": text}) == WANTED


def test_moving_helpers_to_another_file_changes_nothing(tmp_path):
    head, body = STORE.split("const app")
    helpers = (
        head.replace("const ", "export const ")
        .replace("function", "export function")
        .replace("interface", "export interface")
    )
    main = (
        'import { keyOf, lifetime, Store, type Env } from "./helpers";\nimport { Hono } from "hono";\nconst app'
        + body
    )
    assert verdicts(tmp_path, {"src/a.ts": main, "src/helpers.ts": helpers}) == WANTED


def test_a_copy_of_the_project_beside_it_changes_nothing(tmp_path):
    assert verdicts(tmp_path, {"x/a.ts": STORE, "y/a.ts": STORE}) == sorted(WANTED * 2)


@pytest.mark.parametrize("suffix", ["ts", "tsx", "js", "vue"])
def test_every_beginning_of_a_file_is_read_to_an_end(tmp_path, suffix):
    from audits.js.syntax import grammar, reading

    for end in range(0, len(STORE), 3):
        source = grammar.script(STORE[:end].encode(), f".{suffix}")
        reading.collect(source, grammar.parse(source, f".{suffix}"))
    for end in range(0, len(STORE), 61):
        verdicts(tmp_path, {f"a.{suffix}": STORE[:end]})


def test_a_broken_file_does_not_hide_what_is_elsewhere(tmp_path):
    chance = random.Random(7)
    for _ in range(12):
        at = chance.randrange(len(STORE) - 40)
        files = {
            "a.ts": STORE[:at] + STORE[at + chance.randrange(1, 40) :],
            "b.ts": "await env.SESSIONS.put('q', 'r');",
        }
        assert "put SESSIONS q ttl=no" in verdicts(tmp_path, files)


HOSTILE = {
    "parentheses": "(" * 5_000 + "1" + ")" * 5_000,
    "brackets": "[" * 20_000,
    "braces": "{" * 20_000,
    "sum": "x = " + " + ".join(["'a'"] * 5_000),
    "else if": "if (a) b(); " + "else if (a) b(); " * 3_000,
    "chain": "a" + ".then(b)" * 3_000,
    "ternaries": "x = " + "a ? b : " * 3_000 + "c",
    "templates": "x = `${" * 2_000,
    "arrows": "x = " + "a => " * 3_000 + "b",
    "long line": "x = '" + "a" * 19_000 + "'",
    "nulls": "\0" * 9,
    "surrogates": "x = '\\ud800 \\u{110000} \\u{zz} \\x1'",
    "aliases": "\n".join(f"const a{i} = a{i + 1} || a{i + 2};" for i in range(300))
    + "\nawait env.SESSIONS.get(a0);",
    "callers": "function f0(k) { return env.SESSIONS.get(k); }\n"
    + "\n".join(f"function f{i + 1}(k) {{ f{i}(k + 'a'); f{i}(k + 'b'); f{i}(k); }}" for i in range(40)),
    "mutual": "\n".join(
        f"const g{i} = (k) => k ? g{(i * 7 + 1) % 40}(k + {i}) : g{(i * 3 + 2) % 40}(k);" for i in range(40)
    )
    + "\nawait env.SESSIONS.get(g0('a'));",
    "products": "const p = x ? 'a' : y ? 'b' : 'c';\nawait env.SESSIONS.get(" + " + ".join(["p"] * 60) + ");",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_end_and_hide_nothing(tmp_path, name):
    files = {
        "a.ts": "env.SESSIONS; env.SESSIONS.put;" + HOSTILE[name],
        "b.ts": "await env.SESSIONS.put('q', 'r');",
    }
    assert "put SESSIONS q ttl=no" in verdicts(tmp_path, files)


def test_the_result_is_the_same_for_any_seed_jobs_and_cache(tmp_path):
    root, cache = tmp_path / "p", tmp_path / "c"
    write(
        root,
        {
            "wrangler.toml": WRANGLER,
            **{f"m{i}/a.ts": STORE.replace("sess:", f"s{i}:") + TIES for i in range(30)},
        },
    )
    program = (
        "import sys; from pathlib import Path; from audits.js.analysis import analyse\n"
        "print(analyse(Path(sys.argv[1]), jobs=int(sys.argv[2]), cache=Path(sys.argv[3]) if sys.argv[3] else None))"
    )

    def run(seed: str, jobs: str, kept: str) -> str:
        command = [sys.executable, "-c", program, str(root), jobs, kept]
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[3])}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    first = run("1", "1", "")
    assert first.count("Operation(") == 120
    assert {first} == {
        run("2", "2", ""),
        run("3", "1", str(cache)),
        run("4", "2", str(cache)),
        run("0", "1", ""),
    }


def test_a_part_says_the_same_as_the_whole(tmp_path):
    write(tmp_path, {"wrangler.toml": WRANGLER, **{f"m{i}/a.ts": STORE for i in range(4)}})
    whole = analyse(tmp_path).operations
    part = analyse(tmp_path, paths=("m2",)).operations
    assert part == tuple(operation for operation in whole if operation.place.path.startswith("m2/"))


def test_a_spoilt_cache_is_no_cache(tmp_path):
    root, cache = tmp_path / "p", tmp_path / "c"
    write(root, {"wrangler.toml": WRANGLER, "a.ts": STORE})
    first = analyse(root, cache=cache)
    for place in cache.rglob("*"):
        if place.is_file():
            place.write_bytes(b"spoilt")
    assert analyse(root, cache=cache) == first
