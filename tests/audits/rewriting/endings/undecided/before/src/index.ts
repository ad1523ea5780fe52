import type { Env, Session } from "./env";

export async function failed(env: Env, id: string): Promise<Session | null> {
  try {
    return await env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id)).getSession(id);
  } catch {
    return env.SESSIONS.get<Session>(`session:${id}`, "json");
  }
}

export async function unbound(env: Env, id: string): Promise<Session | null> {
  if (env.SESSION_OBJECT) {
    return env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id)).getSession(id);
  }
  return env.SESSIONS.get<Session>(`session:${id}`, "json");
}

export async function compared(env: Env, id: string): Promise<Session | null> {
  const [object, kv] = await Promise.all([
    env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id)).getSession(id),
    env.SESSIONS.get<Session>(`session:${id}`, "json"),
  ]);
  return object ?? kv;
}

export async function alone(env: Env, id: string): Promise<Session | null> {
  return env.SESSIONS.get<Session>(`session:${id}`, "json");
}

export async function handedOn(env: Env, id: string, decode: (raw: string | null) => Session | null) {
  const session = await env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id)).getSession(id);
  if (session) return session;
  const raw = await env.SESSIONS.get(`session:${id}`);
  return decode(raw);
}

export async function listed(env: Env): Promise<string[]> {
  return (await env.SESSIONS.list({ prefix: "session:" })).keys.map((one) => one.name);
}

export async function guarded(env: Env, id: string): Promise<Response> {
  if (!env.SESSIONS) return new Response("kv_not_configured", { status: 503 });
  return Response.json(await env.SESSIONS.get(`session:${id}`, "json"));
}
