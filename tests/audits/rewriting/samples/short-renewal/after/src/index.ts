import { sessionStore } from "./session-store";

interface Env {
  SESSIONS: KVNamespace;
}

export async function idle(env: Env, sid: string) {
  const session = (await sessionStore(env).get<{ user: string }>(sid))?.data ?? null;
  if (!session) return null;
  await sessionStore(env).put(sid, session, { expirationTtl: 900 });
  return session;
}
