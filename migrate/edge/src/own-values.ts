// The storage functions that a class's owner writes, made fit for the toolkit: what `.one()` throws on a
// miss is a miss, texts are bytes, and a list that is out of order is an error at once.

import { isNoRow } from "./own-calls.ts";
import { compareKeys, utf8 } from "./text.ts";
import type { Value, Values } from "./values.ts";

// What is stored under a session's key: its value as JSON text or bytes, and when it expires (Unix
// seconds; null: never).
export interface OwnValue {
  value: string | Uint8Array | ArrayBuffer;
  expiration: number | null;
}

// Four functions without side effects: no look purges, or notes that it looked. Where the class has no
// table yet, there is nothing to read, list or remove.
export interface OwnStorage {
  // What is there, expired or not; null, undefined or the exception of `.one()`: nothing.
  read(key: string): OwnValue | null | undefined;
  // Insert or replace, everything that the class keeps with it included.
  write(key: string, value: Uint8Array, expiration: number | null): void;
  remove(key: string): void;
  // Up to `limit` keys of sessions from `from` on, `from` included, in the order of their UTF-8 bytes,
  // which is SQLite's; [] where the class does not keep the key.
  list(from: string, limit: number): string[];
}

// `longest`: the longest time to live of any session, in seconds.
export function ownValues(own: OwnStorage, longest: number): Values {
  return {
    longest,
    read: (key) => unlessMissing(() => value(own.read(key)), null),
    write: (key, bytes, expiration) => own.write(key, bytes, expiration),
    remove: (key) => unlessMissing(() => own.remove(key), undefined),
    list: (from, limit) => unlessMissing(() => ordered(own.list(from, limit), from, limit), []),
  };
}

function value(found: OwnValue | null | undefined): Value | null {
  if (found === null || found === undefined) return null;
  const { value, expiration } = found;
  if (expiration !== null && !Number.isFinite(expiration)) {
    throw new TypeError("the class's read function must tell the expiration, or null for never");
  }
  const bytes = typeof value === "string" ? utf8(value) : new Uint8Array(value);
  return { value: bytes, expiration: expiration === null ? null : Math.floor(expiration) };
}

function ordered(keys: string[], from: string, limit: number): string[] {
  const inOrder = keys.every((key, index) => {
    const before = keys[index - 1];
    return before === undefined ? compareKeys(key, from) >= 0 : compareKeys(before, key) < 0;
  });
  if (!inOrder || keys.length > limit) {
    throw new Error("the class's list function does not keep to its bounds, or to the order of UTF-8");
  }
  return keys;
}

function unlessMissing<Result>(look: () => Result, nothing: Result): Result {
  try {
    return look();
  } catch (error) {
    if (isNoRow(error) || (error instanceof Error && /\bno such table\b/.test(error.message))) return nothing;
    throw error;
  }
}
