// Statistics of a migration, in one object: which stages and versions are at work, what they counted, which
// halves of writes are not known to be done, and the canary. It belongs to the script that owns the session class.

import { DurableObject } from "cloudflare:workers";
import { Canaries } from "./canaries.ts";
import { BEAT_EVERY, CANARY_HITS, RECENT } from "./stats-calls.ts";
import type {
  Beat,
  BeatAnswer,
  CanaryRead,
  CanaryReads,
  CanaryWritten,
  FailedHalf,
  Journal,
  JournalEntry,
  SeenIsolates,
  Stats,
} from "./stats-calls.ts";
import { count, raise, Tallies } from "./tallies.ts";

const KEPT = 30 * 86_400; // seconds since an isolate was last seen
const READ = "read:"; // of the canary, counted here; no counter of an isolate is called so

export class MigrationStats<Env = unknown> extends DurableObject<Env> {
  readonly #sql: SqlStorage;
  readonly #storage: DurableObjectStorage;
  readonly #clock: () => number;
  readonly #tallies: Tallies;
  readonly #canaries: Canaries;

  // `clock`: Unix seconds.
  constructor(ctx: DurableObjectState, env: Env, clock: () => number = () => Date.now() / 1000) {
    super(ctx, env);
    this.#storage = ctx.storage;
    this.#sql = ctx.storage.sql;
    this.#clock = clock;
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS isolates (
        isolate TEXT NOT NULL,
        stage   TEXT NOT NULL,
        version TEXT NOT NULL,     -- of the Worker
        first   REAL NOT NULL,     -- Unix seconds
        last    REAL NOT NULL,
        PRIMARY KEY (isolate, stage, version)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS journal (
        key     TEXT NOT NULL,     -- a session's id: a secret
        half    TEXT NOT NULL,
        verb    TEXT NOT NULL,
        stage   TEXT NOT NULL,
        end     TEXT NOT NULL,
        since   REAL NOT NULL,     -- Unix seconds, the first time
        at      REAL NOT NULL,     -- Unix seconds, the last time
        times   INTEGER NOT NULL,
        PRIMARY KEY (key, half)
      ) STRICT, WITHOUT ROWID;
    `);
    this.#tallies = new Tallies(this.#sql);
    this.#canaries = new Canaries(this.#sql);
  }

  // An isolate is at work, and has counted so much since it began. Is it its turn to write the canary?
  kvferryBeat({ isolate, stage, version, counters, canary }: Beat): BeatAnswer {
    const now = this.#clock();
    return this.#storage.transactionSync(() => {
      const { rowsWritten } = this.#sql.exec(
        "UPDATE isolates SET last = max(last, ?) WHERE isolate = ? AND stage = ? AND version = ?",
        now,
        isolate,
        stage,
        version,
      );
      if (rowsWritten === 0) {
        this.#sql.exec("INSERT INTO isolates VALUES (?, ?, ?, ?, ?)", isolate, stage, version, now, now);
        this.#prune(now);
      }
      const tally = this.#tallies.of(isolate);
      for (const [name, times] of Object.entries(counters)) raise(tally, name, times, now);
      const hits = tally[CANARY_HITS]?.times ?? 0;
      const reads = canary === undefined ? [] : this.#canaries.saw(canary, hits, now);
      for (const read of reads) count(tally, READ + read, now);
      this.#tallies.keep(isolate, tally); // one row for all of it: each that is written costs
      return { turn: canary === undefined ? null : this.#canaries.turn(now) };
    });
  }

  // KV has acknowledged a canary.
  kvferryCanary(written: CanaryWritten): void {
    this.#canaries.written(written, this.#clock());
  }

  // A half is not known to be done: one entry for each session and half, the last one.
  kvferryNote({ key, half, verb, stage, end }: FailedHalf): void {
    const now = this.#clock();
    this.#sql.exec(
      `INSERT INTO journal (key, half, verb, stage, end, since, at, times) VALUES (?, ?, ?, ?, ?, ?, ?, 1)
       ON CONFLICT (key, half) DO UPDATE SET
         verb = excluded.verb, stage = excluded.stage, end = excluded.end, at = excluded.at, times = times + 1`,
      key,
      half,
      verb,
      stage,
      end,
      now,
      now,
    );
  }

  // Counts and times, and nothing of any session.
  kvferryStats(): Stats {
    const now = this.#clock();
    const seen = this.#sql
      .exec<{ [Name in keyof SeenIsolates]: SeenIsolates[Name] }>(
        `SELECT stage, version, count(*) AS isolates, sum(last > ?) AS recent, min(first) AS first, max(last) AS last
         FROM isolates GROUP BY stage, version ORDER BY max(last) DESC, stage, version`,
        now - RECENT,
      )
      .toArray();
    const journal = this.#sql
      .exec<{ [Name in keyof Journal]: Journal[Name] }>("SELECT count(*) AS entries, min(since) AS oldest FROM journal")
      .one();
    const tally = this.#tallies.all();
    const counted = Object.entries(tally).filter(([name]) => !name.startsWith(READ));
    const counters = Object.fromEntries(counted.map(([name, { times }]) => [name, times]));
    const rose = Object.fromEntries(counted.map(([name, { last }]) => [name, last]));
    const reads = (read: CanaryRead): CanaryReads => tally[READ + read] ?? { times: 0, last: null };
    return { now, beatEvery: BEAT_EVERY, seen, counters, rose, journal, canary: this.#canaries.told(reads) };
  }

  // Up to `limit` entries behind a session and half, in their order.
  kvferryJournal(after: { key: string; half: string } | null, limit: number): JournalEntry[] {
    const { key, half } = after ?? { key: "", half: "" };
    return this.#sql
      .exec<{ [Name in keyof JournalEntry]: JournalEntry[Name] }>(
        `SELECT key, half, verb, stage, end, at, times FROM journal
         WHERE (key, half) > (?, ?) ORDER BY key, half LIMIT ?`,
        key,
        half,
        limit,
      )
      .toArray();
  }

  // Strike entries that have been seen to, unless they were made again since.
  kvferrySettled(entries: { key: string; half: string; at: number }[]): void {
    this.#storage.transactionSync(() => {
      for (const { key, half, at } of entries) {
        this.#sql.exec("DELETE FROM journal WHERE key = ? AND half = ? AND at <= ?", key, half, at);
      }
    });
  }

  // Forget isolates that have not been seen for long, but not what they counted.
  #prune(now: number): void {
    this.#sql.exec("DELETE FROM isolates WHERE last < ?", now - KEPT);
    this.#tallies.prune();
  }
}
