import { sessionStore } from "./session-store";

interface Env {
  SESSIONS: KVNamespace;
}

interface Session {
  user: string;
  admin: boolean;
}

const TTL = 60 * 60 * 24 * 7;

export async function renew(env: Env, sid: string): Promise<string | null> {
  const session = (await sessionStore(env).get<Session>(sid))?.data ?? null;
  if (!session) return null;
  if (!session.admin) {
    await sessionStore(env).touch(sid, { expirationTtl: TTL });
  }
  return session.user;
}

export async function renewText(env: Env, sid: string): Promise<Session | null> {
  const raw = await sessionStore(env).get(sid);
  if (!raw) return null;
  await sessionStore(env).touch(sid, { expirationTtl: TTL });
  return raw.data;
}

export async function rename(env: Env, sid: string, user: string): Promise<void> {
  const session = (await sessionStore(env).get<Session>(sid))?.data ?? null;
  if (session) {
    session.user = user;
    await sessionStore(env).put(sid, session, { expirationTtl: TTL });
  }
}

export async function handedOn(env: Env, sid: string, change: (session: Session) => void): Promise<void> {
  const session = (await sessionStore(env).get<Session>(sid))?.data ?? null;
  if (session) {
    change(session);
    await sessionStore(env).put(sid, session, { expirationTtl: TTL });
  }
}

export async function copied(env: Env, sid: string): Promise<string> {
  const next = crypto.randomUUID();
  const raw = await sessionStore(env).get(sid);
  if (raw !== null) {
    await sessionStore(env).create(next, raw.data, { expirationTtl: TTL });
    await sessionStore(env).delete(sid);
  }
  return next;
}
