interface Env {
  SESSIONS: KVNamespace;
}

export async function idle(env: Env, sid: string) {
  const session = await env.SESSIONS.get<{ user: string }>(`session:${sid}`, "json");
  if (!session) return null;
  await env.SESSIONS.put(`session:${sid}`, JSON.stringify(session), { expirationTtl: 900 });
  return session;
}
