import type { Env, Session } from "./env";

export async function chained(env: Env, id: string, other: () => Promise<Session | null>): Promise<Session | null> {
  const stub = env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id));
  let session = await stub.getSession(id);
  if (session) {
    return session;
  }
  if (!session) session = await other();
  return session;
}

export async function elseArm(env: Env, id: string): Promise<string> {
  const session = await env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id)).getSession(id);
  let user = "nobody";
  if (session) {
    user = session.user;
  }
  return user;
}

export const arrow = async (env: Env, id: string) =>
  await env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id)).getSession(id);
