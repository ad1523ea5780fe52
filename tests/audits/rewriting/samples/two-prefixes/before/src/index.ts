interface Env {
  SESSIONS: KVNamespace;
}

export async function both(env: Env, sessionId: string) {
  const [session, admin] = await Promise.all([
    env.SESSIONS.get<{ user: string }>(`session:${sessionId}`, "json"),
    env.SESSIONS.get<{ user: string }>(`admin_session:${sessionId}`, "json"),
  ]);
  return session ?? admin;
}
