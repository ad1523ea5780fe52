interface Env {
  SESSIONS: KVNamespace;
}

export async function login(env: Env, userId: string) {
  await env.SESSIONS.put(`session:${userId}`, JSON.stringify({ at: Date.now() }), { expirationTtl: 3600 });
}

export async function logout(env: Env, userId: string) {
  await env.SESSIONS.delete(`session:${userId}`);
}

export async function active(env: Env, user: { id: string }) {
  return (await env.SESSIONS.get(`session:${user.id}`)) !== null;
}

export async function drop(env: Env, id: string) {
  await env.SESSIONS.delete(`session:${id}`);
}
