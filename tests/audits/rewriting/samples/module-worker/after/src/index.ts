import { sessionStore } from "./session-store";

export interface Env {
  SESSIONS: KVNamespace;
}

interface Session {
  userId: string;
  createdAt: number;
}

const WEEK = 7 * 24 * 60 * 60;

function sidOf(request: Request): string | null {
  const cookie = request.headers.get("Cookie") ?? "";
  return /(?:^|; )sid=([\w-]+)/.exec(cookie)?.[1] ?? null;
}

async function readSession(env: Env, sid: string): Promise<Session | null> {
  const raw = await sessionStore(env).get(sid);
  if (!raw) {
    return null;
  }
  return raw.data as Session;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const url = new URL(request.url);
    if (url.pathname === "/login") {
      const sid = crypto.randomUUID();
      const session: Session = { userId: "u1", createdAt: Date.now() };
      await sessionStore(env).create(sid, session, { expirationTtl: WEEK });
      return new Response("ok", { headers: { "Set-Cookie": `sid=${sid}` } });
    }
    const sid = sidOf(request);
    if (!sid) return new Response("unauthorized", { status: 401 });
    if (url.pathname === "/logout") {
      await sessionStore(env).delete(sid);
      return new Response("bye");
    }
    const session = await readSession(env, sid);
    return session ? Response.json({ user: session.userId }) : new Response("unauthorized", { status: 401 });
  },
} satisfies ExportedHandler<Env>;
