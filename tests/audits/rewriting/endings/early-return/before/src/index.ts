import type { Env, Session } from "./env";

export async function current(env: Env, id: string): Promise<Session | null> {
  const session = await env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id)).getSession(id);
  if (session) return session;

  const legacy = await env.SESSIONS.get(`session:${id}`);
  if (!legacy) return null;
  return JSON.parse(legacy);
}

export async function short(env: Env, id: string): Promise<Session | null> {
  const session = await env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id)).getSession(id);
  if (session) return session;
  return env.SESSIONS.get<Session>(`session:${id}`, "json");
}

export async function cachedFirst(env: Env, id: string): Promise<Session | null> {
  const cached = await env.SESSIONS.get<Session>(`session:${id}`, "json");
  if (cached) {
    return cached;
  }
  return env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id)).getSession(id);
}
