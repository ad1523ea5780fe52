"""The store as source in an application: it stands alone, and keeps the declaration that rewriting uses."""

import json
import shutil
import subprocess
from importlib import resources
from pathlib import Path

from migrate.bridging.folder import package_sources
from migrate.vendoring.sources import closure
from tests.edge.edge import EDGE
from tests.runtime.install import install, node

DECLARATION = resources.files("audits").joinpath("rewriting/session-store.d.ts")

KEPT = """
import { sessionStore, SessionStoreError } from "./src/session-store.ts";
import type { SessionOptions, SessionStore, StoredSession } from "./src/session-store.ts";
import type * as declared from "./declared.d.ts";

export const ours: typeof declared.sessionStore = sessionStore;
export const store = (one: declared.SessionStore): SessionStore => one;
export const options = (one: declared.SessionOptions): SessionOptions => one;
export const session = (one: declared.StoredSession<object>): StoredSession<object> => one;

export async function application(env: { SESSIONS: KVNamespace }, id: string): Promise<string | null> {
  const user = (await sessionStore(env).get<{ user: string }>(id))?.data.user ?? null;
  try {
    await sessionStore(env).touch(id, { expirationTtl: 3600 });
  } catch (error) {
    if (!(error instanceof SessionStoreError)) throw error;
  }
  return user;
}
// @ts-expect-error a session is not there for certain
export const wrong = async (env: object): Promise<object> => (await sessionStore(env).get("s")).data;
"""


SOURCES = {path.removeprefix("src/"): text for path, text in package_sources().items()}


def test_the_store_needs_nothing_of_the_bridge_or_the_class() -> None:
    beside = {"decoded.ts", "half-calls.ts", "placement.ts", "record.ts", "stats-calls.ts", "text.ts"}
    own = {f"store/{path.name}" for path in (EDGE / "src" / "store").iterdir()}
    assert closure(SOURCES, "session-store.ts").keys() == {"session-store.ts"} | own | beside


def test_the_store_alone_is_strict_typescript_and_keeps_the_declaration(tmp_path: Path) -> None:
    modules = install()
    for name in closure(SOURCES, "session-store.ts"):
        (tmp_path / "src" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(EDGE / "src" / name, tmp_path / "src" / name)
    (tmp_path / "declared.d.ts").write_text(DECLARATION.read_text())
    (tmp_path / "kept.ts").write_text(KEPT)
    options = json.loads((EDGE / "tsconfig.json").read_text())["compilerOptions"]
    config = {
        "compilerOptions": options | {"types": [str(modules / "workers-types")]},
        "include": ["**/*.ts"],
    }
    (tmp_path / "tsconfig.json").write_text(json.dumps(config))
    command = [str(node()), str(modules / "typescript" / "bin" / "tsc"), "-p", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == ""
