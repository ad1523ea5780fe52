import { sessionStore } from "./session-store";

interface Env {
  SESSIONS: KVNamespace;
  LOG: { write(line: string): void };
}

interface Session {
  user: string;
  roles?: string[];
}

export function lazily(env: Env, sessionId: string): Promise<Session | null> {
  return sessionStore(env).get<Session>(sessionId).then((session) => session?.data ?? null);
}

export async function together(env: Env, sessionId: string, other: string) {
  const [first, second] = await Promise.all([
    sessionStore(env).get<Session>(sessionId).then((session) => session?.data ?? null),
    env.SESSIONS.get<Session>(`session:${other}`, { type: "json" }),
  ]);
  return [first?.user, second?.user];
}

export async function chained(env: Env, sessionId: string) {
  return sessionStore(env).get<Session>(sessionId).then((session) => session?.data ?? null).then((found) => found?.user ?? "nobody");
}

export async function forgotten(env: Env, sessionId: string, ctx: ExecutionContext) {
  void sessionStore(env).delete(sessionId);
  ctx.waitUntil(sessionStore(env).delete(sessionId).catch((error) => env.LOG.write(String(error))));
}

export async function nested(env: Env, sessionId: string) {
  const role = (((await sessionStore(env).get<Session>(sessionId))?.data ?? null)?.roles ?? [])[0];
  const name = ((await sessionStore(env).get<Session>(sessionId))?.data ?? null)!.user;
  return `${role} ${name} ${((await sessionStore(env).get<Session>(sessionId))?.data ?? null) || "none"}`;
}

export async function optional(env: Partial<Env>, sessionId: string) {
  return (await env.SESSIONS?.get<Session>(`session:${sessionId}`, "json")) ?? null;
}
