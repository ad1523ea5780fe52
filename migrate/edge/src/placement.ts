// Which object a session lives in: one of its own, or one of N shards. The choice is for good.

import { utf8 } from "./text.ts";

export type Placement = { kind: "per-session" } | { kind: "shards"; shards: number };

const MOST_SHARDS = 4096;

// The object of the notes where no session shares one.
export const BOOK = "kvferry:book";

// "per-session" or "shards:N"; null: neither.
export function placementOf(text: string | undefined): Placement | null {
  if (text === "per-session") return { kind: "per-session" };
  const shards = Number(/^shards:([1-9][0-9]{0,3})$/.exec(text ?? "")?.[1] ?? NaN);
  return shards <= MOST_SHARDS ? { kind: "shards", shards } : null;
}

// The name of the object of a session; `id` is the key without the bridge's prefix.
export function objectOf(placement: Placement, id: string): string {
  return placement.kind === "per-session" ? id : shardName(placement.shards, hash(id) % placement.shards);
}

// The number of shards is part of the name: objects of another division are never taken for these.
export function shardName(shards: number, number: number): string {
  return `kvferry:shard:${number}/${shards}`;
}

// The name of the object that keeps the notes. With shards it is the first one, so that with a
// single shard rows and checkpoint are one transaction.
export function bookOf(placement: Placement): string {
  return placement.kind === "per-session" ? BOOK : shardName(placement.shards, 0);
}

// FNV-1a over the id's UTF-8 bytes, 32 bits, its high half folded into the low one.
export function hash(id: string): number {
  let state = 0x811c9dc5;
  for (const byte of utf8(id)) state = Math.imul(state ^ byte, 0x01000193);
  return (state ^ (state >>> 16)) >>> 0;
}

// Where Cloudflare can be asked to make an object (its documentation, "Provide a location hint"); the same
// list as in migrate/core/locations.py.
export const LOCATION_HINTS = [
  "wnam", "enam", "sam", "weur", "eeur", "apac", "apac-ne", "apac-se", "oc", "afr", "me",
] as const;
export type LocationHint = (typeof LOCATION_HINTS)[number];

export function isLocationHint(text: string): text is LocationHint {
  return LOCATION_HINTS.some((hint) => hint === text);
}

// What the stamps in KV call a namespace of objects, so that those of a preview are known from others.
export function namespaceOf(objects: { idFromName(name: string): { toString(): string } }): string {
  return objects.idFromName("kvferry:namespace").toString().slice(0, 8);
}
