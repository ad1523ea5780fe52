// The application of `kvferry demo --live`: it keeps its sessions by the session store, and renews each on
// every request. Its versions differ in SESSION_STAGE only.

import { sessionStore, sessionStoreCounters } from "./kvferry/session-store.ts";
import type { UserSessions } from "./sessions/user-sessions.ts";

export { MigrationStats } from "./kvferry/migration-stats.ts";
export { UserSessions } from "./sessions/user-sessions.ts";

type Profile = { user: string; edition: number };

interface Env {
  SESSION_STAGE: string;
  SESSIONS: KVNamespace;
  USER_SESSIONS: DurableObjectNamespace<UserSessions<Profile>>;
}

const MONTH = { expirationTtl: 30 * 24 * 60 * 60 }; // seconds

class SignedOut extends Error {
  override readonly name = "SignedOut";
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    let answer: Response;
    try {
      answer = await answered(request, env);
    } catch (error) {
      // What went wrong is told by its name only.
      const status = error instanceof SignedOut ? 401 : 500;
      answer = new Response((error as Error).name, { status });
    }
    answer.headers.set("x-stage", env.SESSION_STAGE);
    return answer;
  },
};

async function answered(request: Request, env: Env): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  const id = /sid=([\w-]+)/.exec(request.headers.get("cookie") ?? "")?.[1] ?? "";
  const store = sessionStore(env);
  switch (`${request.method} ${pathname}`) {
    case "GET /counters":
      return Response.json(sessionStoreCounters());
    case "POST /sign-in": {
      const fresh = crypto.randomUUID();
      const profile: Profile = { user: searchParams.get("user") ?? "", edition: 0 };
      await store.create(fresh, profile, { ...MONTH, metadata: { device: "browser" } });
      return new Response(null, { status: 204, headers: { "set-cookie": `sid=${fresh}; HttpOnly; Secure` } });
    }
    case "GET /me": {
      const session = await store.get<Profile>(id);
      if (session === null) throw new SignedOut();
      await store.touch(id, MONTH);
      return Response.json(session.data);
    }
    case "POST /profile": {
      const edition = Number(searchParams.get("edition"));
      const changed = (session: { data: Profile } | null): Profile => {
        if (session === null) throw new SignedOut();
        return { ...session.data, edition };
      };
      return Response.json(await store.update<Profile>(id, changed, MONTH));
    }
    case "POST /sign-out":
      await store.delete(id);
      return new Response(null, { status: 204 });
  }
  return new Response("not found", { status: 404 });
}
