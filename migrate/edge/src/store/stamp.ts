// What the store keeps in KV metadata beside the application's own: the member `_kvferry`.
//
// `d`: the value's digest; `v`: the row's version, left out where the object did not answer; `s`: stage and
// namespace of the objects, so that a foreign writer, a preview's too, is known; `e`: the expiration (Unix
// seconds, null: never), because KV does not tell a reader, and takes none that is less than a minute off.

import { utf8 } from "../text.ts";

export interface Stamp {
  d?: string;
  v?: number;
  s?: string;
  e?: number | null;
}

// Metadata as they are put, and how much of the stamp they hold: what is left out is counted.
export interface Stamped {
  metadata: object | unknown[] | string | number | boolean | null;
  holds: "all" | "expiration" | "nothing";
}

const MEMBER = "_kvferry";
const LONGEST = 1024; // bytes of JSON, KV's limit

// `metadata`: the application's, as JSON text; null: none. `stamp`: null: none.
export function stamped(metadata: string | null, stamp: Stamp | null): Stamped {
  if (stamp === null) return { metadata: metadata === null ? null : JSON.parse(metadata), holds: "all" };
  const own: unknown = metadata === null ? {} : JSON.parse(metadata);
  if (!isObject(own)) return { metadata: own as Stamped["metadata"], holds: "nothing" };
  const { [MEMBER]: _, ...others } = own;
  const all = { ...others, [MEMBER]: stamp };
  if (fits(all)) return { metadata: all, holds: "all" };
  const expiration = { ...others, [MEMBER]: { e: stamp.e } };
  if (stamp.e !== undefined && fits(expiration)) return { metadata: expiration, holds: "expiration" };
  return { metadata: others, holds: "nothing" };
}

// The application's own metadata (JSON text; null: none, or empty), and the stamp.
export function unstamped(metadata: unknown): { metadata: string | null; stamp: Stamp } {
  if (!isObject(metadata) || !Object.hasOwn(metadata, MEMBER)) {
    return { metadata: metadata === null || metadata === undefined ? null : JSON.stringify(metadata), stamp: {} };
  }
  const { [MEMBER]: stamp, ...others } = metadata;
  const own = Object.keys(others).length === 0 ? null : JSON.stringify(others);
  return { metadata: own, stamp: isObject(stamp) ? checked(stamp) : {} };
}

function checked({ d, v, s, e }: Record<string, unknown>): Stamp {
  return {
    ...(typeof d === "string" ? { d } : {}),
    ...(typeof v === "number" ? { v } : {}),
    ...(typeof s === "string" ? { s } : {}),
    ...(e === null || Number.isSafeInteger(e) ? { e: e as number | null } : {}),
  };
}

function fits(metadata: object): boolean {
  return utf8(JSON.stringify(metadata)).length <= LONGEST;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
