// The canaries of a migration, as its statistics know them: whose turn it is to write the next one, how far KV
// lags behind, and whether the counter of fallback hits counts what it should.
//
// The lag of a read is the time from the acknowledgement of the first newer canary to the read, both by this
// object's clock. KV has acknowledged a canary no earlier than its turn and as many seconds as the isolate
// measured from then on; a read was made no later than its heartbeat arrived. So calls that take their time
// make a lag longer, never shorter. Of other clocks only durations are used. Where this object's clock is set
// forwards between the two, the lag comes out longer by that; where it is set back, shorter. And heartbeats have
// time between them: the last stale read of an isolate may have been BEAT_EVERY later than the last seen one.

import { CANARY_EVERY, CANARY_READS } from "./stats-calls.ts";
import type { Canary, CanaryRead, CanaryReads, CanarySeen, CanaryStats, CanaryWritten } from "./stats-calls.ts";

const KEPT = 30 * 86_400; // seconds, of a canary and the lag that it has shown

export class Canaries {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS canaries (
        number INTEGER PRIMARY KEY NOT NULL,
        at     REAL NOT NULL,      -- Unix seconds: its turn
        acked  REAL,               -- Unix seconds: when KV had it, at the earliest; NULL: nobody told
        lag    REAL                -- seconds for which an older one was read after that; NULL: never measured
      ) STRICT;
    `);
  }

  // An isolate has read it; null: and found nothing. `hits`: where its counter of hits stands now. Says as what
  // the read counts.
  saw(seen: CanarySeen | null, hits: number, now: number): CanaryRead[] {
    if (seen === null) return ["missing"];
    const { number, at, before } = seen;
    const read = hits > before ? "counted" : "uncounted";
    const ours = this.#sql.exec("SELECT 1 FROM canaries WHERE number = ? AND at = ?", number, at).toArray();
    if (ours.length === 0) return [read, "foreign"];
    this.#measure(number, now);
    return [read];
  }

  // The next canary, once in CANARY_EVERY seconds; null: not yet.
  turn(now: number): Canary | null {
    const [last] = this.#sql.exec<{ number: number; at: number }>("SELECT number, at FROM canaries ORDER BY number DESC LIMIT 1");
    // A clock that was set back does not make it wait.
    if (last !== undefined && Math.abs(now - last.at) < CANARY_EVERY) return null;
    const turn = { number: (last?.number ?? 0) + 1, at: now };
    this.#sql.exec("INSERT INTO canaries (number, at) VALUES (?, ?)", turn.number, turn.at);
    this.#sql.exec("DELETE FROM canaries WHERE at < ?", now - KEPT);
    return turn;
  }

  // KV has it.
  written({ number, at, took }: CanaryWritten, now: number): void {
    const acked = Math.max(at, Math.min(now, at + took));
    this.#sql.exec("UPDATE canaries SET acked = ? WHERE number = ? AND at = ? AND acked IS NULL", acked, number, at);
  }

  told(reads: (read: CanaryRead) => CanaryReads): CanaryStats {
    const [written] = this.#sql.exec<{ number: number; at: number }>(
      "SELECT number, acked AS at FROM canaries WHERE acked IS NOT NULL ORDER BY number DESC LIMIT 1",
    );
    const [lag] = this.#sql.exec<{ seconds: number; at: number }>(
      "SELECT lag AS seconds, coalesce(acked, at) AS at FROM canaries WHERE lag IS NOT NULL ORDER BY lag DESC, number DESC LIMIT 1",
    );
    const all = CANARY_READS.map((read) => [read, reads(read)]);
    return { every: CANARY_EVERY, written: written ?? null, lag: lag ?? null, reads: Object.fromEntries(all) };
  }

  // One of ours was read. The lag is kept with the first newer one that was acknowledged, else with itself.
  #measure(number: number, now: number): void {
    const [newer] = this.#sql.exec<{ number: number; acked: number }>(
      "SELECT number, acked FROM canaries WHERE number > ? AND acked IS NOT NULL ORDER BY acked LIMIT 1",
      number,
    );
    const lag = newer === undefined ? 0 : Math.max(0, now - newer.acked);
    const longer = "UPDATE canaries SET lag = ?1 WHERE number = ?2 AND (lag IS NULL OR lag < ?1)";
    this.#sql.exec(longer, lag, newer?.number ?? number);
  }
}
