import { sessionStore } from "./session-store";

interface Env {
  SESSIONS: KVNamespace;
}

export async function save(env: Env, sid: string, session: { user: string; seen?: number }) {
  const key = `session:${sid}`;
  await sessionStore(env).put(sid, { ...session, seen: Date.now() }, { expirationTtl: 3600 });
  console.log(key);
}

export async function saveLater(env: Env, sid: string, session: { user: string }) {
  const payload = JSON.stringify(session);
  session.user = "";
  await env.SESSIONS.put(`session:${sid}`, payload, { expirationTtl: 3600 });
}

export async function saveAndSend(env: Env, sid: string, session: { user: string }) {
  const payload = JSON.stringify(session);
  await env.SESSIONS.put(`session:${sid}`, payload, { expirationTtl: 3600 });
  return new Response(payload);
}

export async function pretty(env: Env, sid: string, session: { user: string }) {
  await env.SESSIONS.put(`session:${sid}`, JSON.stringify(session, null, 2), { expirationTtl: 3600 });
}

export async function another(env: Env, sid: string) {
  const key = `session:${sid}:flash`;
  await env.SESSIONS.put(key, JSON.stringify("hello"), { expirationTtl: 60 });
}

export async function evaluated(env: Env, request: Request, read: (request: Request) => string) {
  const key = `session:${read(request)}`;
  const sid = read(request);
  await env.SESSIONS.delete(key);
  await sessionStore(env).delete(`${sid}`);
}
