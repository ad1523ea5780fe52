import { sessionStore } from "./session-store";

interface Env {
  SESSIONS: KVNamespace;
}

interface Stored {
  id: string;
  sid?: string;
}

declare function cookie(request: Request, name: string): string | undefined;

export async function members(env: Env, stored: Stored) {
  await sessionStore(env).delete(stored.id);
  await sessionStore(env).delete(`${stored.sid}`);
  if (stored.sid) await sessionStore(env).delete(stored.sid);
}

export async function unknown(env: Env, request: Request) {
  const sid = cookie(request, "sid");
  return sessionStore(env).get(`${sid}`).then((session) => session?.data ?? null);
}

export async function numbered(env: Env, id: number) {
  return sessionStore(env).get(`${id}`).then((session) => session?.data ?? null);
}

export async function reassigned(env: Env, request: Request) {
  let sid = cookie(request, "sid");
  const key = `session:${sid}`;
  if (!sid) sid = "none";
  await env.SESSIONS.delete(key);
  await sessionStore(env).delete(`${sid}`);
}

export async function sure(env: Env, { sid }: { sid: string }, ids: string[]) {
  await sessionStore(env).delete(sid);
  await Promise.all(ids.map((id: string) => sessionStore(env).delete(id)));
}
