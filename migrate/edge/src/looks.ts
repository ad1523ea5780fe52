// What an object shows of its rows and notes. None of it writes.

import type { Note, NoteTable } from "./notes.ts";
import { expired } from "./record.ts";
import type { Provenance, Row } from "./record.ts";
import { UNNAMED } from "./rows.ts";
import type { Rows } from "./rows.ts";
import { holdsAnything } from "./stored.ts";
import { compareKeys, digest } from "./text.ts";

// A row without its value: what a verify needs.
export interface Head extends Provenance {
  key: string;
  expiration: number | null;
  digest: string | null;
  bytes: number;
}

export type Full = Head & { value: Uint8Array | null };

// Which rows, from where to where, and how many at most. `live`: neither tombstones nor expired ones.
export interface Range {
  prefix: string;
  after: string | null;
  upto: string | null;
  limit: number;
  only: "all" | "live" | "tombstones";
}

// Rows and whether there are more behind the last of them.
export interface Some<Item> {
  rows: Item[];
  more: boolean;
}

// What an object holds, for a caller that knows it by its id only. `book`: notes; `stored`: anything at
// all, of whatever kind.
export interface Inside extends Some<Head> {
  book: boolean;
  stored: boolean;
}

export interface Count {
  live: number;
  expired: number;
  tombstones: number;
  copy: number;
  dual: number;
  app: number;
  legacy: number;
}

const BYTES_AT_ONCE = 16 * 1024 * 1024; // of values that are read for their digests; a Worker has 128 MB

// The tables as they are now: they are made anew when they were dropped.
export interface Tables {
  readonly rows: Rows;
  readonly notes: NoteTable;
}

export class Looks {
  readonly #storage: DurableObjectStorage;
  readonly #tables: () => Tables;
  readonly #now: () => number;

  // `now`: Unix seconds.
  constructor(storage: DurableObjectStorage, tables: () => Tables, now: () => number) {
    this.#storage = storage;
    this.#tables = tables;
    this.#now = now;
  }

  // The row that an application sees; null: none, or expired, or deleted.
  live(key: string): Row | null {
    const row = this.#tables().rows.get(key);
    return row === null || row.value === null || expired(row.expiration, this.#now()) ? null : row;
  }

  async heads(keys: string[]): Promise<(Head | null)[]> {
    const found: (Head | null)[] = [];
    while (found.length < keys.length) {
      const rows = this.#some(keys.slice(found.length), BYTES_AT_ONCE);
      found.push(...(await Promise.all(rows.map((row) => row && head(row)))));
    }
    return found;
  }

  // Rows with their values, as many of the first keys as have no more than `bytes`, but at least one.
  async read(keys: string[], bytes: number): Promise<(Full | null)[]> {
    return Promise.all(this.#some(keys, bytes).map((row) => row && full(row)));
  }

  // Up to `limit` rows behind `after`, and what else is here.
  async inside(after: string | null, limit: number): Promise<Inside> {
    const { rows, more } = await this.scan({ prefix: "", after, upto: null, limit, only: "all" });
    const book = this.#tables().notes.list("", 1).length > 0;
    return { rows, more, book, stored: rows.length > 0 || book || (await holdsAnything(this.#storage)) };
  }

  async scan(range: Range): Promise<Some<Head>> {
    const { rows, more } = this.#between(range, BYTES_AT_ONCE);
    return { rows: await Promise.all(rows.map(head)), more };
  }

  async scanValues(range: Range, bytes: number): Promise<Some<Full>> {
    const { rows, more } = this.#between(range, bytes);
    return { rows: await Promise.all(rows.map(full)), more };
  }

  count(prefix: string): Count {
    const count: Count = { live: 0, expired: 0, tombstones: 0, copy: 0, dual: 0, app: 0, legacy: 0 };
    const now = this.#now();
    for (const row of this.#tables().rows.from(prefix)) {
      if (!row.key.startsWith(prefix)) break;
      if (row.key === UNNAMED) continue;
      if (row.value === null) count.tombstones += 1;
      else {
        count[expired(row.expiration, now) ? "expired" : "live"] += 1;
        count[row.origin] += 1;
      }
    }
    return count;
  }

  notes(names: string[]): (Note | null)[] {
    return names.map((name) => this.#tables().notes.read(name));
  }

  notesFrom(prefix: string, after: string | null, limit: number): Some<Note> {
    const found = this.#tables().notes
      .list(start(prefix, after), limit + 1)
      .filter(({ name }) => name.startsWith(prefix));
    return { rows: found.slice(0, limit), more: found.length > limit };
  }

  // The rows of the first keys, until they hold more than `bytes`, but at least one.
  #some(keys: string[], bytes: number): (Row | null)[] {
    const found: (Row | null)[] = [];
    let left = bytes;
    for (const key of keys) {
      const row = this.#tables().rows.get(key);
      left -= row?.value?.length ?? 0;
      if (left < 0 && found.length > 0) break;
      found.push(row);
    }
    return found;
  }

  // The rows of a range, until they hold more than `bytes`, but at least one.
  #between({ prefix, after, upto, limit, only }: Range, bytes: number): Some<Row> {
    const rows: Row[] = [];
    const now = this.#now();
    let left = bytes;
    for (const row of this.#tables().rows.from(start(prefix, after))) {
      if (!row.key.startsWith(prefix) || (upto !== null && compareKeys(row.key, upto) > 0)) break;
      if (row.key === UNNAMED) continue;
      if (only === "tombstones" && row.value !== null) continue;
      if (only === "live" && (row.value === null || expired(row.expiration, now))) continue;
      left -= row.value?.length ?? 0;
      if (rows.length === limit || (left < 0 && rows.length > 0)) return { rows, more: true };
      rows.push(row);
    }
    return { rows, more: false };
  }
}

function start(prefix: string, after: string | null): string {
  if (after === null || compareKeys(after, prefix) < 0) return prefix;
  return `${after}\0`;
}

async function head({ value, ...row }: Row): Promise<Head> {
  return { ...row, digest: value && (await digest(value)), bytes: value?.length ?? 0 };
}

async function full(row: Row): Promise<Full> {
  return { ...(await head(row)), value: row.value };
}
