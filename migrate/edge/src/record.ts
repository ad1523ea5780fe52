// What an object holds under a key, and how a record that arrives stands to it.

import { textOf } from "./text.ts";

export type Origin = "copy" | "dual" | "app" | "legacy";

// What became of one record of an import. The words are those of the reports; "quarantined": the class
// cannot store it.
export type Outcome =
  | "copied"
  | "updated"
  | "equal"
  | "newer_here"
  | "legacy"
  | "waiting_to_settle"
  | "tombstoned"
  | "quarantined";

// What became of a row that was to become a tombstone. Only "buried" has changed it, now or by the same
// batch before; "fenced": a gate's verify has begun, or may have.
export type Buried =
  | "buried"
  | "missing"
  | "tombstoned"
  | "newer_here"
  | "legacy"
  | "changed"
  | "expired"
  | "fenced";

// What became of a row of the application's that was to be KV's again. Only "reverted" may have changed it, now
// or before. "kept": it is no such row, and KV is as right about it as it was.
export type Reverted = "reverted" | "missing" | "tombstoned" | "changed" | "kept";

// Counts by outcome, and by whatever else the exporter counts. Corrections may be negative.
export type Tally = Record<string, number>;

// A change of a row: its version, and when (Unix seconds).
export interface Change {
  version: number;
  at: number;
}

// Key, value bytes, metadata (JSON text; null: none) and expiration (Unix seconds; null: never).
export interface Stored {
  key: string;
  value: Uint8Array;
  metadata: string | null;
  expiration: number | null;
}

// Who wrote a row and when. `changes`: some of the last, see changes.ts. `batch` names the import that wrote
// it last, `sweep` the one that inserted it.
export interface Provenance {
  origin: Origin;
  version: number;
  changes: Change[];
  metadata: string | null;
  sweep: number | null;
  batch: string | null;
  tombstone: Tombstone | null;
  seen: Seen | null;
}

// What a value was when it was put on record; null where nobody but the toolkit writes values.
export interface Seen {
  digest: string;
  expiration: number | null;
}

// A deleted session: what its expiration was, and how long it must be remembered (null: for ever).
export interface Tombstone {
  expiration: number | null;
  deletedAt: number;
  keepUntil: number | null;
}

// What an object holds under a key: a session, expired or not, or a tombstone (value null).
export interface Row extends Provenance {
  key: string;
  value: Uint8Array | null;
  expiration: number | null;
}

export function expired(expiration: number | null, now: number): boolean {
  return expiration !== null && expiration <= now;
}

// How a record stands to the row that is there already, and which nothing may replace. `verbatim`: the
// class gives values back byte for byte; one that does not has the same value if it has the same JSON.
export function standing(record: Stored, row: Row, verbatim: boolean): Outcome {
  if (row.value === null) return "tombstoned";
  if (
    (sameBytes(record.value, row.value) || (!verbatim && sameJson(record.value, row.value))) &&
    sameExpiration(record.expiration, row.expiration) &&
    sameMetadata(record.metadata, row.metadata)
  ) {
    return "equal";
  }
  if (row.origin === "app") return "newer_here";
  return row.origin === "legacy" ? "legacy" : "waiting_to_settle";
}

export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

function sameJson(one: Uint8Array, other: Uint8Array): boolean {
  const text = textOf(one);
  return text !== null && sameMetadata(text, textOf(other));
}

// Give or take the one second that rounding may cost.
function sameExpiration(one: number | null, other: number | null): boolean {
  if (one === null || other === null) return one === other;
  return Math.abs(one - other) <= 1;
}

// Do both mean the same JSON? Where JavaScript's numbers could hide a difference, the answer is no:
// then the record is read again, which costs time and nothing else.
export function sameMetadata(one: string | null, other: string | null): boolean {
  if (one === other) return true;
  if (one === null || other === null) return false;
  try {
    return sameParsed(JSON.parse(one, exactly), JSON.parse(other, exactly));
  } catch {
    return false;
  }
}

class Digits {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

function exactly(this: unknown, _name: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== "number") return value;
  if (!Number.isFinite(value)) throw new RangeError("a number beyond the range of doubles");
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER ? value : new Digits(context?.source ?? "");
}

function sameParsed(one: unknown, other: unknown): boolean {
  if (one instanceof Digits) return other instanceof Digits && one.text !== "" && one.text === other.text;
  if (Array.isArray(one)) {
    if (!Array.isArray(other) || one.length !== other.length) return false;
    return one.every((item, index) => sameParsed(item, other[index]));
  }
  if (isObject(one)) {
    if (!isObject(other) || Array.isArray(other) || other instanceof Digits) return false;
    const names = Object.keys(one);
    if (names.length !== Object.keys(other).length) return false;
    return names.every((name) => Object.hasOwn(other, name) && sameParsed(one[name], other[name]));
  }
  return one === other;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
