import type { Env, Session } from "./env";

export async function fromKv(env: Env, id: string): Promise<Session | null> {
  return await env.SESSIONS.get<Session>(`session:${id}`, "json");
}
