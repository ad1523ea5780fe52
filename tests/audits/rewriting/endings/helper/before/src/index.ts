import type { Env, Session } from "./env";

const PREFIX = "session:";

async function fromKv(kv: KVNamespace, id: string): Promise<Session | null> {
  const raw = await kv.get(PREFIX + id);
  return raw ? JSON.parse(raw) : null;
}

function objectOf(env: Env, id: string) {
  return env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id));
}

export async function current(env: Env, id: string): Promise<Session | null> {
  const session = (await objectOf(env, id).getSession(id)) ?? (await fromKv(env.SESSIONS, id));
  return session;
}
