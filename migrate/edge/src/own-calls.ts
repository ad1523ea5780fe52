// The calls of a class's own methods: what each of them did to a session is put on record afterwards.
//
// Nothing is believed about a method but its word (what it is for). What it did is seen by holding the
// stored value against the record, before and after the call, so it does not matter how often it
// waits in between, what else happens meanwhile, or whether it fails half way: the record agrees with
// what is there. A method that does not wait is one with its record; no other call comes between.

import type { Origin, Provenance, Row } from "./record.ts";
import { UNNAMED } from "./rows.ts";
import type { Rows } from "./rows.ts";
import type { Toolkit } from "./toolkit.ts";
import type { Value } from "./values.ts";

// What a method is for: to show a session; to store, change or prolong one; to delete one; any of
// that to any number of sessions; or none of it.
export type Does = "read" | "write" | "delete" | "many" | "other";

// One of the class's methods. `keys`: the sessions that a call concerns, from its arguments; left out: the
// first argument; "own": the one session of the object. `miss`: what is answered where the method
// throws because there is no row; `gone`: where the session was deleted, and is not to come back. Left
// out: null for a miss of a method that shows sessions, and the error SessionGone.
export interface Method {
  does: Does;
  keys?: ((...given: never[]) => string[]) | "own";
  miss?: unknown;
  gone?: unknown;
}

// A write came to an id whose session was deleted: such an id is never used again.
export class SessionGone extends Error {
  override readonly name = "SessionGone";

  constructor() {
    super("this session was deleted, and its id is never used again");
  }
}

// How a session was when a call began.
interface Start {
  key: string;
  row: Row | null;
  value: Value | null;
}

export class OwnCalls {
  readonly #toolkit: Toolkit;
  readonly #sql: SqlStorage;
  readonly #stage: () => Origin;
  readonly #name: () => string | undefined;
  // When the first row that nobody has put on record expires (Unix seconds).
  #watched = -Infinity;

  // `stage`: the origin of what the class writes now. `name`: the object's, if it is known.
  constructor(toolkit: Toolkit, sql: SqlStorage, stage: () => Origin, name: () => string | undefined) {
    this.#toolkit = toolkit;
    this.#sql = sql;
    this.#stage = stage;
    this.#name = name;
  }

  // Call a method. Its answer and its errors are passed on, but for `miss` and `gone`.
  call(method: Method, given: unknown[], run: () => unknown): unknown {
    if (method.does === "other") return run();
    this.#watch();
    const starts = this.#keys(method, given).map((key) => this.#start(key, method.does));
    if (starts.includes(null)) return gone(method);
    const some = starts as Start[];
    const changes = this.#changes();
    let answer: unknown;
    try {
      answer = run();
    } catch (error) {
      return this.#failed(method, some, error);
    }
    if (!isPromise(answer)) return this.#ended(method, some, changes, answer);
    return answer.then(
      (value) => this.#ended(method, some, changes, value),
      (error: unknown) => this.#failed(method, some, error),
    );
  }

  // ---------------------------------------------------------------- before

  // How the session is before the call; null: it is deleted, and the call would write to it.
  #start(key: string, does: Does): Start | null {
    let row = this.#toolkit.rows.get(key);
    if (row !== null && (does === "write" || does === "delete")) {
      row = this.#toolkit.record((rows, now) => rows.noticed(key, now));
    }
    const value = this.#toolkit.rows.value(key);
    if (row?.tombstone) {
      // It came after the deletion, from a write that was cut off.
      if (value !== null) this.#toolkit.record((rows) => rows.discard(key));
      if (does === "write") return null;
      return { key, row, value: null };
    }
    return { key, row, value };
  }

  // Put on record what has expired and is on none, before the class may purge it: a row that
  // has expired counts as present, and one that went without a trace would not.
  #watch(): void {
    if (this.#toolkit.now() < this.#watched) return;
    let next = Infinity;
    const over: string[] = [];
    const now = this.#toolkit.now();
    for (const key of this.#toolkit.rows.unaccounted()) {
      const expiration = this.#toolkit.rows.value(key)?.expiration ?? Infinity;
      if (expiration <= now) over.push(key);
      else next = Math.min(next, expiration);
    }
    if (over.length > 0) this.#toolkit.record((rows) => over.forEach((key) => rows.noticed(key, now)));
    this.#watched = next;
  }

  #keys({ does, keys }: Method, given: unknown[]): string[] {
    if (keys === "own") return [this.#toolkit.rows.only() ?? this.#name() ?? UNNAMED];
    if (keys !== undefined) return keys(...(given as never[]));
    if (does === "many") return this.#toolkit.rows.keys();
    const [key] = given;
    return typeof key === "string" && key !== "" && key.isWellFormed() ? [key] : [];
  }

  // How many rows of whatever table were written since the object woke up.
  #changes(): number {
    return this.#sql.exec<{ changes: number }>("SELECT total_changes() AS changes").one().changes;
  }

  // ---------------------------------------------------------------- afterwards

  #ended(method: Method, starts: Start[], changes: number, answer: unknown): unknown {
    const { does } = method;
    const wrote = this.#changes() !== changes;
    if (does === "read" && (!wrote || this.#untouched(starts))) return answer;
    return this.#recorded(method, starts, wrote, does) ? answer : gone(method);
  }

  // Most reads write no more than when it was that they read.
  #untouched(starts: Start[]): boolean {
    return starts.every(({ key, row, value }) => {
      const is = this.#toolkit.rows.value(key);
      return is !== null && value !== null && sameValue(value, is) && row?.tombstone === null;
    });
  }

  #failed(method: Method, starts: Start[], error: unknown): unknown {
    const missed = isNoRow(error) && !starts.some(({ row }) => this.#isLive(row));
    if (missed && method.does === "delete") {
      this.#recorded(method, starts, false, "delete");
      return method.miss;
    }
    // A deletion that failed is none, unless the session has gone.
    const kept = this.#recorded(method, starts, false, method.does === "delete" ? "read" : method.does);
    if (missed && method.does === "read" && "miss" in method) return method.miss;
    if (!kept) return gone(method);
    throw error;
  }

  #isLive(row: Row | null): boolean {
    if (row === null || row.value === null) return false;
    return row.expiration === null || row.expiration > this.#toolkit.now();
  }

  // False: the call was to write to a session that is deleted, and what it wrote is undone.
  #recorded({ keys }: Method, starts: Start[], wrote: boolean, does: Does): boolean {
    const purges = this.#toolkit.mayPurge();
    return this.#toolkit.record((rows, now) => {
      const all = does === "many" && keys === undefined ? this.#withNew(starts) : starts;
      const kept = all.map((start) => this.#settle(rows, start, { wrote, does, purges, now }));
      return does === "read" || does === "delete" || kept.every(Boolean);
    });
  }

  // The sessions that a call began with, and those that came meanwhile.
  #withNew(starts: Start[]): Start[] {
    const there = new Set(starts.map(({ key }) => key));
    const added = this.#toolkit.rows.keys().filter((key) => !there.has(key));
    return [...starts, ...added.map((key) => ({ key, row: null, value: null }))];
  }

  #settle(
    rows: Rows,
    { key, row: before, value: was }: Start,
    { wrote, does, purges, now }: { wrote: boolean; does: Does; purges: boolean; now: number },
  ): boolean {
    const writer = { origin: this.#stage(), sweep: null, batch: null };
    const is = rows.value(key);
    const known = rows.recorded(key);
    if (known?.tombstone) {
      if (is !== null) rows.discard(key);
      return is === null;
    }
    if (known === null && before?.tombstone) {
      // The class has deleted everything in the object, and this with it.
      rows.bury(key, writer, before, now);
      return is === null;
    }
    const last = lastKnown(key, known, before, is ?? was);
    if (is === null) {
      // What had expired was purged, unless it was to be deleted.
      const purged = was !== null && does !== "delete" && rows.over(was);
      if (purged && !purges) rows.restore(key, was);
      else if (!purged && (was !== null || does === "delete")) rows.bury(key, writer, last, now);
      return true;
    }
    const same = known === null ? was !== null && sameValue(was, is) : rows.agrees(known, is);
    if (does === "delete") {
      // What is as it was was not to be deleted after all. What has changed was written meanwhile, by a
      // call that ends later or has ended: the deletion is final.
      const untouched = same && was !== null && (known?.version ?? 0) === (before === null ? 0 : before.version);
      if (!untouched) rows.bury(key, writer, last, now);
      return true;
    }
    // The same written once more is a write as well: nothing may replace it that was read before. Only
    // whose a row is that predates the toolkit is not known by that. (A method that called another one
    // may be on record already.)
    const again = does === "write" && wrote && known?.version === before?.version;
    const legacy = same && known?.origin === "legacy";
    if (!same || again) rows.credit(key, is, legacy ? { ...writer, origin: "legacy" } : writer, last, now);
    return true;
  }
}

// The runtime's own words for `.one()` that finds nothing.
export function isNoRow(error: unknown): boolean {
  return error instanceof Error && /\bgot no results\b/.test(error.message);
}

function gone(method: Method): unknown {
  if ("gone" in method) return method.gone;
  throw new SessionGone();
}

// The row as it is on record, or was at the beginning, with the expiration of its last value.
function lastKnown(key: string, known: Provenance | null, before: Row | null, value: Value | null): Row | null {
  if (known === null) return before;
  const expiration = value === null ? (known.seen?.expiration ?? null) : value.expiration;
  return { ...known, key, value: value?.value ?? null, expiration };
}

function sameValue(one: Value, other: Value): boolean {
  if (one.expiration !== other.expiration || one.value.length !== other.value.length) return false;
  return one.value.every((byte, index) => byte === other.value[index]);
}

function isPromise(answer: unknown): answer is Promise<unknown> {
  return typeof answer === "object" && answer !== null && "then" in answer && typeof answer.then === "function";
}
