interface Env {
  SESSIONS: KVNamespace;
}

export async function remember(env: Env, sessionId: string, user: string) {
  await env.SESSIONS.put(`session:${sessionId}`, user, { expirationTtl: 3600 });
}

export async function who(env: Env, sessionId: string): Promise<string | null> {
  return await env.SESSIONS.get(`session:${sessionId}`);
}

export async function parsed(env: Env, sessionId: string): Promise<unknown> {
  const raw = await env.SESSIONS.get(`session:${sessionId}`);
  return raw ? JSON.parse(raw) : null;
}

export async function known(env: Env, sessionId: string): Promise<boolean> {
  if (await env.SESSIONS.get(`session:${sessionId}`)) return true;
  return !!(await env.SESSIONS.get("session:" + sessionId));
}
