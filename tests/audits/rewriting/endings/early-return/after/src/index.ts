import type { Env, Session } from "./env";

export async function current(env: Env, id: string): Promise<Session | null> {
  const session = await env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id)).getSession(id);
  if (session) return session;

  return null;
}

export async function short(env: Env, id: string): Promise<Session | null> {
  const session = await env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id)).getSession(id);
  if (session) return session;
  return null;
}

export async function cachedFirst(env: Env, id: string): Promise<Session | null> {
  return env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id)).getSession(id);
}
