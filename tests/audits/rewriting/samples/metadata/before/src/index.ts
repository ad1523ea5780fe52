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
  const { value, metadata } = await env.SESSIONS.getWithMetadata<Session, Meta>(`session:${sid}`, "json");
  if (!value) return null;
  return `${value.user} on ${metadata?.device ?? "?"}`;
}

export async function device(env: Env, sid: string) {
  const found = await env.SESSIONS.getWithMetadata<Session, Meta>(`session:${sid}`, { type: "json" });
  return found.value === null ? null : found.metadata;
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
  await env.SESSIONS.put(`session:${sid}`, JSON.stringify(session), options);
}
