import { sessionStore } from "./session-store";

interface Env {
  SESSIONS: KVNamespace;
}

interface Session {
  user: string;
}

interface Meta {
  device: string;
}

export async function describe(env: Env, sid: string) {
  const { data: value, metadata } = (await sessionStore(env).get<Session, Meta>(sid)) ?? { data: null, metadata: null };
  if (!value) return null;
  return `${value.user} on ${metadata?.device ?? "?"}`;
}

export async function device(env: Env, sid: string) {
  const found = (await sessionStore(env).get<Session, Meta>(sid)) ?? { data: null, metadata: null };
  return found.data === null ? null : found.metadata;
}

export async function cached(env: Env, sid: string) {
  const { value, cacheStatus } = await env.SESSIONS.getWithMetadata<Session, Meta>(`session:${sid}`, "json");
  return [value, cacheStatus];
}

export async function text(env: Env, sid: string) {
  const { value } = await env.SESSIONS.getWithMetadata<Meta>(`session:${sid}`);
  return value ? (JSON.parse(value) as Session) : null;
}

export async function save(env: Env, sid: string, session: Session, meta: Meta) {
  const options: KVNamespacePutOptions = { expirationTtl: 3600, metadata: meta };
  await sessionStore(env).put(sid, session, options);
}
