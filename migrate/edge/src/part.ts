// The part of an import that concerns one object, and what its outcomes come to.

import type { Burial, Import, Replacement, Reversal } from "./laws.ts";
import type { Bookkeeping, Note } from "./notes.ts";
import type { Buried, Outcome, Reverted, Stored, Tally } from "./record.ts";

// A record, and the names of a note that is removed if it is inserted, and of one that is written if the
// class cannot store it: then with the text `unfit` of the part's book.
export type Incoming = Stored & { releases?: string | undefined; holds?: string };

// The part of an import that concerns one object. `book`: what its notes get, if they are kept here;
// `counted`: what the other objects' parts came to. `reversals`: left out by a bridge that is older.
export interface Part extends Import {
  notAfter: number | null;
  records: Incoming[];
  replacements: (Replacement & { holds?: string })[];
  burials: Burial[];
  reversals?: Reversal[];
  book: Bookkeeping | null;
  counted: Tally;
}

// Why a part is not done, although nothing is wrong. "late": past its not-after time. "conflict": which
// expectation was not met. "repeated": this very batch was done before, and its checkpoint is there.
// "finished": the migration is. None of them has changed anything.
export type Refusal =
  | { result: "late" }
  | { result: "finished" }
  | { result: "conflict"; index: number }
  | { result: "repeated"; checkpoint: Note };

export interface PartDone {
  result: "done";
  outcomes: Outcome[];
  buried: Buried[];
  reverted?: Reverted[]; // left out by a class that is older
  checkpoint: Note | null;
}

export type PartAnswer = Refusal | PartDone;

// Does it move a session, say who is right about one, or how far a sweep is? Only the other notes may come after the end.
export function isMoving({ records, replacements, burials, reversals = [], book }: Part): boolean {
  const moved = records.length + replacements.length + burials.length + reversals.length;
  return moved > 0 || (book?.checkpoint ?? null) !== null;
}

// The notes of those records that were inserted.
export function released(records: Incoming[], outcomes: Outcome[]): string[] {
  return records.flatMap(({ releases }, index) =>
    releases !== undefined && outcomes[index] === "copied" ? [releases] : [],
  );
}

// The notes of those records that could not be stored.
export function held({ records, replacements }: Part, outcomes: Outcome[]): string[] {
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
