interface Env {
  SESSIONS: KVNamespace;
}

interface Stored {
  id: string;
  sid?: string;
}

declare function cookie(request: Request, name: string): string | undefined;

export async function members(env: Env, stored: Stored) {
  await env.SESSIONS.delete(`session:${stored.id}`);
  await env.SESSIONS.delete(`session:${stored.sid}`);
  if (stored.sid) await env.SESSIONS.delete(`session:${stored.sid}`);
}

export async function unknown(env: Env, request: Request) {
  const sid = cookie(request, "sid");
  return env.SESSIONS.get(`session:${sid}`, "json");
}

export async function numbered(env: Env, id: number) {
  return env.SESSIONS.get(`session:${id}`, "json");
}

export async function reassigned(env: Env, request: Request) {
  let sid = cookie(request, "sid");
  const key = `session:${sid}`;
  if (!sid) sid = "none";
  await env.SESSIONS.delete(key);
  await env.SESSIONS.delete(`session:${sid}`);
}

export async function sure(env: Env, { sid }: { sid: string }, ids: string[]) {
  await env.SESSIONS.delete(`session:${sid}`);
  await Promise.all(ids.map((id: string) => env.SESSIONS.delete(`session:${id}`)));
}
