// The methods by which the bridge and the session store reach an object: every class that keeps sessions
// has these, and this is the only list of them.

import type { AdoptHalf, Ask, DeleteHalf, HalfEnd, Here, PutHalf, TouchHalf } from "./half-calls.ts";
import type { Count, Full, Head, Inside, Range, Some } from "./looks.ts";
import type { Bookkeeping, Note } from "./notes.ts";
import { adopt, look, put, remove, touch } from "./object-half.ts";
import type { Part, PartAnswer, Refusal } from "./part.ts";
import type { Toolkit } from "./toolkit.ts";
import { PROTOCOL, VERSION } from "./wire.ts";

// Where an object has its toolkit: no text, so that nothing can ask for it by RPC.
export const TOOLKIT: unique symbol = Symbol("toolkit");

export abstract class ToolkitMethods {
  declare [TOOLKIT]: Toolkit;

  kvferryImport(part: Part): Promise<PartAnswer> {
    return this[TOOLKIT].import(part);
  }

  kvferryHeads(keys: string[]): Promise<(Head | null)[]> {
    return this[TOOLKIT].looks.heads(keys);
  }

  kvferryRead(keys: string[], bytes: number): Promise<(Full | null)[]> {
    return this[TOOLKIT].looks.read(keys, bytes);
  }

  kvferryScan(range: Range): Promise<Some<Head>> {
    return this[TOOLKIT].looks.scan(range);
  }

  kvferryScanValues(range: Range, bytes: number): Promise<Some<Full>> {
    return this[TOOLKIT].looks.scanValues(range, bytes);
  }

  kvferryInside(after: string | null, limit: number): Promise<Inside> {
    return this[TOOLKIT].looks.inside(after, limit);
  }

  kvferryCount(prefix: string): Count {
    return this[TOOLKIT].looks.count(prefix);
  }

  kvferryNotes(names: string[]): (Note | null)[] {
    return this[TOOLKIT].looks.notes(names);
  }

  kvferryNotesFrom(prefix: string, after: string | null, limit: number): Some<Note> {
    return this[TOOLKIT].looks.notesFrom(prefix, after, limit);
  }

  kvferryRefusal(book: Bookkeeping, batch: string): Refusal | null {
    return this[TOOLKIT].refusal(book, batch);
  }

  kvferryFinish(since: number | null, alone: boolean): number | null {
    return this[TOOLKIT].finish(since, alone);
  }

  // ---------------------------------------------------------------- the session store's

  kvferryLook(ask: Ask): Here {
    return look(this[TOOLKIT], ask);
  }

  kvferryPut(ask: PutHalf): Promise<HalfEnd> {
    return put(this[TOOLKIT], ask);
  }

  kvferryTouch(ask: TouchHalf): Promise<HalfEnd> {
    return touch(this[TOOLKIT], ask);
  }

  kvferryDelete(ask: DeleteHalf): Promise<HalfEnd> {
    return remove(this[TOOLKIT], ask);
  }

  kvferryAdopt(ask: AdoptHalf): Promise<Here | null> {
    return adopt(this[TOOLKIT], ask);
  }

  kvferryHealth(): { protocol: number; version: string; now: number; verbatim: boolean } {
    const { verbatim } = this[TOOLKIT];
    return { protocol: PROTOCOL, version: VERSION, now: this[TOOLKIT].now(), verbatim };
  }
}

// What an object with these methods is to whoever calls it by RPC.
export type SessionObject = {
  [Name in Exclude<keyof ToolkitMethods, typeof TOOLKIT>]: (
    ...given: Parameters<ToolkitMethods[Name]>
  ) => Promise<Awaited<ReturnType<ToolkitMethods[Name]>>>;
};

// The language wants `any` for the arguments of a class that is extended.
export type Class<Instance = object> = abstract new (...given: any[]) => Instance;

// The class with the methods. Whoever extends it sets `this[TOOLKIT]` in its constructor.
export function withMethods<Base extends Class>(Base: Base): Base & Class<ToolkitMethods> {
  abstract class Extended extends Base {}
  const { constructor: _, ...methods } = Object.getOwnPropertyDescriptors(ToolkitMethods.prototype);
  Object.defineProperties(Extended.prototype, methods);
  return Extended as unknown as Base & Class<ToolkitMethods>;
}
