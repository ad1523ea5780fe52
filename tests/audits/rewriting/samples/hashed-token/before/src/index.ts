interface Env {
  SESSIONS: KVNamespace;
}

declare function sha256(text: string): Promise<string>;

export async function login(env: Env, userId: string) {
  const token = crypto.randomUUID();
  const sessionId = await sha256(token);
  await env.SESSIONS.put(`session:${sessionId}`, JSON.stringify({ userId }), { expirationTtl: 3600 });
  return token;
}

export async function logout(env: Env, token: string) {
  await env.SESSIONS.delete(`session:${await sha256(token)}`);
}
