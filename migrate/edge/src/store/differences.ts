// How the object's row stands to KV's record, as a read at shadow-read sees the two.

import type { Here } from "../half-calls.ts";
import { sameBytes, sameMetadata } from "../record.ts";
import type { Kept } from "./data.ts";

export type Difference = "equal" | "missing" | "extra" | "value" | "metadata" | "expiration";

// A row that has expired is none here. Where KV does not tell the expiration, it is not compared.
export function differences(here: Here, kept: Kept | null): Difference {
  const row = here.is === "row" && here.value !== null ? here : null;
  if (kept === null) return row === null ? "equal" : "extra";
  if (row === null || row.value === null) return "missing";
  if (!sameBytes(row.value, kept.value)) return "value";
  if (!sameMetadata(row.metadata, kept.metadata)) return "metadata";
  return kept.expiration === undefined || close(kept.expiration, row.expiration) ? "equal" : "expiration";
}

function close(one: number | null, other: number | null): boolean {
  return one === null || other === null ? one === other : Math.abs(one - other) <= 1;
}
