// The toolkit's side of an object: imports and looks, over any class's values. `UserSessions` has one;
// so may a class that exists already.

import { Laws } from "./laws.ts";
import type { Written } from "./laws.ts";
import { Looks } from "./looks.ts";
import { FENCE, fenceOf, FINISHED, NoteTable } from "./notes.ts";
import type { Bookkeeping, Finished, Note } from "./notes.ts";
import { held, isMoving, released, sum, tallied } from "./part.ts";
import type { Part, PartAnswer, Refusal } from "./part.ts";
import { ProvenanceTable } from "./provenance.ts";
import type { Origin, Row, Stored, Tally } from "./record.ts";
import { Rows } from "./rows.ts";
import { attempts } from "./unfit.ts";
import type { Attempt } from "./unfit.ts";
import type { Values } from "./values.ts";
import { Witness } from "./witness.ts";

const DAY = 86_400;
const GRACE = 30 * DAY; // after everything in an object is over, it is purged

export class Toolkit {
  readonly looks: Looks;
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
    this.looks = new Looks(storage, () => ({ rows: this.#rows, notes: this.#notes }), clock);
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
      if (isMoving(part) && this.finished()) return { result: "finished" };
      if (refused !== null) return refused;
      const changing = part.replacements.length + part.burials.length > 0;
      const fenced = changing && fenceOf(this.#notes.read(FENCE)).state !== "down";
      const outcomes = [
        ...laws.insertAll(part.records, part, now),
        ...part.replacements.map((wanted) => laws.replace(wanted, part, fenced, now)),
      ];
      const buried = part.burials.map((burial) => laws.bury(burial, batch, fenced, now));
      const reverted = (part.reversals ?? []).map((reversal) => laws.revert(reversal, now));
      if (book === null) return { result: "done", outcomes, buried, reverted, checkpoint: null };
      for (const name of released(part.records, outcomes)) this.#notes.remove(name);
      const checkpoint = this.#keep(book, batch, [part.counted, tallied(outcomes)]);
      for (const name of held(part, outcomes)) this.#notes.write(name, book.unfit ?? "", null, batch);
      return { result: "done", outcomes, buried, reverted, checkpoint };
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

  get rows(): Rows {
    return this.#rows;
  }

  // Is the migration over? Then nothing is imported any more.
  finished(): boolean {
    return this.#notes.read(FINISHED) !== null;
  }

  // May a class of somebody else's purge again?
  mayPurge(): boolean {
    return this.finished();
  }

  // Make it over from `since` on (null: only look), or find it so: returns since when, Unix seconds. `alone`:
  // this object is one session's, if it is anybody's. Null: it is not over, or there is nothing in the object,
  // which stays as it is.
  finish(since: number | null, alone: boolean): number | null {
    // No transaction for a look: one makes an object's file.
    const there = this.#notes.read(FINISHED);
    if (there !== null) return (JSON.parse(there.body) as Finished).since;
    if (since === null || (alone && this.#rows.from("").next().done === true)) return null;
    const body = JSON.stringify({ since, alone } satisfies Finished);
    this.#atOnce(() => this.#notes.write(FINISHED, body, null, FINISHED));
    return since;
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
    if (this.#migrating()) return this.#lookAgain(now + GRACE);
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
    if (kept === 0 && this.#witness === null && this.#nothingNoted()) {
      const deleted = this.#storage.deleteAll();
      this.#open();
      await deleted;
      return;
    }
    this.#storage.transactionSync(() => {
      for (const key of over) this.#rows.forget(key);
      if (kept === 0) this.#rows.drop();
    });
    if (earliest < Infinity) await this.#lookAgain(Math.max(earliest, now + DAY));
  }

  async #lookAgain(at: number): Promise<void> {
    this.#armed = true;
    // The class may have set an alarm of its own, which will look again as well.
    const other = this.#witness === null ? null : await this.#storage.getAlarm();
    if (other === null || other > at * 1000) await this.#storage.setAlarm(at * 1000);
  }

  // Is a migration under way, as far as this object was told? Nothing is forgotten then.
  #migrating(): boolean {
    return this.#notes.read(FENCE) !== null && !this.finished();
  }

  // Are there no notes that must outlast the rows? One session's object is made anew when it is needed.
  #nothingNoted(): boolean {
    const [first, second] = this.#notes.list("", 2);
    if (first === undefined) return true;
    return second === undefined && first.name === FINISHED && (JSON.parse(first.body) as Finished).alone;
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
