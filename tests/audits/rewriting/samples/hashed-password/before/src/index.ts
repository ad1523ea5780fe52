interface Env {
  SESSIONS: KVNamespace;
}

declare function sha256(text: string): Promise<string>;

export async function login(env: Env, email: string, password: string) {
  const token = await sha256(`${email}:${password}`);
  await env.SESSIONS.put(`session:${token}`, JSON.stringify({ email }), { expirationTtl: 3600 });
  return token;
}

export async function logout(env: Env, token: string) {
  await env.SESSIONS.delete(`session:${token}`);
}
