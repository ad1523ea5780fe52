// What each verb of the wire protocol does: cut a request into parts by object, ask, and join the answers.

import { allows } from "./bearer.ts";
import type { Scope } from "./bearer.ts";
import { buried } from "./burying.ts";
import { statistics } from "./counting.ts";
import type { Countings } from "./counting.ts";
import { lift, openUntil, raise } from "./fence.ts";
import { finish, importsUntil } from "./finish.ts";
import type { Full, Head, Range } from "./looks.ts";
import type { Bookkeeping, Note } from "./notes.ts";
import { each, grouped } from "./objects.ts";
import type { Objects } from "./objects.ts";
import { released, sum, tallied } from "./part.ts";
import type { Part, Refusal } from "./part.ts";
import { kvWritten } from "./kv-writing.ts";
import type { KvWriter } from "./kv-writing.ts";
import { BOOK } from "./placement.ts";
import { probed } from "./probe.ts";
import { Problem } from "./problem.ts";
import type { Outcome, Tally } from "./record.ts";
import { reverted } from "./reverting.ts";
import { Misshapen } from "./shape.ts";
import { toBase64 } from "./text.ts";
import { LIMITS, REQUESTS } from "./wire.ts";
import type {
  CheckpointRequest,
  CountRequest,
  ImportRequest,
  KeysRequest,
  ObjectsRequest,
  ScanRequest,
  TombstonesRequest,
} from "./wire.ts";

const READ_AT_ONCE = 8; // objects that are asked for values, each of up to 2 MB

// Raises Misshapen and Problem, and whatever an object raises.
export function answerTo(
  verb: keyof typeof REQUESTS,
  document: unknown,
  objects: Objects,
  scope: Scope,
  clock: () => number,
  { countings, kv }: { countings: Countings | undefined; kv: KvWriter | undefined },
): Promise<object> {
  switch (verb) {
    case "import":
      return imported(REQUESTS.import(document), objects, clock);
    case "fence":
      return REQUESTS.fence(document).up ? raise(objects, clock) : lift(objects);
    case "bury":
      return buried(REQUESTS.bury(document), objects, clock);
    case "kv":
      return kvWritten(REQUESTS.kv(document), objects, kv, clock);
    case "revert":
      return reverted(REQUESTS.revert(document), objects, clock);
    case "finish":
      return finish(objects, REQUESTS.finish(document).ids, clock);
    case "heads":
      return heads(REQUESTS.heads(document), objects);
    case "read":
      return values(REQUESTS.read(document), objects);
    case "objects":
      return inside(REQUESTS.objects(document), objects);
    case "scan":
      return scanned(REQUESTS.scan(document), objects, scope);
    case "tombstones":
      return tombstones(REQUESTS.tombstones(document), objects);
    case "count":
      return counted(REQUESTS.count(document), objects);
    case "stats":
      REQUESTS.stats(document);
      return statistics(countings);
    case "probe":
      return probed(REQUESTS.probe(document), objects);
    case "checkpoint":
      return notes(REQUESTS.checkpoint(document), objects);
  }
}

// ---------------------------------------------------------------- import

type Piece = { index: number; id: string };

// Every object's part is a transaction of its own. The one with the notes comes last, and with
// it the checkpoint: a low-water mark. An import that ended on the way is repeated under the
// same batch, which counts as its own what it had written already.
async function imported(request: ImportRequest, anywhere: Objects, clock: () => number): Promise<object> {
  const objects = anywhere.near(request.locationHint);
  const pieces = importPieces(request, objects, clock());
  const ends = pieces.length > 0 ? await importsUntil(objects, clock) : Infinity;
  const until = request.replacements.length > 0 ? await openUntil(objects, clock) : 0;
  const parts = grouped(pieces, ({ id }) => objects.objectOf(id));
  const { batch, expect, checkpoint, notes, forget, unfit } = request;
  const book: Bookkeeping = { expect, checkpoint, notes, forget, unfit: unfit?.body };
  const outcomes: Outcome[] = new Array(pieces.length);
  const done: string[] = [];
  const held: { name: string; body: string }[] = [];
  const send = async (name: string, some: Piece[], kept: Bookkeeping | null, counted: Tally) => {
    const part = partOf(request, some, { ends, until }, kept, counted);
    const answer = await objects.get(name).kvferryImport(part);
    if (answer.result !== "done") return refused(answer);
    some.forEach(({ index }, place) => (outcomes[index] = answer.outcomes[place] as Outcome));
    done.push(...released(part.records, answer.outcomes));
    if (unfit !== undefined) {
      const bad = some.filter((_, place) => answer.outcomes[place] === "quarantined");
      held.push(...bad.map(({ id }) => ({ name: unfit.name + objects.key(id), body: unfit.body })));
    }
    return answer;
  };
  const others = [...parts].filter(([name]) => name !== objects.book);
  const last = parts.get(objects.book) ?? [];
  const keeps = checkpoint !== null || notes.length + forget.length + expect.length > 0;
  if (keeps && others.length > 0) {
    // Look before the first part is written: whoever lost the lease writes nothing. The object of
    // the notes looks again, in its transaction.
    const refusal = await objects.get(objects.book).kvferryRefusal(book, batch);
    if (refusal !== null) return refused(refusal);
  }
  const counts = await each(others, async ([name, some]) => {
    const answer = await send(name, some, null, {});
    return tallied(answer.outcomes ?? []);
  });
  const noted = done.length + held.length > 0;
  if (last.length === 0 && !keeps && !noted) return { outcomes, checkpoint: null };
  const whole = { ...book, notes: [...notes, ...held], forget: [...forget, ...done] };
  const answer = await send(objects.book, last, whole, sum(counts));
  return { outcomes: answer.outcomes && outcomes, checkpoint: answer.checkpoint };
}

// A batch that was done before has its checkpoint, and no outcomes any more; the rest are errors.
function refused(answer: Refusal): { outcomes: null; checkpoint: Note } {
  if (answer.result === "late" || answer.result === "finished") throw new Problem(answer.result);
  if (answer.result === "conflict") throw new Problem("conflict", { index: answer.index });
  return { outcomes: null, checkpoint: answer.checkpoint };
}

function importPieces(request: ImportRequest, objects: Objects, now: number): Piece[] {
  const { records, replacements, notAfter } = request;
  if (records.length + replacements.length > LIMITS.records) {
    throw new Misshapen("/replacements", "has too many items");
  }
  if (records.length + replacements.length > 0 && notAfter === null) {
    throw new Misshapen("/notAfter", "is missing");
  }
  const latest = now + LIMITS.notAfterSeconds;
  if ((notAfter ?? 0) > latest) throw new Misshapen("/notAfter", "is too far ahead");
  const seen = new Set<string>();
  return [...records, ...replacements].map(({ key }, index) => {
    const at =
      index < records.length ? `/records/${index}/key` : `/replacements/${index - records.length}/key`;
    const id = objects.id(key, at);
    if (seen.has(id)) throw new Misshapen(at, "comes twice");
    seen.add(id);
    return { index, id };
  });
}

function partOf(
  request: ImportRequest,
  pieces: Piece[],
  { ends, until }: { ends: number; until: number },
  book: Bookkeeping | null,
  counted: Tally,
): Part {
  const { sweep, batch, differing, records, replacements, unfit } = request;
  const notAfter = pieces.length > 0 ? Math.min(request.notAfter ?? ends, ends) : request.notAfter;
  const part: Part = { sweep, batch, differing, notAfter, records: [], replacements: [], burials: [], book, counted };
  // What other objects cannot store is noted by the bridge, once they have answered.
  const holds = (key: string) => (book === null || unfit === undefined ? {} : { holds: unfit.name + key });
  for (const { index, id } of pieces) {
    const record = records[index];
    if (record !== undefined) {
      part.records.push({ ...record, ...holds(record.key), key: id });
    } else {
      const wanted = replacements[index - records.length] as ImportRequest["replacements"][number];
      const notAfter = Math.min(wanted.notAfter, until);
      part.replacements.push({ ...wanted, ...holds(wanted.key), notAfter, key: id });
    }
  }
  return part;
}

// ---------------------------------------------------------------- rows

async function heads({ keys }: KeysRequest, objects: Objects): Promise<object> {
  const rows: (object | null)[] = new Array(keys.length);
  await each([...piecesOf(keys, objects)], async ([name, pieces]) => {
    const found = await objects.get(name).kvferryHeads(pieces.map(({ id }) => id));
    pieces.forEach(({ index }, place) => (rows[index] = wired(found[place] ?? null, objects)));
  });
  return { rows };
}

// As many rows as the answer has room for; the numbers of the other keys are in `unanswered`.
async function values({ keys }: KeysRequest, objects: Objects): Promise<object> {
  const rows: (object | null | undefined)[] = new Array(keys.length);
  const groups = [...piecesOf(keys, objects)];
  const share = LIMITS.answerBytes / Math.min(READ_AT_ONCE, groups.length);
  let left = LIMITS.answerBytes;
  await each(
    groups,
    async ([name, pieces]) => {
      if (left <= 0) return;
      const ids = pieces.map(({ id }) => id);
      const found = await objects.get(name).kvferryRead(ids, Math.min(share, left));
      found.forEach((row, place) => {
        left -= row?.bytes ?? 0;
        rows[(pieces[place] as Piece).index] = wired(row, objects);
      });
    },
    READ_AT_ONCE,
  );
  const unanswered = keys.flatMap((_, index) => (rows[index] === undefined ? [index] : []));
  return { rows: Array.from(rows, (row) => row ?? null), unanswered };
}

function piecesOf(keys: string[], objects: Objects): Map<string, Piece[]> {
  const pieces = keys.map((key, index) => ({ index, id: objects.id(key, `/keys/${index}`) }));
  return grouped(pieces, ({ id }) => objects.objectOf(id));
}

async function scanned(request: ScanRequest, objects: Objects, scope: Scope): Promise<object> {
  if (request.values && !allows(scope, "values")) throw new Problem("forbidden");
  const object = objects.get(objects.shard(request.shard));
  const range: Range = {
    ...objects.range(request.prefix, request.after, request.upto),
    limit: request.limit,
    only: request.live ? "live" : "all",
  };
  const { rows, more } = request.values
    ? await object.kvferryScanValues(range, LIMITS.answerBytes)
    : await object.kvferryScan(range);
  return { rows: rows.map((row) => wired(row, objects)), more };
}

async function tombstones(request: TombstonesRequest, objects: Objects): Promise<object> {
  const { shard, prefix, after, limit } = request;
  const range: Range = { ...objects.range(prefix, after, null), limit, only: "tombstones" };
  const { rows, more } = await objects.get(objects.shard(shard)).kvferryScan(range);
  return { rows: rows.map((row) => wired(row, objects)), more };
}

// What the objects with these ids hold. An object is a session's if it has the row that an application
// finds there: the one whose name makes its id. Rows under other names are `others`.
async function inside({ ids }: ObjectsRequest, objects: Objects): Promise<object> {
  let left = LIMITS.answerBytes;
  const found: ({ kind: string; head: object | null; others: boolean } | null)[] = new Array(ids.length).fill(null);
  await each([...ids.entries()], async ([index, id]) => {
    if (left <= 0) return;
    const { head, others, book, stored } = await lookedInto(objects.byId(id));
    left -= head?.metadata?.length ?? 0;
    const kind = head !== null ? "session" : book ? "book" : stored ? "unnamed" : "empty";
    found[index] = { kind, head: wired(head, objects), others };
  });
  return { objects: found };
}

const INSIDE = 100; // rows of one question
const ENOUGH = 1000; // rows after which an object is no session's: a shard, perhaps

async function lookedInto({ object, isNamed }: ReturnType<Objects["byId"]>): Promise<{
  head: Head | null; others: boolean; book: boolean; stored: boolean;
}> {
  let head: Head | null = null;
  let others = 0;
  for (let after: string | null = null; ; ) {
    const { rows, more, book, stored } = await object.kvferryInside(after, INSIDE);
    for (const row of rows) {
      if (isNamed(row.key)) head = row;
      else others += 1;
    }
    const known = head !== null && others > 0;
    if (!more || known || others >= ENOUGH) {
      return { head, others: others > 0, book: book && isNamed(BOOK), stored };
    }
    after = rows.at(-1)?.key ?? null;
  }
}

// A row as it travels: its key with the prefix, its value in base64.
function wired(row: Head | Full | null, objects: Objects): object | null {
  if (row === null) return null;
  const head = {
    key: objects.key(row.key),
    digest: row.digest,
    bytes: row.bytes,
    metadata: row.metadata,
    expiration: row.expiration,
    origin: row.origin,
    version: row.version,
    changes: row.changes,
    sweep: row.sweep,
    tombstone: row.tombstone && { deletedAt: row.tombstone.deletedAt, keepUntil: row.tombstone.keepUntil },
  };
  return "value" in row ? { ...head, value: row.value && toBase64(row.value) } : head;
}

async function counted({ prefix }: CountRequest, objects: Objects): Promise<object> {
  const range = objects.range(prefix, null, null);
  const counts = await each(objects.shards, (name) => objects.get(name).kvferryCount(range.prefix));
  return { count: sum(counts.map((count) => ({ ...count }))) };
}

// ---------------------------------------------------------------- notes

// The notes of these names, null for those that are not there; or those with a prefix, page by page.
async function notes(request: CheckpointRequest, objects: Objects): Promise<object> {
  const { names, prefix, after, limit } = request;
  const book = objects.get(objects.book);
  if (names !== undefined) {
    if (prefix !== undefined || after !== undefined || limit !== undefined) {
      throw new Misshapen("/names", "stands alone");
    }
    return { notes: await book.kvferryNotes(names), more: false };
  }
  if (prefix === undefined || limit === undefined) throw new Misshapen("/names", "is missing");
  const { rows, more } = await book.kvferryNotesFrom(prefix, after ?? null, limit);
  return { notes: rows, more };
}
