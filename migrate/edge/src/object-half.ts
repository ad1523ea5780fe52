// The object's half of the session store's operations, decided inside the object, each in one transaction.

import { HALVES } from "./half-calls.ts";
import type { AdoptHalf, Ask, DeleteHalf, HalfEnd, Here, HereRow, PutHalf, TouchHalf } from "./half-calls.ts";
import { expired } from "./record.ts";
import type { Row } from "./record.ts";
import type { Toolkit } from "./toolkit.ts";
import { LONGEST_VALUE } from "./wire.ts";

const OLDER = { outcome: "older" } as const;
const LATE = { outcome: "late" } as const;
const ADOPTING = { sweep: 0, batch: "fallback", differing: "waiting_to_settle" } as const;

// A look; writes nothing.
export function look(toolkit: Toolkit, ask: Ask): Here {
  return older(ask) ? { is: "older" } : here(toolkit.rows.get(ask.key), toolkit.now());
}

// Raises RangeError when the value is longer than a row can be.
export async function put(toolkit: Toolkit, ask: PutHalf): Promise<HalfEnd> {
  if (older(ask)) return OLDER;
  fits(ask.value);
  const { key, value, metadata, expiration } = ask;
  const record = { key, value, metadata, expiration };
  return (await toolkit.half(ask.notAfter, (laws, rows, now) => {
    const before = rows.get(key)?.version ?? 0;
    return ended(laws.set(record, ask, now), before, null);
  })) ?? LATE;
}

export async function touch(toolkit: Toolkit, ask: TouchHalf): Promise<HalfEnd> {
  if (older(ask)) return OLDER;
  return (await toolkit.half(ask.notAfter, (laws, rows, now): HalfEnd => {
    const before = rows.get(ask.key);
    if (before === null) return { outcome: "nothing" };
    const written = laws.touch(ask.key, ask.until, ask.origin, now, ask.every);
    const after = here(rows.get(ask.key), now);
    return ended(written, before.version, after.is === "row" ? after : null);
  })) ?? LATE;
}

export async function remove(toolkit: Toolkit, ask: DeleteHalf): Promise<HalfEnd> {
  if (older(ask)) return OLDER;
  return (await toolkit.half(ask.notAfter, (laws, rows, now) => {
    const before = rows.get(ask.key)?.version ?? 0;
    return ended(laws.remove(ask.key, ask.origin, now), before, null);
  })) ?? LATE;
}

export async function adopt(toolkit: Toolkit, ask: AdoptHalf): Promise<Here | null> {
  if (older(ask)) return { is: "older" };
  fits(ask.value);
  const { key, value, metadata, expiration } = ask;
  return toolkit.half(ask.notAfter, (laws, rows, now) => {
    // Whoever was logged out may be forgotten once the migration is over, so what KV alone has is nobody's.
    if (toolkit.finished()) return rows.get(key) === null ? { is: "deleted" } : here(rows.get(key), now);
    laws.insert({ key, value, metadata, expiration }, ADOPTING, now);
    return here(rows.get(key), now);
  });
}

function older({ halves }: Ask): boolean {
  return halves > HALVES;
}

function fits(value: Uint8Array): void {
  if (value.length > LONGEST_VALUE) throw new RangeError("a session's data is too long");
}

function here(row: Row | null, now: number): Here {
  if (row === null) return { is: "nothing" };
  if (row.value === null) return { is: "deleted" };
  const { origin, version, metadata, expiration } = row;
  return { is: "row", origin, version, value: expired(expiration, now) ? null : row.value, metadata, expiration };
}

type Written = { outcome: "stored"; version: number } | { outcome: "gone" | "missing" | "late" | "changed" };

function ended(written: Written, before: number, row: HereRow | null): HalfEnd {
  if (written.outcome !== "stored") return { outcome: written.outcome };
  return { outcome: "stored", version: written.version, changed: written.version !== before, row };
}
