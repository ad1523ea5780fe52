interface Env {
  SESSIONS: KVNamespace;
}

interface Session {
  user: string;
}

export async function ternary(env: Env, sid: string): Promise<Session | null> {
  const raw: string | null = await env.SESSIONS.get(`session:${sid}`);
  return raw ? (JSON.parse(raw) as Session) : null;
}

export async function and(env: Env, sid: string): Promise<Session | null> {
  const raw = await env.SESSIONS.get(`session:${sid}`);
  return raw && JSON.parse(raw);
}

export async function block(env: Env, sid: string): Promise<string> {
  let user = "nobody";
  const raw = await env.SESSIONS.get(`session:${sid}`);
  if (raw != null) {
    const session: Session = JSON.parse(raw);
    user = session.user;
  }
  return user;
}

export async function unchecked(env: Env, sid: string): Promise<Session | null> {
  const raw = await env.SESSIONS.get(`session:${sid}`);
  const session = JSON.parse(raw as string) as Session | null;
  return session;
}

export async function caught(env: Env, sid: string): Promise<Session | null> {
  const raw = await env.SESSIONS.get(`session:${sid}`);
  if (!raw) return null;
  try {
    return JSON.parse(raw);
  } catch {
    return null;
  }
}

export async function inline(env: Env, sid: string): Promise<string | undefined> {
  const { user } = JSON.parse((await env.SESSIONS.get(`session:${sid}`)) ?? "null") ?? {};
  return user;
}

export async function measured(env: Env, sid: string): Promise<number> {
  const raw = await env.SESSIONS.get(`session:${sid}`);
  return raw ? raw.length : 0;
}

export async function changed(env: Env, sid: string): Promise<unknown> {
  let raw = await env.SESSIONS.get(`session:${sid}`);
  if (!raw) raw = "{}";
  return JSON.parse(raw);
}

export async function shadowed(env: Env, sid: string, all: string[]): Promise<unknown[]> {
  const raw = await env.SESSIONS.get(`session:${sid}`);
  return raw ? all.map((raw) => JSON.parse(raw)) : [];
}

export async function buffer(env: Env, sid: string): Promise<ArrayBuffer | null> {
  return env.SESSIONS.get(`session:${sid}`, "arrayBuffer");
}

export async function several(env: Env, sid: string, options: KVNamespaceGetOptions<"json">): Promise<unknown> {
  return env.SESSIONS.get(`session:${sid}`, options);
}
