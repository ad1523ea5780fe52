// Which halves a write has at a stage, in what order, and what its caller is told: decided from how the
// halves ended, and from nothing else.
//
// A write is acknowledged when it is in every store that a live isolate may believe, and the stage says
// which store that is. The object's half comes first wherever there is one.

import type { Stage } from "./stages.ts";

export type Verb = "put" | "touch" | "delete";
export type Half = "object" | "kv";

// How a half ended. "done": known to be done. "late": past its not-after time, and will not be done.
// "failed" and "unanswered": nobody knows; it may still land. "gone": the session was deleted. "changed":
// the row is not the one that was read. "missing", "nothing": there is no such live session, or nothing at
// all. "older": the object's code does not know the store's calls.
export type ObjectEnd =
  | "done"
  | "late"
  | "failed"
  | "unanswered"
  | "gone"
  | "changed"
  | "missing"
  | "nothing"
  | "older";
export type KvEnd = "done" | "late" | "failed" | "unanswered";

export interface Ends {
  object?: ObjectEnd;
  kv?: KvEnd;
}

// "done": acknowledged. "failed": the caller gets the error. "unextended": a touch that may not have
// extended the session, which is no error. The others are the object's word: nothing was written.
export type Answer = "done" | "failed" | "unextended" | "gone" | "changed" | "missing" | "nothing";

// The half that comes next; null: there is none any more.
export function nextHalf(stage: Stage, verb: Verb, { object, kv }: Ends): Half | null {
  if (stage !== "kv" && object === undefined) return "object";
  if (stage === "object-only" || kv !== undefined) return null;
  return goesOn(stage, verb, object) ? "kv" : null;
}

// Does KV's half follow? What the object refused knowingly is not written to KV either.
function goesOn(stage: Stage, verb: Verb, object: ObjectEnd | undefined): boolean {
  if (object === undefined || object === "done") return true;
  if (refusal(object) !== null) return false;
  if (stage === "dual-write") return true;
  // A logout that the object does not know of yet leaves KV all the same: the caller gets the error.
  return stage === "shadow-read" && verb === "delete";
}

// What the caller is told, as soon as it can be; null: not yet. With no half left it is never null.
export function answerOf(stage: Stage, verb: Verb, ends: Ends): Answer | null {
  const { object, kv } = ends;
  if (stage === "kv") return kv === undefined ? null : told(kv === "done");
  if (object === undefined) return null;
  const refused = refusal(object);
  if (refused !== null) return refused;
  switch (stage) {
    case "dual-write":
      if (kv === undefined) return null;
      // An object whose code is older has no half: the session stays at `kv`.
      return told(kv === "done" && (verb !== "delete" || object === "done" || object === "older"));
    case "shadow-read": {
      if (kv === undefined && nextHalf(stage, verb, ends) !== null) return null;
      const done = object === "done" && kv === "done";
      return verb === "touch" && !done ? "unextended" : told(done);
    }
    case "object-first":
    case "object-only":
      return told(object === "done");
  }
}

function told(done: boolean): Answer {
  return done ? "done" : "failed";
}

// The object's word that nothing was written, and nothing is to be.
function refusal(object: ObjectEnd): "gone" | "changed" | "missing" | "nothing" | null {
  return object === "gone" || object === "changed" || object === "missing" || object === "nothing" ? object : null;
}
