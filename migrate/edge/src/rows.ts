// The rows of an object: the class's values joined with who wrote them. No law is decided here.

import { COOKIES_END, rememberedUntil } from "./lifetimes.ts";
import type { ProvenanceTable } from "./provenance.ts";
import type { Change, Origin, Provenance, Row, Seen, Stored } from "./record.ts";
import { compareKeys } from "./text.ts";
import { onValue, Unfit } from "./unfit.ts";
import type { Value, Values } from "./values.ts";
import type { Witness } from "./witness.ts";

const CHUNK = 200;

// The key on record of an object's only session until anybody tells its name.
export const UNNAMED = "";

// Who writes: an origin, and for an import its sweep and batch.
export interface Writer {
  origin: Origin;
  sweep: number | null;
  batch: string | null;
}

export class Rows {
  #values: Values;
  readonly #provenance: ProvenanceTable;
  readonly #witness: Witness | null;
  #ends: number[] = [];

  // `witness`: for a class that writes values by itself as well; null: nobody else does.
  constructor(values: Values, provenance: ProvenanceTable, witness: Witness | null) {
    this.#values = values;
    this.#provenance = provenance;
    this.#witness = witness;
  }

  // Go by these functions from now on, which know of no table yet.
  reopen(values: Values): void {
    this.#values = values;
  }

  // What is there, expired or deleted too; null: nothing at all. A value that nobody accounts for was
  // there before the toolkit.
  get(key: string): Row | null {
    const provenance = this.recorded(key);
    if (provenance?.tombstone) {
      return { ...provenance, key, value: null, expiration: provenance.tombstone.expiration };
    }
    const found = this.#values.read(key);
    if (provenance !== null && this.#witness !== null) return this.#witness.row(key, provenance, found);
    return found === null ? null : { ...(provenance ?? LEGACY), key, ...found };
  }

  // The same, with what the class did by itself put on record, and a row that was on none as `legacy`.
  noticed(key: string, now: number): Row | null {
    const row = this.get(key);
    if (row === null || this.#witness === null) return row;
    if (key !== UNNAMED && this.#provenance.read(key) === null) this.#provenance.rename(UNNAMED, key);
    const known = this.#provenance.read(key);
    if (known?.version === row.version) return row;
    if (row.tombstone !== null) {
      this.bury(key, { origin: row.origin, sweep: null, batch: null }, { ...row, version: row.version - 1 }, now);
    } else if (known === null) {
      this.#account(key, { ...LEGACY, seen: this.#witness.seen(row as Value) });
    } else {
      const changes = [...known.changes, { version: row.version, at: rounded(now) }];
      this.#account(key, { ...row, changes });
      this.#ends.push(row.expiration ?? Infinity);
    }
    return this.get(key);
  }

  // Would the version of its row tell that it has changed? A row that is on no record has the first one,
  // whatever the class has done to it.
  versioned(key: string): boolean {
    return this.#witness === null || this.recorded(key) !== null;
  }

  // Put on record what the class has written under this key.
  credit(key: string, found: Value, writer: Writer, before: Row | null, now: number): number {
    if (this.#witness === null) throw new Error("nobody but the toolkit writes here");
    this.#ends.push(found.expiration ?? Infinity);
    const metadata = before?.metadata ?? null;
    const seen = this.#witness.seen(found);
    return this.#account(key, { ...next(before, writer, now), metadata, tombstone: null, seen });
  }

  // Those of the keys of which anything is known, in whichever table; all of them where that must be
  // asked for one by one.
  known(keys: string[]): Set<string> {
    const valued = this.#witness === null ? this.#values.present?.(keys) : undefined;
    return new Set(valued === undefined ? keys : [...valued, ...this.#provenance.present(keys)]);
  }

  // Write records of which nothing is known.
  writeNew(records: Stored[], writer: Writer, now: number): void {
    if (records.length === 0) return;
    if (!this.#values.insert) throw new Error("this class takes one row at a time");
    this.#values.insert(records);
    this.#provenance.insert(records, next(null, writer, now));
    this.#ends.push(...records.map(({ expiration }) => expiration ?? Infinity));
  }

  // Write value, metadata and expiration; the version rises by one.
  write(record: Stored, writer: Writer, before: Row | null, now: number): number {
    const { key, value, metadata, expiration } = record;
    const seen = this.#store(key, value, expiration);
    this.#ends.push(expiration ?? Infinity);
    return this.#account(key, { ...next(before, writer, now), metadata, tombstone: null, seen });
  }

  // Write another expiration over a row, and nothing else.
  extend(before: Row, expiration: number, writer: Writer, now: number): number {
    if (before.value === null) throw new Error("a tombstone is final");
    const seen = this.#store(before.key, before.value, expiration);
    const { metadata } = before;
    return this.#account(before.key, { ...next(before, writer, now), metadata, tombstone: null, seen });
  }

  // Put a tombstone in the place of a session, known or not.
  bury(key: string, writer: Writer, before: Row | null, now: number): number {
    const tombstone = {
      expiration: before?.expiration ?? null,
      deletedAt: Math.floor(now),
      keepUntil: keepUntil(before, this.#values.longest ?? COOKIES_END, now),
    };
    this.#values.remove(key);
    this.#ends.push(tombstone.keepUntil ?? Infinity);
    return this.#account(key, { ...next(before, writer, now), metadata: null, tombstone, seen: null });
  }

  // Say that KV is right about a row. The session stays as it is; the version rises, so that whoever took the
  // row for the application's has lost it.
  yield(row: Row, now: number): void {
    const version = row.version + 1;
    const changes = [...row.changes, { version, at: rounded(now) }];
    this.#account(row.key, { ...row, origin: "dual", version, changes });
  }

  // Keep a tombstone for as long from now on as it was to be kept when it was made.
  remember(row: Row, now: number): void {
    const { tombstone } = row;
    if (tombstone === null || tombstone.keepUntil === null) return;
    const deletedAt = Math.floor(now);
    if (deletedAt <= tombstone.deletedAt) return;
    const keepUntil = tombstone.keepUntil + deletedAt - tombstone.deletedAt;
    this.#account(row.key, { ...row, tombstone: { ...tombstone, deletedAt, keepUntil } });
  }

  // Remove every trace. Only a purge may.
  forget(key: string): void {
    this.#values.remove(key);
    this.#provenance.remove(key);
  }

  // Remove the table of who wrote what, if nothing is in it.
  drop(): void {
    this.#provenance.drop();
  }

  // The value, whatever is on record.
  value(key: string): Value | null {
    return this.#values.read(key);
  }

  recorded(key: string): Provenance | null {
    const found = this.#provenance.read(key);
    return found === null && this.#witness !== null ? this.#provenance.read(UNNAMED) : found;
  }

  // Do values come back byte for byte?
  get verbatim(): boolean {
    return this.#witness === null;
  }

  agrees(known: Provenance, found: Value): boolean {
    return this.#witness === null || this.#witness.knows(known, found);
  }

  // Has this value expired, as the class sees it?
  over({ expiration }: Value): boolean {
    return this.#witness !== null && this.#witness.over(expiration);
  }

  // Every key that there is a value or a record for.
  keys(): string[] {
    const found: string[] = [];
    for (let start = ""; ; ) {
      const keys = merged(this.#values.list(start, CHUNK), this.#provenance.list(start, CHUNK)).slice(0, CHUNK);
      found.push(...keys);
      const last = keys[CHUNK - 1];
      if (last === undefined) return found;
      start = `${last}\0`;
    }
  }

  // Take away a value that came after the session's deletion.
  discard(key: string): void {
    this.#values.remove(key);
  }

  // Write back a value as it was, if it is not there any more.
  restore(key: string, { value, expiration }: Value): void {
    if (this.#values.read(key) === null) this.#values.write(key, value, expiration);
  }

  // Keys that the class has values for and nobody has put on record, CHUNK by CHUNK.
  *unaccounted(): Generator<string> {
    for (let start = ""; ; ) {
      const keys = this.#values.list(start, CHUNK);
      const known = new Set(this.#provenance.list(start, keys.length));
      yield* keys.filter((key) => !known.has(key) && this.#provenance.read(key) === null);
      const last = keys[CHUNK - 1];
      if (last === undefined) return;
      start = `${last}\0`;
    }
  }

  // The only key on record; null: there are none or several.
  only(): string | null {
    const [key, another] = this.#provenance.list("", 2);
    return another === undefined ? (key ?? null) : null;
  }

  // Every row from `from` on, in key order, as long as the caller asks for more.
  *from(from: string): Generator<Row> {
    for (let start = from; ; ) {
      const keys = merged(this.#values.list(start, CHUNK), this.#provenance.list(start, CHUNK));
      for (const key of keys.slice(0, CHUNK)) {
        const row = this.get(key);
        if (row !== null) yield row;
      }
      const last = keys[CHUNK - 1];
      if (last === undefined) return;
      start = `${last}\0`;
    }
  }

  // When the last of the rows that were written since the last call is over (Unix seconds), those that
  // never are left out; null: there is none.
  latest(): number | null {
    const ends = this.#ends.filter((end) => end < Infinity);
    this.#ends = [];
    return ends.length === 0 ? null : ends.reduce((one, other) => Math.max(one, other));
  }

  // Write a value, and see what the class made of it: bytes may differ where it keeps decoded fields, but
  // a session that is not found again, or that would live longer, is no copy. Raises Unfit.
  #store(key: string, value: Uint8Array, expiration: number | null): Seen | null {
    if (this.#witness === null) {
      this.#values.write(key, value, expiration);
      return null;
    }
    const found = onValue(() => {
      this.#values.write(key, value, expiration);
      return this.#values.read(key);
    });
    if (found === null || (found.expiration ?? Infinity) > (expiration ?? Infinity) + 1) throw new Unfit();
    return this.#witness.seen(found);
  }

  #account(key: string, provenance: Provenance): number {
    this.#provenance.write(key, provenance);
    return provenance.version;
  }
}

const LEGACY: Provenance = {
  origin: "legacy",
  version: 1,
  changes: [],
  metadata: null,
  sweep: null,
  batch: null,
  tombstone: null,
  seen: null,
};

// Whose the row is after this write: an app row stays one when a dual write arrives, and what a copy
// replaces keeps its origin, unless it is older than the toolkit: then it has become a copy.
function next(before: Row | null, writer: Writer, now: number): Omit<Provenance, "metadata" | "tombstone" | "seen"> {
  const version = (before?.version ?? 0) + 1;
  const stays = writer.origin === "copy" && before?.origin !== "legacy";
  const kept = before !== null && (before.origin === "app" || stays);
  const changes: Change[] = [...(before?.changes ?? []), { version, at: rounded(now) }];
  return {
    origin: kept ? before.origin : writer.origin,
    version,
    changes,
    sweep: before === null ? writer.sweep : before.sweep,
    batch: writer.batch ?? before?.batch ?? null,
  };
}

function rounded(now: number): number {
  return Math.round(now * 1000) / 1000;
}

// Until when a logout must be remembered: as long as anything may still bring the session back.
function keepUntil(before: Row | null, longest: number, now: number): number | null {
  return rememberedUntil(before?.expiration, before?.changes.at(-1)?.at, longest, now);
}

function merged(one: string[], other: string[]): string[] {
  return [...new Set([...one, ...other])].sort(compareKeys);
}
