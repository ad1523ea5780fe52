import type { Env, Session } from "./env";

function objectOf(env: Env, id: string) {
  return env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id));
}

export async function current(env: Env, id: string): Promise<Session | null> {
  const session = await objectOf(env, id).getSession(id);
  return session;
}
