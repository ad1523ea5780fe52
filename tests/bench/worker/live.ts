// The application of the benchmark of reads: the session store, and bare calls of the session class.
//
// POST /fill   {vars, ids}: put these sessions
// POST /read   {vars, by, ids}: read them one after the other, by "store" or "stub"
// POST /touch  {vars, ids}: touch them one after the other; answers how many rows have changed

import { sessionStore } from "EDGE/session-store.ts";
import { UserSessions } from "EDGE/user-sessions.ts";

type Env = { USER_SESSIONS: DurableObjectNamespace<UserSessions>; SESSIONS: KVNamespace };
type Order = { vars: Record<string, string>; by: "store" | "stub"; ids: string[] };

export { UserSessions };

const environments = new Map<string, object>();

// The same object for the same variables, as in a Worker.
function environment(env: Env, vars: Record<string, string>): object {
  const name = JSON.stringify(vars);
  const known = environments.get(name) ?? { ...env, ...vars };
  environments.set(name, known);
  return known;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname } = new URL(request.url);
    const { vars, by, ids } = (await request.json()) as Order;
    const settings = environment(env, vars);
    const stub = (id: string) => env.USER_SESSIONS.get(env.USER_SESSIONS.idFromName(id));
    let found = 0;
    for (const id of ids) {
      if (pathname === "/fill") {
        await sessionStore(settings).put(id, { userId: id, roles: ["a", "b"] }, { expirationTtl: 3600 });
      } else if (pathname === "/touch") {
        const before = (await stub(id).kvferryHeads([id]))[0]?.version;
        await sessionStore(settings).touch(id, { expirationTtl: 3600 });
        found += Number((await stub(id).kvferryHeads([id]))[0]?.version !== before);
      } else {
        const session = by === "store" ? await sessionStore(settings).get(id) : await stub(id).getSession(id);
        found += Number(session !== null);
      }
    }
    return Response.json(found);
  },
};
