import type { Env, Session } from "./env";

export async function chained(env: Env, id: string, other: () => Promise<Session | null>): Promise<Session | null> {
  const kv = env.SESSIONS;
  const stub = env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id));
  let session = await stub.getSession(id);
  if (session) {
    return session;
  } else if (kv) {
    session = await kv.get<Session>(`session:${id}`, "json");
  }
  if (!session) session = await other();
  return session;
}

export async function elseArm(env: Env, id: string): Promise<string> {
  const session = await env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id)).getSession(id);
  let user = "nobody";
  if (session) {
    user = session.user;
  } else {
    const old = await env.SESSIONS.get<Session>(`session:${id}`, "json");
    if (old) user = old.user;
  }
  return user;
}

export const arrow = async (env: Env, id: string) =>
  (await env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id)).getSession(id)) ??
  (await env.SESSIONS.get<Session>(`session:${id}`, "json"));
