import type { Env, Session } from "./env";
import { fromKv } from "./legacy";

export async function current(env: Env, id: string): Promise<Session | null> {
  const stub = env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id));
  const session = await stub.getSession(id);
  if (session) return session;
  return await fromKv(env, id);
}
