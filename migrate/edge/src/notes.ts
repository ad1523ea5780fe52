// What an operator keeps beside the rows: named documents with versions, some with counts. Checkpoints,
// leases, sightings and the quarantine are notes; what is in them is the exporter's business.

import type { Tally } from "./record.ts";
import { hasTable } from "./values.ts";

// The note that ends replacements (law 1): where it says up, or rising, no row is replaced or buried. It is
// never removed, so that its version only rises.
export const FENCE = "fence/gate-verify";

// `since`: when it has been up everywhere, Unix seconds of the bridge; only the book knows, and only once it
// is so. "rising": it is being put up, and does not hold everywhere yet.
export interface Fence {
  state: "up" | "rising" | "down";
  since: number | null;
  version: number;
}

export function fenceOf(note: Note | null): Fence {
  if (note === null) return { state: "down", since: null, version: 0 };
  const { state = "rising", since = null } = JSON.parse(note.body) as Partial<Fence>;
  return { state, since, version: note.version };
}

// Is this one of the notes that bind everybody? No import writes or removes any of them.
export function isBinding(name: string): boolean {
  return name.startsWith("fence/") || name === FINISHED;
}

export interface Note {
  name: string;
  version: number;
  body: string;
  tally: Tally | null;
}

// What a note must be for an import to happen: its version, 0 for a note that is not there.
export interface Expectation {
  name: string;
  version: number;
}

// The notes that an import writes, in the transaction of its rows. `checkpoint` gets the counts of
// the import's outcomes added to its tally. `unfit`: the text of the notes of records that cannot be stored.
export interface Bookkeeping {
  expect: Expectation[];
  checkpoint: { name: string; body: string; tally: Tally } | null;
  notes: { name: string; body: string }[];
  forget: string[];
  unfit?: string | undefined;
}

// The note that says that the migration is finished: from then on nothing is imported, replaced or buried, and
// a class purges by itself again. It is never removed while anything else is kept beside it.
export const FINISHED = "finished";

// `since`: from when on, Unix seconds of the bridge. `alone`: the object is one session's.
export interface Finished {
  since: number;
  alone: boolean;
}

type Raw = { name: string; version: number; body: string; tally: string | null };

export class NoteTable {
  readonly #sql: SqlStorage;
  readonly #lasting: boolean;
  #made: boolean | undefined; // unknown until it is asked for

  // `lasting`: nobody but the toolkit makes or drops its tables.
  constructor(sql: SqlStorage, lasting: boolean) {
    this.#sql = sql;
    this.#lasting = lasting;
  }

  read(name: string): Note | null {
    if (!this.#exists()) return null;
    const raw = this.#sql
      .exec<Raw>("SELECT name, version, body, tally FROM kvferry_notes WHERE name = ?", name)
      .toArray()[0];
    return raw === undefined ? null : note(raw);
  }

  // The note, if this very batch wrote it.
  writtenBy(name: string, batch: string): Note | null {
    if (!this.#exists()) return null;
    const query = "SELECT name, version, body, tally FROM kvferry_notes WHERE name = ? AND batch = ?";
    const raw = this.#sql.exec<Raw>(query, name, batch).toArray()[0];
    return raw === undefined ? null : note(raw);
  }

  // The first expectation that is not met, by its index; null: all are.
  unmet(expect: Expectation[]): number | null {
    const index = expect.findIndex(({ name, version }) => (this.read(name)?.version ?? 0) !== version);
    return index === -1 ? null : index;
  }

  // Up to `limit` notes from `from` on, `from` included, in the order of their names' UTF-8 bytes.
  list(from: string, limit: number): Note[] {
    if (!this.#exists()) return [];
    const query =
      "SELECT name, version, body, tally FROM kvferry_notes WHERE name >= ? ORDER BY name LIMIT ?";
    return this.#sql.exec<Raw>(query, from, limit).toArray().map(note);
  }

  // Write a note; its version rises by one.
  write(name: string, body: string, tally: Tally | null, batch: string): void {
    if (!this.#exists()) this.#make();
    this.#sql.exec(
      `INSERT INTO kvferry_notes (name, version, body, tally, batch) VALUES (?, 1, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET
         version = version + 1, body = excluded.body, tally = excluded.tally, batch = excluded.batch`,
      name,
      body,
      tally === null ? null : JSON.stringify(tally),
      batch,
    );
  }

  remove(name: string): void {
    if (this.#exists()) this.#sql.exec("DELETE FROM kvferry_notes WHERE name = ?", name);
  }

  #exists(): boolean {
    if (this.#made === undefined || !this.#lasting) this.#made = hasTable(this.#sql, "kvferry_notes");
    return this.#made;
  }

  #make(): void {
    this.#sql.exec(`
      CREATE TABLE kvferry_notes (
        name    TEXT PRIMARY KEY NOT NULL,  -- may hold a key: a secret
        version INTEGER NOT NULL,           -- rises by one with each change
        body    TEXT NOT NULL,
        tally   TEXT,                       -- JSON: counts
        batch   TEXT NOT NULL               -- the import that wrote it
      ) STRICT, WITHOUT ROWID
    `);
    this.#made = true;
  }
}

function note({ name, version, body, tally }: Raw): Note {
  return { name, version, body, tally: tally === null ? null : (JSON.parse(tally) as Tally) };
}
