// Going back over the wire: rows that the application wrote while the object was authoritative become rows of
// KV's again, once KV has been seen to hold the same. One transaction for each object.
//
// Only what the row is changes, from `app` to `dual`; value, metadata and expiration stay as they are. Expired
// rows are turned too, because a later dual write of theirs would stay `app`; a tombstone is final and never is.
// Needs a key of its own scope.

import { importsUntil } from "./finish.ts";
import { each, grouped } from "./objects.ts";
import type { Objects } from "./objects.ts";
import { Problem } from "./problem.ts";
import type { Reverted } from "./record.ts";
import { Misshapen } from "./shape.ts";
import { LIMITS } from "./wire.ts";
import type { RevertRequest } from "./wire.ts";

export async function reverted(request: RevertRequest, objects: Objects, clock: () => number): Promise<object> {
  const { batch, notAfter, expect, rows } = request;
  if (notAfter > clock() + LIMITS.notAfterSeconds) throw new Misshapen("/notAfter", "is too far ahead");
  const pieces = piecesOf(rows, objects);
  const ends = rows.length > 0 ? await importsUntil(objects, clock) : Infinity;
  // Whoever lost the lease turns nothing; each row is compared with its version besides.
  const book = { expect, checkpoint: null, notes: [], forget: [] };
  const refusal = await objects.get(objects.book).kvferryRefusal(book, batch);
  if (refusal?.result === "conflict") throw new Problem("conflict", { index: refusal.index });
  const outcomes: Reverted[] = new Array(rows.length);
  await each([...grouped(pieces, ({ id }) => objects.objectOf(id))], async ([name, some]) => {
    const answer = await objects.get(name).kvferryImport({
      sweep: 0,
      batch,
      differing: "waiting_to_settle",
      notAfter: Math.min(notAfter, ends),
      records: [],
      replacements: [],
      burials: [],
      reversals: some.map(({ id, version }) => ({ key: id, version })),
      book: null,
      counted: {},
    });
    // Without notes there is nothing else to refuse.
    if (answer.result !== "done") throw new Problem(answer.result === "finished" ? "finished" : "late");
    const { reverted: ended } = answer;
    if (ended === undefined) throw new Problem("toolkit"); // a class that is older does not know of this
    some.forEach(({ index }, place) => (outcomes[index] = ended[place] as Reverted));
  });
  return { outcomes };
}

type Piece = { index: number; id: string; version: number };

function piecesOf(rows: RevertRequest["rows"], objects: Objects): Piece[] {
  const seen = new Set<string>();
  return rows.map(({ key, version }, index) => {
    const at = `/rows/${index}/key`;
    const id = objects.id(key, at);
    if (seen.has(id)) throw new Misshapen(at, "comes twice");
    seen.add(id);
    return { index, id, version };
  });
}
