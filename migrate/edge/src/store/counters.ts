// What the store counts in this isolate, none of it about any one session.

// `object_*`, `kv_*`: halves that did not end well. `shadow_*`: what a read at shadow-read found in the
// object beside KV. `fallback_*`: what a read at object-first found in KV alone. `stamp_*`: what KV metadata
// had no room for. `touch_skipped`: renewals that were not due; `touch_disputed`: those at shadow-read of a
// session that has two values.
// `stats_failed`: heartbeats and journal entries that did not arrive.
export type Counter =
  | `${"object" | "kv"}_${"failed" | "unanswered" | "late"}`
  | "object_older"
  | "kv_429"
  | `shadow_${"equal" | "missing" | "extra" | "value" | "metadata" | "expiration"}`
  | `fallback_${"hit" | "miss" | "unknown" | "failed"}`
  | "stamp_shortened"
  | "stamp_left_out"
  | "expiration_lengthened"
  | "touch_skipped"
  | "touch_disputed"
  | "write_gone"
  | "stats_failed";

export class Counters {
  readonly #counts = new Map<Counter, number>();

  add(counter: Counter): void {
    this.#counts.set(counter, (this.#counts.get(counter) ?? 0) + 1);
  }

  all(): Partial<Record<Counter, number>> {
    return Object.fromEntries([...this.#counts].sort());
  }
}
