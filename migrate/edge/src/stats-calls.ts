// What the session store tells the statistics of a migration, and what is asked of them. Both sides have
// this file.

// An isolate that is at work: its stage (where two are live, the earlier one), its Worker's version, and
// everything that it has counted so far.
export interface Beat {
  isolate: string;
  stage: string;
  version: string;
  counters: Record<string, number>;
}

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

export interface Stats {
  now: number;
  beatEvery: number;
  seen: SeenIsolates[];
  counters: Record<string, number>;
  journal: Journal;
}

export const BEAT_EVERY = 30; // seconds
export const RECENT = 3 * BEAT_EVERY;
export const STATS_NAME = "kvferry:stats"; // of the one object

export interface StatsObject {
  kvferryBeat(beat: Beat): Promise<void>;
  kvferryNote(failed: FailedHalf): Promise<void>;
}
