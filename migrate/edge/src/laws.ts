// The laws, decided in the object: what may be written over what. Called inside a transaction.

import { expired, sameBytes, standing } from "./record.ts";
import type { Buried, Origin, Outcome, Reverted, Row, Stored } from "./record.ts";
import type { Rows, Writer } from "./rows.ts";
import type { Attempt } from "./unfit.ts";

const TOUCH_EVERY = 300; // a touch that gains fewer seconds is not written

// What an import brings. `differing`: the outcome of a record that differs from a row of ours.
export interface Import {
  sweep: number;
  batch: string;
  differing: "waiting_to_settle" | "newer_here";
}

// Which version of a row is to become a tombstone, and until when (Unix seconds). `legacy`: as of a
// replacement.
export interface Burial {
  key: string;
  version: number;
  notAfter: number;
  legacy?: boolean | undefined;
}

// Which version of a row KV was seen to hold, twice.
export interface Reversal {
  key: string;
  version: number;
}

// `legacy`: by the operator's word KV is right about rows that are older than the toolkit.
export type Replacement = Stored & { version: number; notAfter: number; legacy?: boolean | undefined };

// How an application's write ended: its row's version, or why there was none. "gone": the session was
// deleted, and its id is never used again. "missing": there is no such live session.
export type Written = { outcome: "stored"; version: number } | { outcome: "gone" | "missing" | "late" };

export class Laws {
  readonly #rows: Rows;
  readonly #attempt: Attempt;

  constructor(rows: Rows, attempt: Attempt) {
    this.#rows = rows;
    this.#attempt = attempt;
  }

  // Insert many with keys of their own, each by the law of `insert`: those of which nothing is known at once.
  insertAll(records: Stored[], part: Import, now: number): Outcome[] {
    const known = this.#rows.known(records.map(({ key }) => key));
    const unknown = records.filter(({ key }) => !known.has(key));
    this.#rows.writeNew(unknown, { origin: "copy", sweep: part.sweep, batch: part.batch }, now);
    return records.map((record) => (known.has(record.key) ? this.insert(record, part, now) : "copied"));
  }

  // Insert if absent: no row, no tombstone, not even an expired row. A row that this very batch
  // inserted counts as copied again, so that a batch may be repeated after a lost answer.
  insert(record: Stored, { sweep, batch, differing }: Import, now: number): Outcome {
    const there = this.#rows.noticed(record.key, now);
    if (there !== null) {
      if (there.batch === batch) return "copied";
      const outcome = standing(record, there, this.#rows.verbatim);
      return outcome === "waiting_to_settle" ? differing : outcome;
    }
    const write = () => this.#rows.write(record, { origin: "copy", sweep, batch }, there, now);
    return this.#attempt(write) ? "copied" : "quarantined";
  }

  // A sweep's update: over a row of ours that has not changed since it was read, and in time; over one that
  // is older than the toolkit if the operator has said so, and then it is ours. `fenced`: a gate's verify
  // has begun.
  replace(wanted: Replacement, { sweep, batch }: Import, fenced: boolean, now: number): Outcome {
    // Before it is on record, a row that the class may write by itself has no version to be compared with.
    const versioned = this.#rows.versioned(wanted.key);
    const there = this.#rows.noticed(wanted.key, now);
    if (there === null) return "waiting_to_settle";
    if (there.batch === batch) return "updated";
    const yields = wanted.legacy === true && there.origin === "legacy" && versioned;
    const ours = there.origin === "copy" || there.origin === "dual" || yields;
    const held = fenced || now > wanted.notAfter;
    if (!ours || there.value === null || there.version !== wanted.version || held) {
      return standing(wanted, there, this.#rows.verbatim);
    }
    const write = () => this.#rows.write(wanted, { origin: "copy", sweep, batch }, there, now);
    return this.#attempt(write) ? "updated" : "quarantined";
  }

  // A session that the source was seen to lack, twice: a tombstone takes the place of that very version
  // of a row of ours, as long as it lives, in time, and not behind the fence.
  bury({ key, version, notAfter, legacy }: Burial, batch: string, fenced: boolean, now: number): Buried {
    const yields = legacy === true && this.#rows.versioned(key);
    const there = this.#rows.noticed(key, now);
    if (there === null) return "missing";
    if (there.value === null) return there.batch === batch ? "buried" : "tombstoned";
    if (there.origin === "app") return "newer_here";
    if (there.origin === "legacy" && !yields) return "legacy";
    if (there.version !== version) return "changed";
    if (expired(there.expiration, now)) return "expired";
    if (fenced || now > notAfter) return "fenced";
    this.#rows.bury(key, { origin: "copy", sweep: null, batch }, there, now);
    return "buried";
  }

  // Going back: a row of the application's becomes one that KV is right about, expired or not, if it is that
  // very version. One that is `dual` was turned before, or needs not be.
  revert({ key, version }: Reversal, now: number): Reverted {
    const there = this.#rows.noticed(key, now);
    if (there === null) return "missing";
    if (there.value === null) return "tombstoned";
    if (there.origin === "dual") return "reverted";
    if (there.origin !== "app") return "kept";
    if (there.version !== version) return "changed";
    this.#rows.yield(there, now);
    return "reverted";
  }

  // An application's write.
  put(record: Stored, origin: Origin, now: number): Written {
    const there = this.#rows.get(record.key);
    if (there?.tombstone) return { outcome: "gone" };
    return { outcome: "stored", version: this.#rows.write(record, by(origin), there, now) };
  }

  // The same with a version that the row must have (0: nothing at all is there; null: any), and put off
  // for up to `every` seconds when it changes nothing but the expiration.
  set(
    record: Stored,
    { origin, expect, every }: { origin: Origin; expect: number | null; every: number },
    now: number,
  ): Written | { outcome: "changed" } {
    const there = this.#rows.get(record.key);
    if (there?.tombstone) return { outcome: "gone" };
    if (expect !== null && (there?.version ?? 0) !== expect) return { outcome: "changed" };
    if (there !== null && there.origin === origin && idle(record, there, every)) {
      return { outcome: "stored", version: there.version };
    }
    return { outcome: "stored", version: this.#rows.write(record, by(origin), there, now) };
  }

  // A renewal extends the row that is there, never shortens it, and writes no value of the caller's.
  touch(key: string, until: number, origin: Origin, now: number, every = TOUCH_EVERY): Written {
    const there = this.#rows.get(key);
    if (there?.tombstone) return { outcome: "gone" };
    if (there === null || expired(there.expiration, now)) return { outcome: "missing" };
    const { expiration, version } = there;
    if (expiration === null) return { outcome: "stored", version };
    const gain = until - expiration;
    if (gain <= 0 || gain < Math.min(every, (expiration - now) / 2)) {
      return { outcome: "stored", version };
    }
    return { outcome: "stored", version: this.#rows.extend(there, until, by(origin), now) };
  }

  // A delete leaves a tombstone, also where there was no row. Another one only renews how long it is kept.
  remove(key: string, origin: Origin, now: number): Written {
    const there = this.#rows.get(key);
    if (there?.tombstone) {
      this.#rows.remember(there, now);
      return { outcome: "stored", version: there.version };
    }
    const version = this.#rows.bury(key, by(origin), there, now);
    return { outcome: "stored", version };
  }
}

// Would this put change nothing, but for an expiration that moves by fewer than `every` seconds?
function idle(record: Stored, there: Row, every: number): boolean {
  if (every === 0 || there.value === null) return false;
  const [wanted, given] = [record.expiration, there.expiration];
  const moved = wanted === null || given === null ? wanted !== given : Math.abs(wanted - given) >= every;
  return !moved && record.metadata === there.metadata && sameBytes(record.value, there.value);
}

function by(origin: Origin): Writer {
  return { origin, sweep: null, batch: null };
}
