import type { Env, Session } from "./env";

const TTL = 3600;

export async function save(env: Env, id: string, session: Session, ctx: ExecutionContext) {
  const stub = env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id));
  await stub.putSession(id, session);
  // the KV half
  ctx.waitUntil(env.SESSIONS.put(`session:${id}`, JSON.stringify(session), { expirationTtl: TTL }));
}

export async function both(env: Env, id: string, session: Session) {
  const value = JSON.stringify(session);
  await Promise.all([
    env.SESSIONS.put(`session:${id}`, value, { expirationTtl: TTL }),
    env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id)).putSession(id, session),
  ]);
}

export async function logout(env: Env, id: string): Promise<Response> {
  await env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id)).deleteSession(id);
  try {
    await env.SESSIONS.delete(`session:${id}`);
  } catch (error) {
    console.error("kv", error);
  }
  return new Response("bye");
}

export async function caught(env: Env, id: string): Promise<void> {
  if (env.SESSIONS) {
    await env.SESSIONS.delete(`session:${id}`).catch(() => undefined);
  }
  await env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id)).deleteSession(id);
}

export async function onlyKv(env: Env, id: string, session: Session): Promise<void> {
  await env.SESSIONS.put(`session:${id}`, JSON.stringify(session), { expirationTtl: TTL });
}

export async function sometimes(env: Env, id: string, session: Session, moved: boolean): Promise<void> {
  if (moved) {
    await env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id)).putSession(id, session);
  }
  await env.SESSIONS.put(`session:${id}`, JSON.stringify(session), { expirationTtl: TTL });
}

export async function rotated(env: Env, id: string, next: string, session: Session): Promise<void> {
  await env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(next)).putSession(next, session);
  await env.SESSIONS.put(`session:${id}`, JSON.stringify(session), { expirationTtl: 60 });
}

export async function answered(env: Env, id: string): Promise<void> {
  await env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id)).deleteSession(id);
  return env.SESSIONS.delete(`session:${id}`);
}
