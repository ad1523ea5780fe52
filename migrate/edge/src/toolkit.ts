// The toolkit's side of an object: imports and looks, over any class's values. `UserSessions` has one;
// so may a class that exists already.

import { Laws } from "./laws.ts";
import type { Burial, Import, Replacement, Written } from "./laws.ts";
import { FENCE, FINISHED, NoteTable } from "./notes.ts";
import type { Bookkeeping, Note } from "./notes.ts";
import { ProvenanceTable } from "./provenance.ts";
import { expired } from "./record.ts";
import type { Buried, Origin, Outcome, Provenance, Row, Stored, Tally } from "./record.ts";
import { Rows, UNNAMED } from "./rows.ts";
import { holdsAnything } from "./stored.ts";
import { compareKeys, digest } from "./text.ts";
import { attempts } from "./unfit.ts";
import type { Attempt } from "./unfit.ts";
import type { Values } from "./values.ts";
import { Witness } from "./witness.ts";

// A record, and the names of a note that is removed if it is inserted, and of one that is written if the
// class cannot store it: then with the text `unfit` of the part's book.
export type Incoming = Stored & { releases?: string | undefined; holds?: string };

// The part of an import that concerns one object. `book`: what its notes get, if they are kept here;
// `counted`: what the other objects' parts came to.
export interface Part extends Import {
  notAfter: number | null;
  records: Incoming[];
  replacements: (Replacement & { holds?: string })[];
  burials: Burial[];
  book: Bookkeeping | null;
  counted: Tally;
}

// Why a part is not done, although nothing is wrong. "late": past its not-after time. "conflict": which
// expectation was not met. "repeated": this very batch was done before, and its checkpoint is there.
// None of them has changed anything.
export type Refusal =
  | { result: "late" }
  | { result: "conflict"; index: number }
  | { result: "repeated"; checkpoint: Note };

export type PartAnswer = Refusal | { result: "done"; outcomes: Outcome[]; buried: Buried[]; checkpoint: Note | null };

// A row without its value: what a verify needs.
export interface Head extends Provenance {
  key: string;
  expiration: number | null;
  digest: string | null;
  bytes: number;
}

export type Full = Head & { value: Uint8Array | null };

// Which rows, from where to where, and how many at most. `live`: neither tombstones nor expired ones.
export interface Range {
  prefix: string;
  after: string | null;
  upto: string | null;
  limit: number;
  only: "all" | "live" | "tombstones";
}

// Rows and whether there are more behind the last of them.
export interface Some<Item> {
  rows: Item[];
  more: boolean;
}

// What an object holds, for a caller that knows it by its id only. `book`: notes; `stored`: anything at
// all, of whatever kind.
export interface Inside extends Some<Head> {
  book: boolean;
  stored: boolean;
}

export interface Count {
  live: number;
  expired: number;
  tombstones: number;
  copy: number;
  dual: number;
  app: number;
  legacy: number;
}

const BYTES_AT_ONCE = 16 * 1024 * 1024; // of values that are read for their digests; a Worker has 128 MB
const DAY = 86_400;
const GRACE = 30 * DAY; // after everything in an object is over, it is purged

export class Toolkit {
  readonly #storage: DurableObjectStorage;
  readonly #values: () => Values;
  readonly #clock: () => number;
  readonly #witness: Witness | null;
  #rows!: Rows;
  #notes!: NoteTable;
  readonly #attempt: Attempt;
  #armed = false;

  // `values`: gives the class's values, anew whenever tables are gone that it had. `clock`: Unix seconds.
  // `stage`: for a class that writes values by itself as well: the origin of what it writes now.
  constructor(
    storage: DurableObjectStorage,
    values: () => Values,
    clock: () => number,
    stage?: () => "app" | "dual",
  ) {
    this.#storage = storage;
    this.#values = values;
    this.#clock = clock;
    this.#witness = stage === undefined ? null : new Witness(clock, stage);
    // Our own table takes whatever an import may bring: what it throws is an error.
    this.#attempt = this.#witness === null ? (write) => (write(), true)
      : attempts(storage, () => this.#rows.reopen(this.#values()));
    this.#open();
  }

  now(): number {
    return this.#clock();
  }

  // Do values come back byte for byte? A class of somebody else's may keep decoded fields.
  get verbatim(): boolean {
    return this.#witness === null;
  }

  // ---------------------------------------------------------------- writes

  // Do the part in one transaction, its notes included.
  import(part: Part): Promise<PartAnswer> {
    const { batch, book } = part;
    return this.#transaction((laws, now): PartAnswer => {
      const refused = book === null ? null : this.refusal(book, batch);
      if (refused?.result === "repeated") return refused;
      if (late(part.notAfter, now)) return { result: "late" };
      if (refused !== null) return refused;
      const changing = part.replacements.length + part.burials.length > 0;
      const fenced = changing && this.#notes.read(FENCE) !== null;
      const outcomes = [
        ...laws.insertAll(part.records, part, now),
        ...part.replacements.map((wanted) => laws.replace(wanted, part, fenced, now)),
      ];
      const buried = part.burials.map((burial) => laws.bury(burial, batch, fenced, now));
      if (book === null) return { result: "done", outcomes, buried, checkpoint: null };
      for (const name of released(part.records, outcomes)) this.#notes.remove(name);
      const checkpoint = this.#keep(book, batch, [part.counted, tallied(outcomes)]);
      for (const name of held(part, outcomes)) this.#notes.write(name, book.unfit ?? "", null, batch);
      return { result: "done", outcomes, buried, checkpoint };
    });
  }

  put(record: Stored, origin: Origin, notAfter: number | null): Promise<Written> {
    return this.#transaction((laws, now) =>
      late(notAfter, now) ? { outcome: "late" } : laws.put(record, origin, now),
    );
  }

  touch(key: string, until: number, origin: Origin, notAfter: number | null): Promise<Written> {
    return this.#transaction((laws, now) =>
      late(notAfter, now) ? { outcome: "late" } : laws.touch(key, until, origin, now),
    );
  }

  remove(key: string, origin: Origin): Promise<Written> {
    return this.#transaction((laws, now) => laws.remove(key, origin, now));
  }

  // A half of the session store's, in one transaction; null: it came too late.
  half<Result>(notAfter: number, write: (laws: Laws, rows: Rows, now: number) => Result): Promise<Result | null> {
    return this.#transaction((laws, now) => (late(notAfter, now) ? null : write(laws, this.#rows, now)));
  }

  // Put on record what the class has written by itself, in one transaction, at once.
  record<Result>(write: (rows: Rows, now: number) => Result): Result {
    const result = this.#atOnce(() => write(this.#rows, this.now()));
    const latest = this.#rows.latest();
    if (latest !== null) void this.#armLater(latest);
    return result;
  }

  // ---------------------------------------------------------------- looks; none of them writes

  get rows(): Rows {
    return this.#rows;
  }

  // Is the migration over? Then the class may purge again.
  finished(): boolean {
    return this.#notes.read(FINISHED) !== null;
  }

  // The row that an application sees; null: none, or expired, or deleted.
  live(key: string): Row | null {
    const row = this.#rows.get(key);
    return row === null || row.value === null || expired(row.expiration, this.now()) ? null : row;
  }

  async heads(keys: string[]): Promise<(Head | null)[]> {
    const found: (Head | null)[] = [];
    while (found.length < keys.length) {
      const rows = this.#some(keys.slice(found.length), BYTES_AT_ONCE);
      found.push(...(await Promise.all(rows.map((row) => row && head(row)))));
    }
    return found;
  }

  // Rows with their values, as many of the first keys as have no more than `bytes`, but at least one.
  async read(keys: string[], bytes: number): Promise<(Full | null)[]> {
    return Promise.all(this.#some(keys, bytes).map((row) => row && full(row)));
  }

  // Up to `limit` rows behind `after`, and what else is here.
  async inside(after: string | null, limit: number): Promise<Inside> {
    const { rows, more } = await this.scan({ prefix: "", after, upto: null, limit, only: "all" });
    const book = this.#notes.list("", 1).length > 0;
    return { rows, more, book, stored: rows.length > 0 || book || (await holdsAnything(this.#storage)) };
  }

  async scan(range: Range): Promise<Some<Head>> {
    const { rows, more } = this.#between(range, BYTES_AT_ONCE);
    return { rows: await Promise.all(rows.map(head)), more };
  }

  async scanValues(range: Range, bytes: number): Promise<Some<Full>> {
    const { rows, more } = this.#between(range, bytes);
    return { rows: await Promise.all(rows.map(full)), more };
  }

  count(prefix: string): Count {
    const count: Count = { live: 0, expired: 0, tombstones: 0, copy: 0, dual: 0, app: 0, legacy: 0 };
    const now = this.now();
    for (const row of this.#rows.from(prefix)) {
      if (!row.key.startsWith(prefix)) break;
      if (row.key === UNNAMED) continue;
      if (row.value === null) count.tombstones += 1;
      else {
        count[expired(row.expiration, now) ? "expired" : "live"] += 1;
        count[row.origin] += 1;
      }
    }
    return count;
  }

  notes(names: string[]): (Note | null)[] {
    return names.map((name) => this.#notes.read(name));
  }

  notesFrom(prefix: string, after: string | null, limit: number): Some<Note> {
    const found = this.#notes
      .list(start(prefix, after), limit + 1)
      .filter(({ name }) => name.startsWith(prefix));
    return { rows: found.slice(0, limit), more: found.length > limit };
  }

  // Why an import with these notes would not be done; null: nothing is in its way.
  refusal({ expect, checkpoint }: Bookkeeping, batch: string): Refusal | null {
    const repeated = checkpoint && this.#notes.writtenBy(checkpoint.name, batch);
    if (repeated) return { result: "repeated", checkpoint: repeated };
    const index = this.#notes.unmet(expect);
    return index === null ? null : { result: "conflict", index };
  }

  // ---------------------------------------------------------------- the end

  // Purge what has been over for long, and come back for the rest; the last one to go takes all with it.
  async alarm(): Promise<void> {
    const now = this.now();
    this.#armed = false;
    let earliest = Infinity;
    const over: string[] = [];
    let kept = 0;
    for (const row of this.#rows.from("")) {
      const due = end(row) + GRACE;
      if (due <= now) over.push(row.key);
      else {
        kept += 1;
        earliest = Math.min(earliest, due);
      }
    }
    if (kept === 0 && this.#witness === null && this.#notes.list("", 1).length === 0) {
      const deleted = this.#storage.deleteAll();
      this.#open();
      await deleted;
      return;
    }
    this.#storage.transactionSync(() => {
      for (const key of over) this.#rows.forget(key);
      if (kept === 0) this.#rows.drop();
    });
    if (earliest === Infinity) return;
    this.#armed = true;
    const due = Math.max(earliest, now + DAY) * 1000;
    // The class may have set an alarm of its own, which will look again as well.
    const other = this.#witness === null ? null : await this.#storage.getAlarm();
    if (other === null || other > due) await this.#storage.setAlarm(due);
  }

  // The rows of the first keys, until they hold more than `bytes`, but at least one.
  #some(keys: string[], bytes: number): (Row | null)[] {
    const found: (Row | null)[] = [];
    let left = bytes;
    for (const key of keys) {
      const row = this.#rows.get(key);
      left -= row?.value?.length ?? 0;
      if (left < 0 && found.length > 0) break;
      found.push(row);
    }
    return found;
  }

  // The rows of a range, until they hold more than `bytes`, but at least one.
  #between({ prefix, after, upto, limit, only }: Range, bytes: number): Some<Row> {
    const rows: Row[] = [];
    const now = this.now();
    let left = bytes;
    for (const row of this.#rows.from(start(prefix, after))) {
      if (!row.key.startsWith(prefix) || (upto !== null && compareKeys(row.key, upto) > 0)) break;
      if (row.key === UNNAMED) continue;
      if (only === "tombstones" && row.value !== null) continue;
      if (only === "live" && (row.value === null || expired(row.expiration, now))) continue;
      left -= row.value?.length ?? 0;
      if (rows.length === limit || (left < 0 && rows.length > 0)) return { rows, more: true };
      rows.push(row);
    }
    return { rows, more: false };
  }

  // The notes of an import; returns the checkpoint as it was saved.
  #keep(book: Bookkeeping, batch: string, counts: Tally[]): Note | null {
    for (const name of book.forget) this.#notes.remove(name);
    for (const { name, body } of book.notes) this.#notes.write(name, body, null, batch);
    if (book.checkpoint === null) return null;
    const { name, body, tally } = book.checkpoint;
    this.#notes.write(name, body, sum([tally, ...counts]), batch);
    return this.#notes.read(name);
  }

  // Run a write in one transaction, and see to it that one alarm exists. Nothing is awaited between
  // the two, so they are committed together. Renewals do not move the alarm: it looks again by itself.
  async #transaction<Result>(write: (laws: Laws, now: number) => Result): Promise<Result> {
    // A class of somebody else's may have deleted the alarm.
    if (!this.#armed || this.#witness !== null) this.#armed = (await this.#storage.getAlarm()) !== null;
    const result = this.#atOnce(() => write(new Laws(this.#rows, this.#attempt), this.now()));
    this.#arm(this.#rows.latest());
    return result;
  }

  #atOnce<Result>(write: () => Result): Result {
    try {
      return this.#storage.transactionSync(write);
    } catch (error) {
      this.#open(); // tables that it made have gone with it
      throw error;
    }
  }

  // Forget which tables there are.
  #open(): void {
    const alone = this.#witness === null;
    this.#rows = new Rows(this.#values(), new ProvenanceTable(this.#storage.sql, alone), this.#witness);
    this.#notes = new NoteTable(this.#storage.sql, alone);
  }

  #arm(latest: number | null): void {
    if (this.#armed || latest === null) return;
    this.#armed = true;
    void this.#storage.setAlarm((latest + GRACE) * 1000);
  }

  // The same after a write that could not wait. If it fails, the next write tries again.
  async #armLater(latest: number): Promise<void> {
    try {
      if ((await this.#storage.getAlarm()) !== null) return;
      await this.#storage.setAlarm((latest + GRACE) * 1000);
    } catch {
      this.#armed = false;
    }
  }
}

// When a row is over (Unix seconds): it has expired, or the logout need not be remembered any more.
function end(row: Row): number {
  if (row.tombstone !== null) return row.tombstone.keepUntil ?? Infinity;
  return row.expiration ?? Infinity;
}

function late(notAfter: number | null, now: number): boolean {
  return notAfter !== null && now > notAfter;
}

function start(prefix: string, after: string | null): string {
  if (after === null || compareKeys(after, prefix) < 0) return prefix;
  return `${after}\0`;
}

async function head({ value, ...row }: Row): Promise<Head> {
  return { ...row, digest: value && (await digest(value)), bytes: value?.length ?? 0 };
}

async function full(row: Row): Promise<Full> {
  return { ...(await head(row)), value: row.value };
}

// The notes of those records that were inserted.
export function released(records: Incoming[], outcomes: Outcome[]): string[] {
  return records.flatMap(({ releases }, index) =>
    releases !== undefined && outcomes[index] === "copied" ? [releases] : [],
  );
}

// The notes of those records that could not be stored.
function held({ records, replacements }: Part, outcomes: Outcome[]): string[] {
  return [...records, ...replacements].flatMap(({ holds }, index) =>
    holds !== undefined && outcomes[index] === "quarantined" ? [holds] : [],
  );
}

export function tallied(outcomes: Outcome[]): Tally {
  const tally: Tally = {};
  for (const outcome of outcomes) tally[outcome] = (tally[outcome] ?? 0) + 1;
  return tally;
}

export function sum(tallies: Tally[]): Tally {
  const total: Tally = {};
  for (const tally of tallies) {
    for (const [name, count] of Object.entries(tally)) total[name] = (total[name] ?? 0) + count;
  }
  return total;
}
