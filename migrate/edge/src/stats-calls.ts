// What the session store tells the statistics of a migration, and what is asked of them. Both sides have
// this file.

// An isolate that is at work: its stage (where two are live, the earlier one), its Worker's version, and
// everything that it has counted so far. `canary`: what it read of it just before; null: nothing was there;
// left out: it did not look, or KV did not answer.
export interface Beat {
  isolate: string;
  stage: string;
  version: string;
  counters: Record<string, number>;
  canary?: CanarySeen | null;
}

// `turn`: the canary that this isolate is to write into KV now; null: none.
export interface BeatAnswer {
  turn: Canary | null;
}

// A canary: its number, and when its turn came (Unix seconds, the clock of the statistics).
export interface Canary {
  number: number;
  at: number;
}

// A canary as KV showed it. `before`: where the counter of its hits, CANARY_HITS, stood before it was read.
export type CanarySeen = Canary & { before: number };

// A canary that KV has acknowledged, `took` seconds after the answer that gave the turn.
export type CanaryWritten = Canary & { took: number };

// A half that is not known to be done, of a session whose id is a secret: `end` says how it ended.
export interface FailedHalf {
  key: string;
  half: string;
  verb: string;
  stage: string;
  end: string;
}

// The same with when it was last (Unix seconds), and how often.
export type JournalEntry = FailedHalf & { at: number; times: number };

// How many entries there are, and since when the oldest of them has been open (Unix seconds).
export interface Journal {
  entries: number;
  oldest: number | null;
}

// Isolates of one stage and version: how many were seen, how many of them in the last RECENT seconds, the first
// and the last time (Unix seconds). They may have been at work for `beatEvery` seconds after the last time.
export interface SeenIsolates {
  stage: string;
  version: string;
  isolates: number;
  recent: number;
  first: number;
  last: number;
}

// How often something was read of the canary, and when last (Unix seconds).
export interface CanaryReads {
  times: number;
  last: number | null;
}

// `every`: seconds between two canaries, at least. `written`: the newest that KV has acknowledged, and since
// when it has it, at the earliest. `lag`: the longest time (seconds) for which an older one was still read after
// a newer one was acknowledged, which was `at`; null: it was never measured. `reads`: those that the counter of
// fallback hits `counted`, and those that it did not; those that found nothing (`missing`); and of the first
// two those of a canary that other statistics gave the turn for (`foreign`).
export interface CanaryStats {
  every: number;
  written: Canary | null;
  lag: { seconds: number; at: number } | null;
  reads: Record<CanaryRead, CanaryReads>;
}

export const CANARY_READS = ["counted", "uncounted", "missing", "foreign"] as const;
export type CanaryRead = (typeof CANARY_READS)[number];

// `counters`: of all isolates together. `rose`: when each of them was last heard to have risen (Unix seconds).
export interface Stats {
  now: number;
  beatEvery: number;
  seen: SeenIsolates[];
  counters: Record<string, number>;
  rose: Record<string, number>;
  journal: Journal;
  canary: CanaryStats;
}

export const BEAT_EVERY = 30; // seconds
export const RECENT = 3 * BEAT_EVERY;
export const STATS_NAME = "kvferry:stats"; // of the one object
export const CANARY_KEY = "kvferry:canary"; // in KV; no session may have it
export const CANARY_EVERY = 300; // seconds
export const CANARY_HITS = "canary_fallback_hit";

export interface StatsObject {
  // A class from before the canary answers nothing.
  kvferryBeat(beat: Beat): Promise<BeatAnswer | undefined>;
  kvferryCanary(written: CanaryWritten): Promise<void>;
  kvferryNote(failed: FailedHalf): Promise<void>;
}
