interface Env {
  SESSIONS: KVNamespace;
}

interface Session {
  user: string;
  admin: boolean;
}

const TTL = 60 * 60 * 24 * 7;

export async function renew(env: Env, sid: string): Promise<string | null> {
  const session = await env.SESSIONS.get<Session>(`session:${sid}`, "json");
  if (!session) return null;
  if (!session.admin) {
    await env.SESSIONS.put(`session:${sid}`, JSON.stringify(session), { expirationTtl: TTL });
  }
  return session.user;
}

export async function renewText(env: Env, sid: string): Promise<Session | null> {
  const raw = await env.SESSIONS.get(`session:${sid}`);
  if (!raw) return null;
  await env.SESSIONS.put(`session:${sid}`, raw, { expirationTtl: TTL });
  return JSON.parse(raw);
}

export async function rename(env: Env, sid: string, user: string): Promise<void> {
  const session = await env.SESSIONS.get<Session>(`session:${sid}`, "json");
  if (session) {
    session.user = user;
    await env.SESSIONS.put(`session:${sid}`, JSON.stringify(session), { expirationTtl: TTL });
  }
}

export async function handedOn(env: Env, sid: string, change: (session: Session) => void): Promise<void> {
  const session = await env.SESSIONS.get<Session>(`session:${sid}`, "json");
  if (session) {
    change(session);
    await env.SESSIONS.put(`session:${sid}`, JSON.stringify(session), { expirationTtl: TTL });
  }
}

export async function copied(env: Env, sid: string): Promise<string> {
  const next = crypto.randomUUID();
  const raw = await env.SESSIONS.get(`session:${sid}`);
  if (raw !== null) {
    await env.SESSIONS.put(`session:${next}`, raw, { expirationTtl: TTL });
    await env.SESSIONS.delete(`session:${sid}`);
  }
  return next;
}
