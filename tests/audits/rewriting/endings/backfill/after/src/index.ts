import type { Env, Session } from "./env";

export async function load(env: Env, sessionId: string): Promise<Response> {
  const stub = env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(sessionId));

  let session: Session | null = await stub.getSession(sessionId);

  if (!session) return new Response("unauthorized", { status: 401 });
  return Response.json(session);
}

export async function strict(env: Env, sessionId: string): Promise<Response> {
  const stub = env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(sessionId));
  let session = await stub.getSession(sessionId);
  if (session === null) {
    // nobody
    return new Response("unauthorized", {
      status: 401,
    });
  }
  return Response.json(session);
}

export async function counted(env: Env, sessionId: string, misses: { count: number }): Promise<Session | null> {
  let session = await env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(sessionId)).getSession(sessionId);
  if (!session) {
    misses.count += 1;
  }
  return session;
}
