// What isolates have counted, and when it last rose: a row for each isolate, and one for those that are forgotten.

// Something counted, and when last (Unix seconds).
export interface Counted {
  times: number;
  last: number;
}

export type Tally = Record<string, Counted>;

const REST = ""; // in the place of the isolates that are not kept any more

// A counter of the isolate, which stands at `times`. Counters only rise: a heartbeat that comes late takes
// nothing back.
export function raise(tally: Tally, name: string, times: number, now: number): void {
  if (times > (tally[name]?.times ?? 0)) tally[name] = { times, last: now };
}

// Once more.
export function count(tally: Tally, name: string, now: number): void {
  raise(tally, name, (tally[name]?.times ?? 0) + 1, now);
}

export class Tallies {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS tallies (
        isolate TEXT PRIMARY KEY NOT NULL,
        tally   TEXT NOT NULL      -- JSON: all that it has counted
      ) STRICT, WITHOUT ROWID;
    `);
  }

  of(isolate: string): Tally {
    return this.#tallies("isolate = ?", isolate)[0] ?? {};
  }

  keep(isolate: string, tally: Tally): void {
    this.#sql.exec(
      `INSERT INTO tallies (isolate, tally) VALUES (?, ?)
       ON CONFLICT (isolate) DO UPDATE SET tally = excluded.tally`,
      isolate,
      JSON.stringify(tally),
    );
  }

  // Of all isolates together.
  all(): Tally {
    return this.#tallies("true").reduce(sum, {});
  }

  // Forget the isolates that the table of isolates does not have any more, but not what they counted.
  prune(): void {
    const gone = "isolate <> ? AND isolate NOT IN (SELECT isolate FROM isolates)";
    const tallies = this.#tallies(gone, REST);
    if (tallies.length === 0) return;
    this.keep(REST, tallies.reduce(sum, this.of(REST)));
    this.#sql.exec(`DELETE FROM tallies WHERE ${gone}`, REST);
  }

  #tallies(which: string, ...bound: string[]): Tally[] {
    return this.#sql
      .exec<{ tally: string }>(`SELECT tally FROM tallies WHERE ${which}`, ...bound)
      .toArray()
      .map(({ tally }) => JSON.parse(tally) as Tally);
  }
}

function sum(one: Tally, other: Tally): Tally {
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])].sort();
  const none = { times: 0, last: -Infinity };
  return Object.fromEntries(
    names.map((name) => {
      const { times, last } = one[name] ?? none;
      const more = other[name] ?? none;
      return [name, { times: times + more.times, last: Math.max(last, more.last) }];
    }),
  );
}
