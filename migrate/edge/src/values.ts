// Where a class keeps its sessions' values: all that the toolkit asks of a class, in four functions.

import { Insertion, present } from "./bulk.ts";
import { COOKIES_END } from "./lifetimes.ts";

export interface Value {
  value: Uint8Array;
  expiration: number | null;
}

// None of them has an effect besides its own: reading neither touches nor purges. Keys are in the
// order of their UTF-8 bytes. Expirations are absolute Unix seconds; null: never.
export interface Values {
  // What is there, expired or not; null: nothing.
  read(key: string): Value | null;
  write(key: string, value: Uint8Array, expiration: number | null): void;
  remove(key: string): void;
  // Up to `limit` keys from `from` on, `from` included.
  list(from: string, limit: number): string[];
  // The longest time to live of any session, in seconds; left out: no longer than a cookie's.
  readonly longest?: number;
  // Faster ways of doing many, for a class that has them: which of the keys have a value, and writing
  // values under keys that have none.
  present?(keys: string[]): string[];
  insert?(rows: (Value & { key: string })[]): void;
}

const INSERTION = new Insertion("kvferry_sessions", [], ["key", "value", "expiration"]);

// The values of `UserSessions`: a table that is made by the first write.
export class SessionTable implements Values {
  readonly longest: number;
  readonly #sql: SqlStorage;
  #made: boolean | undefined; // unknown until it is asked for; nobody else makes it or drops it

  constructor(sql: SqlStorage, longest = COOKIES_END) {
    this.#sql = sql;
    this.longest = longest;
  }

  read(key: string): Value | null {
    if (!this.#exists()) return null;
    const found = this.#sql
      .exec<{ value: ArrayBuffer; expiration: number | null }>(
        "SELECT value, expiration FROM kvferry_sessions WHERE key = ?",
        key,
      )
      .toArray()[0];
    return found === undefined
      ? null
      : { value: new Uint8Array(found.value), expiration: found.expiration };
  }

  write(key: string, value: Uint8Array, expiration: number | null): void {
    if (!this.#exists()) this.#make();
    this.#sql.exec(
      `INSERT INTO kvferry_sessions (key, value, expiration) VALUES (?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET value = excluded.value, expiration = excluded.expiration`,
      key,
      value,
      expiration,
    );
  }

  remove(key: string): void {
    if (this.#exists()) this.#sql.exec("DELETE FROM kvferry_sessions WHERE key = ?", key);
  }

  list(from: string, limit: number): string[] {
    if (!this.#exists()) return [];
    return this.#sql
      .exec<{ key: string }>("SELECT key FROM kvferry_sessions WHERE key >= ? ORDER BY key LIMIT ?", from, limit)
      .toArray()
      .map((row) => row.key);
  }

  present(keys: string[]): string[] {
    return this.#exists() ? present(this.#sql, "kvferry_sessions", keys) : [];
  }

  insert(rows: (Value & { key: string })[]): void {
    if (!this.#exists()) this.#make();
    INSERTION.run(this.#sql, [], rows.map(({ key, value, expiration }) => [key, value, expiration]));
  }

  #exists(): boolean {
    this.#made ??= hasTable(this.#sql, "kvferry_sessions");
    return this.#made;
  }

  #make(): void {
    this.#sql.exec(`
      CREATE TABLE kvferry_sessions (
        key        TEXT PRIMARY KEY NOT NULL,  -- a secret
        value      BLOB NOT NULL,
        expiration INTEGER                     -- Unix seconds; NULL: never
      ) STRICT, WITHOUT ROWID
    `);
    this.#made = true;
  }
}

// Is the table there? A read must not make one: an object that only was asked stores nothing.
export function hasTable(sql: SqlStorage, name: string): boolean {
  return sql.exec("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", name).toArray().length > 0;
}
