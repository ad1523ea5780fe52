// The end of a migration. From `finish` on nothing is imported, replaced or buried any more, and there is no
// way back: only then may the objects forget what has expired and who was logged out (laws 2 and 3).
//
// With shards every object keeps the note, the book last, and looks at its own in the transaction of each
// import. What an object refuses, and what it forgets, goes by the same note, so the order between two
// objects does not matter.
//
// Sessions with objects of their own cannot all be told. There the bridge looks at the book's note before it
// sends rows, and the objects refuse them `WINDOW` seconds after that look began, by their own clocks. It is
// the end `WINDOW`, and as much as clocks may differ, after the book has the note. Only afterwards are objects
// told, by their ids, as far as somebody has a list of them: from then on each may forget.

import { FINISHED } from "./notes.ts";
import { each } from "./objects.ts";
import type { Objects } from "./objects.ts";
import { Problem } from "./problem.ts";

const WINDOW = 300; // seconds that an import has from its bridge's look at the book
const CLOCKS_DIFFER = 30; // seconds, at most, between the bridge's clock and any object's

// `since`: from when on it is the end everywhere, Unix seconds of the bridge's clock. `wait`: the seconds
// until then. `told`: how many of the objects that were asked for hold something, and know it now.
export interface Ended {
  since: number;
  wait: number;
  told: number;
}

// Until when rows may be imported that are sent now (Unix seconds). With shards their objects know.
// Raises Problem once it is the end.
export async function importsUntil(objects: Objects, clock: () => number): Promise<number> {
  if (objects.placement.kind === "shards") return Infinity;
  const began = clock();
  const [note] = await objects.get(objects.book).kvferryNotes([FINISHED]);
  if (note) throw new Problem("finished");
  return began + WINDOW;
}

// Make it the end, or find it so; then tell the objects with these ids, each of which holds a session.
export async function finish(objects: Objects, ids: string[], clock: () => number): Promise<Ended> {
  const alone = objects.placement.kind !== "shards";
  if (!alone && ids.length > 0) throw new Problem("placement");
  if (!alone) {
    const others = objects.shards.filter((name) => name !== objects.book);
    const began = clock();
    await each(others, (name) => objects.get(name).kvferryFinish(began, false));
  }
  const wanted = clock() + (alone ? WINDOW + CLOCKS_DIFFER : 0);
  const since = (await objects.get(objects.book).kvferryFinish(wanted, false)) ?? wanted;
  const wait = Math.max(0, since - clock());
  if (wait > 0) return { since, wait, told: 0 };
  const told = await each(ids, (id) => objects.byId(id).object.kvferryFinish(since, true));
  return { since, wait, told: told.filter((one) => one !== null).length };
}
