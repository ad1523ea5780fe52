// Sessions as the application gives and gets them, and as they are stored.

import { utf8 } from "../text.ts";

// Neither: the session never expires.
export interface Lifetime {
  expirationTtl?: number;
  expiration?: number;
}

// A session as both stores keep it. `metadata`: JSON text; null: none. `expiration`: Unix seconds; null:
// never; undefined: unknown, which is never taken for either.
export interface Kept {
  value: Uint8Array;
  metadata: string | null;
  expiration: number | null | undefined;
}

// Bytes as they are, everything else as JSON. Raises TypeError for what has no JSON.
export function encoded(data: unknown): Uint8Array {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return utf8(json(data));
}

// Empty metadata are none: beside the store's own member nobody could tell them apart.
export function metadataText(metadata: unknown): string | null {
  if (metadata === undefined || metadata === null) return null;
  const text = json(metadata);
  return text === "{}" ? null : text;
}

// When the session ends (Unix seconds); null: never. Raises TypeError.
export function endOf({ expirationTtl, expiration }: Lifetime, now: number): number | null {
  if (expirationTtl !== undefined && expiration !== undefined) {
    throw new TypeError("give expirationTtl or expiration, not both");
  }
  const end = expirationTtl === undefined ? expiration : Math.floor(now) + Number(expirationTtl);
  if (end === undefined) return null;
  if (!Number.isSafeInteger(Number(end))) throw new TypeError("an expiration is a whole number of seconds");
  return Number(end);
}

function json(data: unknown): string {
  const text: string | undefined = JSON.stringify(data);
  if (text === undefined) throw new TypeError("what is stored must be JSON or bytes");
  return text;
}
