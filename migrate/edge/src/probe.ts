// What a deployment can do, tried out: an import in all but its effect. It writes nothing.

import { HALVES } from "./half-calls.ts";
import type { SessionObject } from "./methods.ts";
import { each, grouped } from "./objects.ts";
import type { Objects } from "./objects.ts";
import type { Incoming, Part } from "./part.ts";
import { lacksToolkit } from "./problem.ts";
import { Misshapen } from "./shape.ts";
import type { ProbeRequest } from "./wire.ts";

const NOWHERE = "\u{10ffff}"; // behind every key

// A part that every object refuses before it looks at anything, because it is too late for it.
function latePart(records: Incoming[]): Part {
  const nothing = { replacements: [], burials: [], book: null, counted: {} };
  return { sweep: 0, batch: "probe", differing: "waiting_to_settle", notAfter: 0, records, ...nothing };
}

const NO_NOTES = { expect: [], checkpoint: null, notes: [], forget: [] };

// What the session store asks, too late to have any effect.
const LATE = { halves: HALVES, key: NOWHERE, notAfter: 0, origin: "dual", expiration: 0 } as const;
const NO_VALUE = { value: new Uint8Array(), metadata: null };

// One harmless call of each method that the bridge or the session store needs.
const CALLS: { [Method in keyof SessionObject]: (object: SessionObject) => Promise<unknown> } = {
  kvferryImport: (object) => object.kvferryImport(latePart([])),
  kvferryHeads: (object) => object.kvferryHeads([]),
  kvferryRead: (object) => object.kvferryRead([], 0),
  kvferryScan: (object) => object.kvferryScan({ prefix: NOWHERE, after: null, upto: null, limit: 1, only: "all" }),
  kvferryScanValues: (object) =>
    object.kvferryScanValues({ prefix: NOWHERE, after: null, upto: null, limit: 1, only: "all" }, 0),
  kvferryInside: (object) => object.kvferryInside(NOWHERE, 1),
  kvferryCount: (object) => object.kvferryCount(NOWHERE),
  kvferryNotes: (object) => object.kvferryNotes([]),
  kvferryNotesFrom: (object) => object.kvferryNotesFrom(NOWHERE, null, 1),
  kvferryFinish: (object) => object.kvferryFinish(null, true),
  kvferryRefusal: (object) => object.kvferryRefusal(NO_NOTES, "probe"),
  kvferryLook: (object) => object.kvferryLook(LATE),
  kvferryPut: (object) => object.kvferryPut({ ...LATE, ...NO_VALUE, expect: null, every: 0 }),
  kvferryTouch: (object) => object.kvferryTouch({ ...LATE, until: 0, every: 0 }),
  kvferryDelete: (object) => object.kvferryDelete(LATE),
  kvferryAdopt: (object) => object.kvferryAdopt({ ...LATE, ...NO_VALUE }),
  kvferryHealth: (object) => object.kvferryHealth(),
};

// Everything that an import of these records takes, in time, calls and size, but all of its calls go to the
// object of the notes, which refuses them. `missing`: the methods that the class lacks, if they are asked for.
export async function probed({ records, methods }: ProbeRequest, objects: Objects): Promise<object> {
  const book = () => objects.get(objects.book); // anew for each call, as an import asks so many objects
  const parts = grouped(
    records.map((record, index) => ({ record, id: objects.id(record.key, `/records/${index}/key`) })),
    ({ id }) => objects.objectOf(id),
  );
  await book().kvferryRefusal(NO_NOTES, "probe");
  await each([...parts.values()], async (part) => {
    const sent = part.map(({ record, id }) => ({ ...record, key: id }));
    const { result } = await book().kvferryImport(latePart(sent));
    if (result !== "late") throw new Misshapen("/records", "was not refused");
  });
  await book().kvferryImport(latePart([]));
  return { records: records.length, calls: parts.size + 2, missing: methods ? await missing(book()) : [] };
}

async function missing(object: SessionObject): Promise<string[]> {
  const found: string[] = [];
  for (const [name, call] of Object.entries(CALLS)) {
    try {
      await call(object);
    } catch (error) {
      if (!lacksToolkit(error)) throw error;
      found.push(name);
    }
  }
  return found;
}
