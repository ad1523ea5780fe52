// The fence: once it is up, no row is replaced or buried any more, so that a gate's verify looks at
// rows that only the application changes (law 1).
//
// Why it holds, although no transaction spans two objects:
//
// With shards, every object keeps the fence, and looks at its own in the transaction of each replacement.
// It is put into all shards, and into the book last; when `raise` has answered, no object without it is
// left. A replacement that was on its way is decided by the order in which its object sees the two: before
// the fence, it is a replacement from before the verify; after it, it is refused.
//
// Sessions with objects of their own cannot all be told. There the bridge looks at the book's fence before
// it sends replacements, and the objects refuse them `WINDOW` seconds after the bridge began to look, by
// their own clocks. Whoever raises the fence waits for `WINDOW` and for as much as clocks may differ, from
// the moment that the book has it. A replacement whose bridge saw no fence began to look before that
// moment, so when the wait is over it has been done, or is refused by its object for ever.

import { FENCE } from "./notes.ts";
import { each } from "./objects.ts";
import type { Objects } from "./objects.ts";

const WINDOW = 30; // seconds that a replacement has from its bridge's look at the fence
const CLOCKS_DIFFER = 30; // seconds, at most, between the bridge's clock and any object's

// Until when replacements may be done that are sent now (Unix seconds). With shards their objects know.
export async function openUntil(objects: Objects, clock: () => number): Promise<number> {
  if (objects.placement.kind === "shards") return Infinity;
  const began = clock();
  const [fence] = await objects.get(objects.book).kvferryNotes([FENCE]);
  return fence ? -Infinity : began + WINDOW;
}

// Put it up, or find it up. `wait`: the seconds after which it holds everywhere, from the answer on.
export async function raise(objects: Objects, clock: () => number): Promise<{ wait: number }> {
  const note = { name: FENCE, body: JSON.stringify({ at: clock() }) };
  const shards = objects.placement.kind === "shards" ? objects.shards : [];
  await each(
    shards.filter((name) => name !== objects.book),
    (name) => put(objects, name, note),
  );
  await put(objects, objects.book, note);
  return { wait: shards.length > 0 ? 0 : WINDOW + CLOCKS_DIFFER };
}

async function put(objects: Objects, name: string, note: { name: string; body: string }): Promise<void> {
  const expect = [{ name: FENCE, version: 0 }]; // one that is up stays as it is
  await objects.get(name).kvferryImport({
    sweep: 0,
    batch: FENCE,
    differing: "waiting_to_settle",
    notAfter: null,
    records: [],
    replacements: [],
    burials: [],
    book: { expect, checkpoint: null, notes: [note], forget: [] },
    counted: {},
  });
}
