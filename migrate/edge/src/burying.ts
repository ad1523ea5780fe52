// Deleting over the wire: rows that the source was seen to lack become tombstones, one transaction for
// each object. Needs a key of its own scope.

import { openUntil } from "./fence.ts";
import { importsUntil } from "./finish.ts";
import { each, grouped } from "./objects.ts";
import type { Objects } from "./objects.ts";
import { Problem } from "./problem.ts";
import type { Buried } from "./record.ts";
import { Misshapen } from "./shape.ts";
import { LIMITS } from "./wire.ts";
import type { BuryRequest } from "./wire.ts";

export async function buried(request: BuryRequest, objects: Objects, clock: () => number): Promise<object> {
  const { batch, notAfter, expect, rows } = request;
  if (notAfter > clock() + LIMITS.notAfterSeconds) throw new Misshapen("/notAfter", "is too far ahead");
  const pieces = piecesOf(rows, objects);
  const ends = rows.length > 0 ? await importsUntil(objects, clock) : Infinity;
  const until = rows.length > 0 ? await openUntil(objects, clock) : 0;
  // Whoever lost the lease buries nothing; each row is compared with its version besides.
  const book = { expect, checkpoint: null, notes: [], forget: [] };
  const refusal = await objects.get(objects.book).kvferryRefusal(book, batch);
  if (refusal?.result === "conflict") throw new Problem("conflict", { index: refusal.index });
  const outcomes: Buried[] = new Array(rows.length);
  const parts = grouped(pieces, ({ id }) => objects.objectOf(id));
  await each([...parts], async ([name, some]) => {
    const answer = await objects.get(name).kvferryImport({
      sweep: 0,
      batch,
      differing: "waiting_to_settle",
      notAfter: Math.min(notAfter, ends),
      records: [],
      replacements: [],
      burials: some.map(({ id, version, legacy }) => ({ key: id, version, legacy, notAfter: until })),
      book: null,
      counted: {},
    });
    // Without notes there is nothing else to refuse.
    if (answer.result !== "done") throw new Problem(answer.result === "finished" ? "finished" : "late");
    some.forEach(({ index }, place) => (outcomes[index] = answer.buried[place] as Buried));
  });
  return { outcomes };
}

type Piece = { index: number; id: string; version: number; legacy: boolean | undefined };

function piecesOf(rows: BuryRequest["rows"], objects: Objects): Piece[] {
  const seen = new Set<string>();
  return rows.map(({ key, version, legacy }, index) => {
    const at = `/rows/${index}/key`;
    const id = objects.id(key, at);
    if (seen.has(id)) throw new Misshapen(at, "comes twice");
    seen.add(id);
    return { index, id, version, legacy };
  });
}
