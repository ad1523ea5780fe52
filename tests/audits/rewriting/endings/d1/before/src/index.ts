interface Env {
  SESSIONS: KVNamespace;
  DB: D1Database;
}

interface Row {
  data: string;
}

interface Session {
  user: string;
}

export async function find(env: Env, sid: string): Promise<Session | null> {
  const row = await env.DB.prepare("SELECT data FROM sessions WHERE id = ?").bind(sid).first<Row>();
  if (row) return JSON.parse(row.data);
  const raw = await env.SESSIONS.get(`session:${sid}`);
  return raw ? JSON.parse(raw) : null;
}

export async function save(env: Env, sid: string, session: Session): Promise<void> {
  const data = JSON.stringify(session);
  await env.DB.prepare("INSERT INTO sessions (id, data) VALUES (?, ?)").bind(sid, data).run();
  await env.SESSIONS.put(`session:${sid}`, data, { expirationTtl: 3600 });
}

export async function remove(env: Env, sid: string): Promise<void> {
  await env.SESSIONS.delete(`session:${sid}`);
  await env.DB.prepare("DELETE FROM sessions WHERE id = ?").bind(sid).run();
}
