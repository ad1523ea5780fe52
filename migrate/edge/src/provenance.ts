// Who wrote each row, its version, its last changes and its tombstone: a table beside the class's own values.

import { Insertion, present } from "./bulk.ts";
import { remembered } from "./changes.ts";
import type { Change, Origin, Provenance, Tombstone } from "./record.ts";
import { hasTable } from "./values.ts";

const SHARED = ["origin", "version", "changes", "sweep", "batch"];
const INSERTION = new Insertion("kvferry_rows", SHARED, ["key", "metadata"]);

// What is the same for all rows that an import inserts.
type Written = Omit<Provenance, "metadata" | "tombstone" | "seen">;

type Raw = {
  key: string;
  origin: Origin;
  version: number;
  changes: string;
  metadata: string | null;
  sweep: number | null;
  batch: string | null;
  digest: string | null;
  expiration: number | null;
  deleted_at: number | null;
  keep_until: number | null;
};

export class ProvenanceTable {
  readonly #sql: SqlStorage;
  readonly #lasting: boolean;
  #made: boolean | undefined; // unknown until it is asked for

  // `lasting`: nobody but the toolkit makes or drops its tables.
  constructor(sql: SqlStorage, lasting: boolean) {
    this.#sql = sql;
    this.#lasting = lasting;
  }

  read(key: string): Provenance | null {
    if (!this.#exists()) return null;
    const raw = this.#sql.exec<Raw>("SELECT * FROM kvferry_rows WHERE key = ?", key).toArray()[0];
    return raw === undefined ? null : provenance(raw);
  }

  write(key: string, row: Provenance): void {
    if (!this.#exists()) this.#make();
    this.#sql.exec(
      `INSERT INTO kvferry_rows
         (key, origin, version, changes, metadata, sweep, batch, digest, expiration, deleted_at, keep_until)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET
         origin = excluded.origin, version = excluded.version, changes = excluded.changes,
         metadata = excluded.metadata, sweep = excluded.sweep, batch = excluded.batch,
         digest = excluded.digest, expiration = excluded.expiration, deleted_at = excluded.deleted_at,
         keep_until = excluded.keep_until`,
      key,
      row.origin,
      row.version,
      kept(row.changes),
      row.metadata,
      row.sweep,
      row.batch,
      row.tombstone === null ? (row.seen?.digest ?? null) : null,
      (row.tombstone ?? row.seen)?.expiration ?? null,
      row.tombstone?.deletedAt ?? null,
      row.tombstone?.keepUntil ?? null,
    );
  }

  rename(from: string, to: string): void {
    if (!this.#exists()) return;
    this.#sql.exec("UPDATE kvferry_rows SET key = ? WHERE key = ?", to, from);
  }

  // Those of the keys that have a row.
  present(keys: string[]): string[] {
    return this.#exists() ? present(this.#sql, "kvferry_rows", keys) : [];
  }

  // Write rows under keys that have none; they differ in nothing but their metadata.
  insert(rows: { key: string; metadata: string | null }[], same: Written): void {
    if (!this.#exists()) this.#make();
    const { origin, version, sweep, batch } = same;
    const shared = [origin, version, kept(same.changes), sweep, batch];
    INSERTION.run(this.#sql, shared, rows.map(({ key, metadata }) => [key, metadata]));
  }

  remove(key: string): void {
    if (this.#exists()) this.#sql.exec("DELETE FROM kvferry_rows WHERE key = ?", key);
  }

  // Up to `limit` keys from `from` on, `from` included, in the order of their UTF-8 bytes.
  list(from: string, limit: number): string[] {
    if (!this.#exists()) return [];
    return this.#sql
      .exec<{ key: string }>("SELECT key FROM kvferry_rows WHERE key >= ? ORDER BY key LIMIT ?", from, limit)
      .toArray()
      .map((row) => row.key);
  }

  // Remove the table, if nothing is left in it.
  drop(): void {
    if (!this.#exists() || this.list("", 1).length > 0) return;
    this.#sql.exec("DROP TABLE kvferry_rows");
    this.#made = undefined;
  }

  #exists(): boolean {
    if (this.#made === undefined || !this.#lasting) this.#made = hasTable(this.#sql, "kvferry_rows");
    return this.#made;
  }

  #make(): void {
    this.#sql.exec(`
      CREATE TABLE kvferry_rows (
        key        TEXT PRIMARY KEY NOT NULL,
        origin     TEXT NOT NULL CHECK (origin IN ('copy', 'dual', 'app', 'legacy')),
        version    INTEGER NOT NULL CHECK (version >= 1),  -- rises by one with each change
        changes    TEXT NOT NULL,     -- JSON: some of the last [version, Unix seconds], the newest last
        metadata   TEXT,              -- JSON; NULL: none
        sweep      INTEGER,           -- that inserted it
        batch      TEXT,              -- that wrote it last, if an import did
        digest     TEXT,              -- of the value on record, where the class writes values too
        expiration INTEGER,           -- that on record, and of a tombstone: what the session's was
        deleted_at INTEGER,           -- NULL: no tombstone
        keep_until INTEGER            -- of a tombstone; NULL: for ever
      ) STRICT, WITHOUT ROWID
    `);
    this.#made = true;
  }
}

function kept(changes: Change[]): string {
  return JSON.stringify(remembered(changes).map(({ version, at }) => [version, at]));
}

function provenance(raw: Raw): Provenance {
  const changes: Change[] = (JSON.parse(raw.changes) as [number, number][]).map(([version, at]) => ({
    version,
    at,
  }));
  const tombstone: Tombstone | null =
    raw.deleted_at === null
      ? null
      : { expiration: raw.expiration, deletedAt: raw.deleted_at, keepUntil: raw.keep_until };
  const seen = raw.digest === null ? null : { digest: raw.digest, expiration: raw.expiration };
  const { origin, version, metadata, sweep, batch } = raw;
  return { origin, version, changes, metadata, sweep, batch, tombstone, seen };
}
