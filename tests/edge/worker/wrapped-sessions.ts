// The application's class with the toolkit.

import { textOf, withToolkit } from "EDGE/with-toolkit.ts";
import type { OwnStorage } from "EDGE/with-toolkit.ts";
import { PlainSessions } from "./plain-sessions.ts";
import type { Env } from "./plain-sessions.ts";

export function storage({ sql }: DurableObjectStorage): OwnStorage {
  return {
    read(id) {
      const query = "SELECT data, expires_at FROM sessions WHERE id = ?";
      const row = sql.exec<{ data: string | ArrayBuffer; expires_at: number | null }>(query, id).one();
      return { value: row.data, expiration: row.expires_at && row.expires_at / 1000 };
    },
    write(id, value, expiration) {
      sql.exec(
        `INSERT INTO sessions (id, data, user_id, role, created_at, last_accessed, expires_at)
         VALUES (?1, ?2, iif(json_valid(?2), ?2 ->> 'userId', NULL), iif(json_valid(?2), ?2 ->> 'role', NULL), ?3, ?3, ?4)
         ON CONFLICT (id) DO UPDATE SET
           data = ?2, user_id = excluded.user_id, role = excluded.role, expires_at = ?4`,
        id,
        textOf(value) ?? value,
        Date.now(),
        expiration && expiration * 1000,
      );
    },
    remove(id) {
      sql.exec("DELETE FROM sessions WHERE id = ?", id);
    },
    list(from, limit) {
      const query = "SELECT id FROM sessions WHERE id >= ? ORDER BY id LIMIT ?";
      return sql.exec<{ id: string }>(query, from, limit).toArray().map(({ id }) => id);
    },
  };
}

export class WrappedSessions extends withToolkit(PlainSessions, {
  storage,
  methods: {
    getSession: "read",
    setSession: "write",
    refreshSession: "write",
    promoteSession: "write",
    deleteSession: "delete",
    signOut: "delete",
    deleteSessionsOf: "many",
    getSetting: "other",
    setSetting: "other",
  },
  origin: ({ SESSION_STAGE = "" }: Env & { SESSION_STAGE?: string }) =>
    ["kv", "dual-write", "shadow-read"].includes(SESSION_STAGE) ? "dual" : "app",
}) {}
