// The rows of an object: the class's values joined with who wrote them. No law is decided here.

import { COOKIES_END, rememberedUntil } from "./lifetimes.ts";
import type { ProvenanceTable } from "./provenance.ts";
import type { Change, Origin, Provenance, Row, Stored } from "./record.ts";
import { compareKeys } from "./text.ts";
import type { Values } from "./values.ts";

const CHUNK = 200;

// Who writes: an origin, and for an import its sweep and batch.
export interface Writer {
  origin: Origin;
  sweep: number | null;
  batch: string | null;
}

export class Rows {
  readonly #values: Values;
  readonly #provenance: ProvenanceTable;
  #ends: number[] = [];

  constructor(values: Values, provenance: ProvenanceTable) {
    this.#values = values;
    this.#provenance = provenance;
  }

  // What is there, expired or deleted too; null: nothing at all. A value that nobody accounts for was
  // there before the toolkit.
  get(key: string): Row | null {
    const provenance = this.#provenance.read(key);
    if (provenance?.tombstone) {
      return { ...provenance, key, value: null, expiration: provenance.tombstone.expiration };
    }
    const found = this.#values.read(key);
    return found === null ? null : { ...(provenance ?? LEGACY), key, ...found };
  }

  // Write value, metadata and expiration; the version rises by one.
  write(record: Stored, writer: Writer, before: Row | null, now: number): number {
    const { key, value, metadata, expiration } = record;
    this.#values.write(key, value, expiration);
    this.#ends.push(expiration ?? Infinity);
    return this.#account(key, { ...next(before, writer, now), metadata, tombstone: null });
  }

  // Write another expiration over a row, and nothing else.
  extend(before: Row, expiration: number, writer: Writer, now: number): number {
    if (before.value === null) throw new Error("a tombstone is final");
    this.#values.write(before.key, before.value, expiration);
    const { metadata } = before;
    return this.#account(before.key, { ...next(before, writer, now), metadata, tombstone: null });
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
    return this.#account(key, { ...next(before, writer, now), metadata: null, tombstone });
  }

  // Remove every trace. Only a purge may.
  forget(key: string): void {
    this.#values.remove(key);
    this.#provenance.remove(key);
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
};

// Whose the row is after this write: an app row stays one when a dual write arrives, and what a copy
// replaces keeps its origin.
function next(before: Row | null, writer: Writer, now: number): Omit<Provenance, "metadata" | "tombstone"> {
  const version = (before?.version ?? 0) + 1;
  const kept = before !== null && (before.origin === "app" || writer.origin === "copy");
  const changes: Change[] = [...(before?.changes ?? []), { version, at: Math.round(now * 1000) / 1000 }];
  return {
    origin: kept ? before.origin : writer.origin,
    version,
    changes,
    sweep: before === null ? writer.sweep : before.sweep,
    batch: writer.batch ?? before?.batch ?? null,
  };
}

// Until when a logout must be remembered: as long as anything may still bring the session back.
function keepUntil(before: Row | null, longest: number, now: number): number | null {
  return rememberedUntil(before?.expiration, before?.changes.at(-1)?.at, longest, now);
}

function merged(one: string[], other: string[]): string[] {
  return [...new Set([...one, ...other])].sort(compareKeys);
}
