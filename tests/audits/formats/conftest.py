from collections.abc import Callable

import pytest

from audits.report import Report
from audits.revision import Revision

FILES = {
    "src/a b.ts": """
        export const get = (env: Env, sessionId: string) => env.SESSIONS.get(`spotify_session:${sessionId}`);
        export async function fetch(env: Env, id: string) {
        \tawait env.STORE.put(`a|b<${id}>`, "1");
          await env.STORE.put("é", "2", { expirationTtl:
            30 });
          // kvferry: ignore[put-without-ttl] counts for ever
          await env.STORE.put("counter", "1");
        }
    """,
    "src/save.ts": """
        const save = (kv: KVNamespace, k: string, ttl?: number) =>
          kv.put(k, "1", ttl ? { expirationTtl: ttl } : {});
        export const a = (env: Env) => save(env.STORE, "a", 60);
        export const b = (env: Env) => save(env.STORE, "b");
    """,
    "node_modules/x/index.js": "",
    "src/x.test.ts": "",
}
"""Every severity and rule but the last, a suppression, a skipped folder, a test, related places."""

Reported = Callable[..., Report]


@pytest.fixture
def reported(audited) -> Reported:
    """A report of these files, or of FILES."""

    def run(files=None, *, prefix: str = "", exit_code: int = 1, statistics: bool = False, **asked) -> Report:
        revision = Revision("0" * 40, False, prefix)
        return Report(
            audited(FILES if files is None else files, **asked), revision, "1.2.3", exit_code, statistics
        )

    return run
