// Runs the halves of one write in their order, and answers as soon as the rules say so. What is left then
// goes on: a client that hangs up cuts no write in two.

import type { Counters } from "./counters.ts";
import { answerOf, nextHalf } from "./halves.ts";
import type { Answer, Ends, Half, KvEnd, Verb } from "./halves.ts";
import type { ObjectEnded } from "./object-side.ts";
import type { Stage } from "./stages.ts";
import type { World } from "./world.ts";

// None of them raises. `object`: how the object's half ended. `note`: put a half that is not known to be done
// into the journal; false: it could not be.
export interface Does {
  object(): Promise<ObjectEnded>;
  kv(object: ObjectEnded | null): Promise<KvEnd>;
  note(half: Half, end: string): Promise<boolean>;
}

// How the write ended as its caller sees it, and the halves as far as they are known then. `noted`: is every
// half that is not known to be done in the journal?
export interface Ended {
  answer: Answer;
  ends: Ends;
  noted: boolean;
}

export function run(stage: Stage, verb: Verb, does: Does, world: World, counters: Counters): Promise<Ended> {
  const { promise, resolve, reject } = Promise.withResolvers<Ended>();
  const work = async (): Promise<void> => {
    const ends: Ends = {};
    const notes: Promise<boolean>[] = [];
    let object: ObjectEnded | null = null;
    for (let half = nextHalf(stage, verb, ends); half !== null; half = nextHalf(stage, verb, ends)) {
      if (half === "object") {
        object = await does.object();
        ends.object = object.end;
      } else {
        ends.kv = await does.kv(object);
      }
      const end = ends[half];
      if (end === "failed" || end === "unanswered" || end === "late") {
        counters.add(`${half}_${end}`);
        notes.push(does.note(half, end));
      }
      if (end === "older") counters.add("object_older");
      if (end === "gone") counters.add("write_gone");
      const answer = answerOf(stage, verb, ends);
      if (answer !== null) resolve(answered(answer, ends, notes));
    }
    await Promise.all(notes);
  };
  world.lasting(work().catch(reject));
  return promise;
}

// A write of which one half is not known to be done is acknowledged only when the journal knows of it; of a half
// that comes after the answer, at `object-first` KV's, nobody can know that yet.
async function answered(answer: Answer, ends: Ends, notes: Promise<boolean>[]): Promise<Ended> {
  const now = { ...ends };
  const noted = (await Promise.all(notes)).every(Boolean);
  return { answer: answer === "done" && !noted ? "failed" : answer, ends: now, noted };
}
