// A session class as applications have them, with all the habits of such classes, good and bad. Nothing
// in it knows of kvferry.

import { DurableObject } from "cloudflare:workers";

export interface Session {
  userId: string;
  role?: string;
}

type Row = {
  id: string;
  data: string;
  user_id: string | null;
  role: string | null;
  created_at: number;
  last_accessed: number;
  expires_at: number | null;
};

export interface Env {
  DIRECTORY: { fetch(url: string): Promise<Response> };
}

const HOUR = 3600 * 1000;
const WEEK = 7 * 24 * 3600;

export class PlainSessions extends DurableObject<Env> {
  sql: SqlStorage;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.sql = ctx.storage.sql;
    this.sql.exec(`
      CREATE TABLE IF NOT EXISTS sessions (
        id            TEXT PRIMARY KEY,
        data          TEXT NOT NULL,
        user_id       TEXT,
        role          TEXT,
        created_at    INTEGER NOT NULL,
        last_accessed INTEGER NOT NULL,
        expires_at    INTEGER
      );
      CREATE INDEX IF NOT EXISTS sessions_by_user ON sessions (user_id);
      CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    `);
  }

  getSession(id: string): { data: Session } | null {
    const row = this.sql.exec<Row>("SELECT * FROM sessions WHERE id = ?", id).one();
    const now = Date.now();
    if (row.expires_at !== null && row.expires_at <= now) {
      this.sql.exec("DELETE FROM sessions WHERE expires_at <= ?", now);
      return null;
    }
    this.sql.exec("UPDATE sessions SET last_accessed = ? WHERE id = ?", now, id);
    return { data: JSON.parse(row.data) as Session };
  }

  async setSession(id: string, data: Session, ttl: number | null = WEEK): Promise<void> {
    const now = Date.now();
    this.sql.exec(
      `INSERT OR REPLACE INTO sessions (id, data, user_id, role, created_at, last_accessed, expires_at)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      id,
      JSON.stringify(data),
      data.userId ?? null,
      data.role ?? null,
      now,
      now,
      ttl === null ? null : now + ttl * 1000,
    );
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(now + HOUR);
  }

  refreshSession(id: string, ttl = WEEK): { expiresAt: number } {
    const { role } = this.sql.exec<Row>("SELECT role FROM sessions WHERE id = ?", id).one();
    const expiresAt = Date.now() + (role === "admin" ? Math.min(ttl, 3600) : ttl) * 1000;
    this.sql.exec("UPDATE sessions SET expires_at = ? WHERE id = ?", expiresAt, id);
    return { expiresAt };
  }

  deleteSession(id: string): boolean {
    return this.sql.exec("DELETE FROM sessions WHERE id = ? RETURNING id", id).toArray().length > 0;
  }

  deleteSessionsOf(userId: string): number {
    return this.sql.exec("DELETE FROM sessions WHERE user_id = ? RETURNING id", userId).toArray().length;
  }

  // Asks the directory for the user's role, and keeps it with the session.
  async promoteSession(id: string): Promise<{ data: Session } | null> {
    const found = this.getSession(id);
    if (found === null) return null;
    const answer = await this.env.DIRECTORY.fetch(`https://directory.internal/roles/${found.data.userId}`);
    const data = { ...found.data, role: await answer.text() };
    const now = Date.now();
    this.sql.exec(
      "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)",
      id,
      JSON.stringify(data),
      data.userId,
      data.role,
      now,
      now,
      now + WEEK * 1000,
    );
    return { data };
  }

  // Deletes a session and tells the directory.
  async signOut(id: string): Promise<void> {
    const { user_id } = this.sql.exec<Row>("DELETE FROM sessions WHERE id = ? RETURNING *", id).one();
    await this.env.DIRECTORY.fetch(`https://directory.internal/signed-out/${user_id}`);
  }

  // In the object that is called admin:settings.
  getSetting(name: string): string | null {
    return this.sql.exec<{ value: string }>("SELECT value FROM settings WHERE name = ?", name).toArray()[0]?.value ?? null;
  }

  setSetting(name: string, value: string): void {
    this.sql.exec("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", name, value);
  }

  override async alarm(): Promise<void> {
    this.sql.exec("DELETE FROM sessions WHERE expires_at <= ?", Date.now());
    await this.ctx.storage.setAlarm(Date.now() + HOUR);
  }
}
