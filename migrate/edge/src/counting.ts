// What the statistics of the migration say, as it travels: counts and times. Sessions' ids, which the journal
// holds, stay where they are: its entries are never asked for here.

import { STATS_NAME } from "./stats-calls.ts";
import type { CanaryReads, CanaryStats, Stats } from "./stats-calls.ts";

// As much of the object, and of a DurableObjectNamespace of such, as is used.
interface Counting {
  kvferryStats(): Promise<Stats>;
}
export interface Countings {
  idFromName(name: string): DurableObjectId;
  get(id: DurableObjectId): Counting;
}

export type Told = Omit<Stats, "canary"> & { canary: CanaryStats | null };

// null: the bridge has no binding of them. Member by member, so that nothing else can come along.
// Raises whatever the object raises.
export async function statistics(countings: Countings | undefined): Promise<{ stats: Told | null }> {
  if (countings === undefined) return { stats: null };
  const found = await countings.get(countings.idFromName(STATS_NAME)).kvferryStats();
  const seen = found.seen.map(({ stage, version, isolates, recent, first, last }) => {
    return { stage, version, isolates, recent, first, last };
  });
  const { entries, oldest } = found.journal;
  const { now, beatEvery, counters } = found;
  // A class from before the canary tells neither.
  const { rose = {}, canary } = found as Partial<Stats>;
  const journal = { entries, oldest };
  return { stats: { now, beatEvery, seen, counters, rose, journal, canary: canary ? flown(canary) : null } };
}

function flown({ every, written, lag, reads }: CanaryStats): CanaryStats {
  const { counted, uncounted, missing, foreign } = reads;
  return {
    every,
    written: written && { number: written.number, at: written.at },
    lag: lag && { seconds: lag.seconds, at: lag.at },
    reads: { counted: read(counted), uncounted: read(uncounted), missing: read(missing), foreign: read(foreign) },
  };
}

function read({ times, last }: CanaryReads): CanaryReads {
  return { times, last };
}
