import { sessionStore } from "./session-store";

interface Env {
  SESSIONS: KVNamespace;
}

export async function both(env: Env, sessionId: string) {
  const [session, admin] = await Promise.all([
    sessionStore(env).get<{ user: string }>(sessionId).then((session) => session?.data ?? null),
    env.SESSIONS.get<{ user: string }>(`admin_session:${sessionId}`, "json"),
  ]);
  return session ?? admin;
}
