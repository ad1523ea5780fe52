interface Env {
  SESSIONS: KVNamespace;
  LOG: { write(line: string): void };
}

interface Session {
  user: string;
  roles?: string[];
}

export function lazily(env: Env, sessionId: string): Promise<Session | null> {
  return env.SESSIONS.get<Session>(`session:${sessionId}`, "json");
}

export async function together(env: Env, sessionId: string, other: string) {
  const [first, second] = await Promise.all([
    env.SESSIONS.get<Session>(`session:${sessionId}`, "json"),
    env.SESSIONS.get<Session>(`session:${other}`, { type: "json" }),
  ]);
  return [first?.user, second?.user];
}

export async function chained(env: Env, sessionId: string) {
  return env.SESSIONS.get<Session>(`session:${sessionId}`, "json").then((found) => found?.user ?? "nobody");
}

export async function forgotten(env: Env, sessionId: string, ctx: ExecutionContext) {
  void env.SESSIONS.delete(`session:${sessionId}`);
  ctx.waitUntil(env.SESSIONS.delete(`session:${sessionId}`).catch((error) => env.LOG.write(String(error))));
}

export async function nested(env: Env, sessionId: string) {
  const role = ((await env.SESSIONS.get<Session>(`session:${sessionId}`, "json"))?.roles ?? [])[0];
  const name = (await env.SESSIONS.get<Session>(`session:${sessionId}`, "json"))!.user;
  return `${role} ${name} ${(await env.SESSIONS.get<Session>(`session:${sessionId}`, "json")) || "none"}`;
}

export async function optional(env: Partial<Env>, sessionId: string) {
  return (await env.SESSIONS?.get<Session>(`session:${sessionId}`, "json")) ?? null;
}
