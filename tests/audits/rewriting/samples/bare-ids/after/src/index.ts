import { sessionStore } from "./session-store";

interface Env {
  SESSIONS: KVNamespace;
}

interface Session {
  user: string;
}

export async function start(env: Env, session: Session): Promise<string> {
  const sessionId = crypto.randomUUID();
  await sessionStore(env).create(sessionId, session, { expirationTtl: 3600 });
  return sessionId;
}

export async function find(env: Env, sessionId: string): Promise<Session | null> {
  return (await sessionStore(env).get<Session>(sessionId))?.data ?? null;
}

export async function end(env: Env, session: { id: string }): Promise<void> {
  await sessionStore(env).delete(session.id);
}

async function read(kv: KVNamespace, key: string) {
  return kv.get(key, "json");
}

export const both = (env: Env, id: string) => read(env.SESSIONS, `session:${id}`);
