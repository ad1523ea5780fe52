// Two more classes of other people's: one that keeps nothing but its only session, and not even its own
// key, and one that has fields where others have JSON.

import { DurableObject } from "cloudflare:workers";
import { withToolkit } from "EDGE/with-toolkit.ts";
import type { OwnStorage } from "EDGE/with-toolkit.ts";

type Kept = { data: string; expires: number | null };

class Lone extends DurableObject<unknown> {
  warm: Promise<string | null>;

  constructor(ctx: DurableObjectState, env: unknown) {
    super(ctx, env);
    this.warm = this.show();
  }

  async show(): Promise<string | null> {
    const found = await this.ctx.storage.get<Kept>("session");
    return found !== undefined && (found.expires ?? Infinity) > Date.now() ? found.data : null;
  }

  async save(data: string, ttl: number): Promise<void> {
    await this.ctx.storage.put("session", { data, expires: Date.now() + ttl * 1000 });
  }

  async destroy(): Promise<void> {
    await this.ctx.storage.deleteAll();
  }
}

const utf8 = new TextDecoder();

export class LoneSession extends withToolkit(Lone, {
  storage: ({ kv }) => ({
    read() {
      const found = kv.get<Kept>("session");
      return found && { value: found.data, expiration: found.expires && found.expires / 1000 };
    },
    write(_key, value, expiration) {
      kv.put("session", { data: utf8.decode(value), expires: expiration && expiration * 1000 });
    },
    remove() {
      kv.delete("session");
    },
    list: () => [],
  }),
  methods: {
    show: { does: "read", keys: "own" },
    save: { does: "write", keys: "own" },
    destroy: { does: "delete", keys: "own" },
  },
}) {}

type Fields = { user_id: string; visits: number; expires_at: number };

const TABLE = `
  CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY, user_id TEXT, visits INTEGER CHECK (visits >= 0), expires_at INTEGER
  )`;

class Decoded extends DurableObject {
  sql = this.ctx.storage.sql;

  getUser(id: string): string | null {
    return this.sql.exec<Fields>("SELECT * FROM users WHERE id = ?", id).one().user_id;
  }

  setUser(user: string, id: string): void {
    this.sql.exec(TABLE);
    this.sql.exec("INSERT OR REPLACE INTO users VALUES (?, ?, 0, ?)", id, user, Date.now() + 3_600_000);
    if (user === "nobody") throw new Error("half way");
  }

  // By way of another of its methods.
  setUsers(users: [user: string, id: string][]): void {
    for (const [user, id] of users) this.setUser(user, id);
  }

  renameUser(from: string, to: string): void {
    this.sql.exec("UPDATE users SET id = ? WHERE id = ?", to, from);
  }

  removeUser(id: string, user: string): void {
    this.sql.exec("DELETE FROM users WHERE id = ? AND user_id = ?", id, user);
  }

  getDevice(id: string): string | null {
    return this.sql.exec<Fields>("SELECT * FROM users WHERE id = ?", `${id}-device`).one().user_id;
  }

  async clear(): Promise<void> {
    await this.ctx.storage.deleteAll();
  }

  override alarm(): void {
    this.sql.exec("DELETE FROM users");
    this.setUser("class", "alarm");
  }
}

function decodedStorage({ sql }: DurableObjectStorage): OwnStorage {
  let made = false; // as far as anybody knows who does not undo what others did
  return {
    read(id) {
      const { user_id, visits, expires_at } = sql.exec<Fields>("SELECT * FROM users WHERE id = ?", id).one();
      if (user_id === "unreadable") throw new TypeError("planted: no such user");
      return { value: JSON.stringify({ userId: user_id, visits }), expiration: expires_at / 1000 };
    },
    write(id, value, expiration) {
      const { userId, visits } = JSON.parse(utf8.decode(value)) as { userId: string; visits: number };
      if (!made) sql.exec(TABLE);
      made = true;
      if (userId === "refused") throw new RangeError(`planted: ${userId}`);
      const until = (expiration ?? 0) * 1000 + (userId === "longer" ? 5000 : 0);
      if (userId === "unstored") return;
      sql.exec("INSERT OR REPLACE INTO users VALUES (?, ?, ?, ?)", id, userId, visits, until);
    },
    remove: (id) => void sql.exec("DELETE FROM users WHERE id = ?", id),
    list(from, limit) {
      const order = sql.exec("SELECT 1 FROM users WHERE user_id = 'disorder'").toArray().length > 0 ? "DESC" : "ASC";
      const query = `SELECT id FROM users WHERE id >= ? ORDER BY id ${order} LIMIT ?`;
      return sql.exec<{ id: string }>(query, from, limit).toArray().map(({ id }) => id);
    },
  };
}

export class DecodedSessions extends withToolkit(Decoded, {
  storage: decodedStorage,
  methods: {
    getUser: "read",
    setUser: { does: "write", keys: (_user, id) => [id], gone: undefined },
    setUsers: { does: "write", keys: (users) => users.map(([, id]) => id) },
    renameUser: "many",
    removeUser: "delete",
    getDevice: "read",
    clear: "many",
  },
  duties: (object) => object.setUser("duties", "alarm"),
}) {}
