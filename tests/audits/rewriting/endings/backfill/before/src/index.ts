import type { Env, Session } from "./env";

export async function load(env: Env, sessionId: string): Promise<Response> {
  if (!env.SESSIONS) {
    return Response.json({ error: "kv_not_configured" }, { status: 503 });
  }
  const stub = env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(sessionId));

  let session: Session | null = await stub.getSession(sessionId);
  // Fall back to KV until everything has been copied.
  if (!session) {
    const raw = await env.SESSIONS.get(`session:${sessionId}`);
    if (raw) {
      session = JSON.parse(raw) as Session;
      // copy it, so that the next read finds it
      await stub.putSession(sessionId, session);
      console.log("kv_fallback", sessionId.slice(0, 4));
    }
  }

  if (!session) return new Response("unauthorized", { status: 401 });
  return Response.json(session);
}

export async function strict(env: Env, sessionId: string): Promise<Response> {
  const stub = env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(sessionId));
  let session = await stub.getSession(sessionId);
  if (session === null) {
    const raw = await env.SESSIONS.get(`session:${sessionId}`);
    if (!raw) {
      // nobody
      return new Response("unauthorized", {
        status: 401,
      });
    }
    session = JSON.parse(raw) as Session;
    await stub.putSession(sessionId, session);
  }
  return Response.json(session);
}

export async function counted(env: Env, sessionId: string, misses: { count: number }): Promise<Session | null> {
  let session = await env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(sessionId)).getSession(sessionId);
  if (!session) {
    misses.count += 1;
    session = await env.SESSIONS.get<Session>(`session:${sessionId}`, "json");
  }
  return session;
}
