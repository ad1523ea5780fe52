interface Env {
  SESSIONS: KVNamespace;
}

export async function find(env: Env, sid: string) {
  const session = await env.SESSIONS.get(`session:${sid}`, "json");
  return session?.(
}
