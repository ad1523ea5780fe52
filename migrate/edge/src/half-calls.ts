// What the session store asks of an object, and what it is answered: the object's half of every operation.
// Both sides have this file; `HALVES` tells whether they mean the same by it.

import type { Origin } from "./record.ts";

export const HALVES = 1; // the version of these calls

// `halves`: the version that the store speaks. An object that speaks an older one answers "older".
export interface Ask {
  halves: number;
  key: string;
}

// Past its not-after time (Unix seconds, the object's clock) nothing is written.
export type Timed = Ask & { notAfter: number };

// `expect`: the version that the row must have, 0: nothing at all may be there; null: any. `every`: a put
// that changes nothing and gains fewer seconds is not written; 0: all are.
export type PutHalf = Timed & {
  value: Uint8Array;
  metadata: string | null;
  expiration: number | null;
  origin: "dual" | "app";
  expect: number | null;
  every: number;
};

// `every`: a touch that gains fewer seconds, and less than half of what is left, is not written.
export type TouchHalf = Timed & { until: number; origin: "dual" | "app"; every: number };

export type DeleteHalf = Timed & { origin: "dual" | "app" };

// A session that only KV has, with its own expiration.
export type AdoptHalf = Timed & { value: Uint8Array; metadata: string | null; expiration: number | null };

// A row that is there. `value` is null when it has expired.
export interface HereRow {
  is: "row";
  origin: Origin;
  version: number;
  value: Uint8Array | null;
  metadata: string | null;
  expiration: number | null;
}

// What is there: nothing at all, a tombstone, or a row.
export type Here = { is: "nothing" } | { is: "deleted" } | { is: "older" } | HereRow;

// How a half ended. "stored" with `row`: what a touch has extended, for KV's half. `changed`: was anything
// written? "changed": the row is not the expected one. "nothing": a touch found nothing at all; "missing":
// only an expired row.
export type HalfEnd =
  | { outcome: "stored"; version: number; changed: boolean; row: HereRow | null }
  | { outcome: "gone" | "missing" | "nothing" | "changed" | "late" | "older" };

// An object as the store reaches it.
export interface HalfObject {
  kvferryLook(ask: Ask): Promise<Here>;
  kvferryPut(ask: PutHalf): Promise<HalfEnd>;
  kvferryTouch(ask: TouchHalf): Promise<HalfEnd>;
  kvferryDelete(ask: DeleteHalf): Promise<HalfEnd>;
  // Insert if absent; answers what is there afterwards, null when it came too late.
  kvferryAdopt(ask: AdoptHalf): Promise<Here | null>;
}
