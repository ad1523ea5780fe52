// What the store counts in this isolate, none of it about any one session.

// `object_*`, `kv_*`: halves that did not end well. `shadow_*`: what a read at shadow-read found in the
// object beside KV. `fallback_*`: what a read at object-first found in KV alone. `stamp_*`: what KV metadata
// had no room for. `touch_skipped`: renewals that were not due; `touch_disputed`: those at shadow-read of a
// session that has two values.
// `stats_failed`: heartbeats and journal entries that did not arrive. `unread`, `unwritten`: canaries that KV did
// not show, or is not known to have taken. What is done with the canary instead of a session counts as
// `canary_…`: `canary_fallback_hit`.
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
  | "stats_failed"
  | "unread"
  | "unwritten";
type Counted = Counter | `canary_${Counter}`;

export class Counters {
  readonly #counts: Map<Counted, number>;
  readonly #whose: "" | "canary_";

  constructor(counts = new Map<Counted, number>(), whose: "" | "canary_" = "") {
    this.#counts = counts;
    this.#whose = whose;
  }

  add(counter: Counter): void {
    const counted: Counted = `${this.#whose}${counter}`;
    this.#counts.set(counted, (this.#counts.get(counted) ?? 0) + 1);
  }

  // The same counts, for whom the canary takes a session's place.
  ofCanary(): Counters {
    return new Counters(this.#counts, "canary_");
  }

  all(): Partial<Record<Counted, number>> {
    return Object.fromEntries([...this.#counts].sort());
  }
}
