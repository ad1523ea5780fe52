// The fence: while it is up, no row is replaced or buried, so that a gate's verify looks at rows that only
// the application changes (law 1). An operator may lift it; then every verdict that rests on it is void.
//
// Why it holds, although no transaction spans two objects:
//
// With shards, every object keeps the fence, and looks at its own in the transaction of each replacement.
// When the book says "up", all shards have it. A replacement that was on its way is decided by the order in
// which its object sees the two: before the fence, it is a replacement from before the verify; after it, it
// is refused.
//
// Sessions with objects of their own cannot all be told. There the bridge looks at the book's fence before
// it sends replacements, and the objects refuse them `WINDOW` seconds after the bridge began to look, by
// their own clocks. The fence holds `WINDOW`, and as much as clocks may differ, after the book has it. A
// replacement whose bridge saw no fence began to look before that moment, so when the wait is over it has
// been done, or is refused by its object for ever.
//
// Why two operators cannot undo each other's half of the work: no note is ever removed, so versions rise.
//   raise   the book: rising (if it is the version that was read) -> every shard: up, whatever there is
//           -> the book: up (if it is still the version of the first step)
//   lift    every shard: read the version -> the book: down (if it is the version that was read)
//           -> every shard: down (if it is still the version that was read)
// Between the two writes of a raise that ended well nobody wrote the book. So any lift that writes shards
// put the book down before that raise wrote the first shard, or after the book was up. In the first case it
// had read the shards' versions earlier still, and each that the raise has written is another version now:
// its late writes are refused. In the second the book says down. Several may raise at once: whoever finds it
// rising goes on with it, and one of them writes the book. Whoever loses the book starts again.
//
// Going back does not heed it (reverting.ts): a row that is turned from `app` to `dual` keeps its value,
// metadata and expiration, so nothing that a gate's verify has compared changes. What changes is who is right
// about the row, and with that every verdict is void: `kvferry rollback` puts that on record before its first row,
// leaves the fence up for as long as it settles rows, so that no sweep changes any, and lifts it after the last.

import { FENCE, fenceOf } from "./notes.ts";
import type { Fence } from "./notes.ts";
import { each } from "./objects.ts";
import type { Objects } from "./objects.ts";
import { Problem } from "./problem.ts";

const WINDOW = 30; // seconds that a replacement has from its bridge's look at the fence
const CLOCKS_DIFFER = 30; // seconds, at most, between the bridge's clock and any object's
const TURNS = 5; // after so many lost to others, somebody else decides when to try again

type Body = Pick<Fence, "state"> & { since?: number };

// `since`: when it holds everywhere, Unix seconds of the bridge's clock, null: it is down. `wait`: the
// seconds until then.
export interface Standing {
  since: number | null;
  wait: number;
}

// Until when replacements may be done that are sent now (Unix seconds). With shards their objects know.
export async function openUntil(objects: Objects, clock: () => number): Promise<number> {
  if (objects.placement.kind === "shards") return Infinity;
  const began = clock();
  const { state } = await read(objects, objects.book);
  return state === "down" ? began + WINDOW : -Infinity;
}

// Put it up, or find it up, with its time.
export async function raise(objects: Objects, clock: () => number): Promise<Standing> {
  const wait = objects.placement.kind === "shards" ? 0 : WINDOW + CLOCKS_DIFFER;
  for (let turn = 0; turn < TURNS; turn++) {
    const found = await read(objects, objects.book);
    if (found.state === "up" && found.since !== null) {
      return { since: found.since, wait: Math.max(0, found.since - clock()) };
    }
    const rising = found.state === "rising";
    if (!rising && !(await written(objects, objects.book, { state: "rising" }, found.version))) continue;
    await each(others(objects), (name) => written(objects, name, { state: "up" }, null));
    const since = clock() + wait; // read once all of them have it
    const version = found.version + (rising ? 0 : 1);
    if (await written(objects, objects.book, { state: "up", since }, version)) return { since, wait };
  }
  throw new Problem("retryable");
}

// Put it down, or find it down; what an earlier attempt has left up goes down with it. With N shards it takes
// 2 N calls, so that a Worker that may do 1,000 of them has room for 500 shards.
export async function lift(objects: Objects): Promise<Standing> {
  for (let turn = 0; turn < TURNS; turn++) {
    const { version } = await read(objects, objects.book);
    const shards = await versions(objects);
    if (!(await written(objects, objects.book, { state: "down" }, version))) continue;
    await each(shards, ([name, seen]) => written(objects, name, { state: "down" }, seen));
    return { since: null, wait: 0 };
  }
  throw new Problem("retryable");
}

function others(objects: Objects): string[] {
  return objects.placement.kind === "shards" ? objects.shards.filter((name) => name !== objects.book) : [];
}

// The versions of the fence in the other shards, of those that have had one.
async function versions(objects: Objects): Promise<[string, number][]> {
  const found = await each(others(objects), async (name): Promise<[string, number]> => {
    const { version } = await read(objects, name);
    return [name, version];
  });
  return found.filter(([, version]) => version > 0);
}

async function read(objects: Objects, name: string): Promise<Fence> {
  const [note] = await objects.get(name).kvferryNotes([FENCE]);
  return fenceOf(note ?? null);
}

// Write an object's note, if it has this version (null: whatever it has); false: it has another one.
async function written(objects: Objects, name: string, body: Body, version: number | null): Promise<boolean> {
  const answer = await objects.get(name).kvferryImport({
    sweep: 0,
    batch: FENCE,
    differing: "waiting_to_settle",
    notAfter: null,
    records: [],
    replacements: [],
    burials: [],
    book: {
      expect: version === null ? [] : [{ name: FENCE, version }],
      checkpoint: null,
      notes: [{ name: FENCE, body: JSON.stringify(body) }],
      forget: [],
    },
    counted: {},
  });
  return answer.result === "done";
}
