// Runs the halves of one write in their order, and answers as soon as the rules say so. What is left then
// goes on: a client that hangs up cuts no write in two.

import type { Counters } from "./counters.ts";
import { answerOf, nextHalf } from "./halves.ts";
import type { Answer, Ends, KvEnd, Verb } from "./halves.ts";
import type { ObjectEnded } from "./object-side.ts";
import type { Stage } from "./stages.ts";
import type { World } from "./world.ts";

// Neither raises. `object`: how the object's half ended; null: the stage has none.
export interface Does {
  object(): Promise<ObjectEnded>;
  kv(object: ObjectEnded | null): Promise<KvEnd>;
}

// How the write ended as its caller sees it, and the halves as far as they are known then.
export interface Ended {
  answer: Answer;
  ends: Ends;
}

export function run(stage: Stage, verb: Verb, does: Does, world: World, counters: Counters): Promise<Ended> {
  const { promise, resolve, reject } = Promise.withResolvers<Ended>();
  const work = async (): Promise<void> => {
    const ends: Ends = {};
    let object: ObjectEnded | null = null;
    for (let half = nextHalf(stage, verb, ends); half !== null; half = nextHalf(stage, verb, ends)) {
      if (half === "object") {
        object = await does.object();
        ends.object = object.end;
      } else {
        ends.kv = await does.kv(object);
      }
      count(counters, half, ends);
      const answer = answerOf(stage, verb, ends);
      if (answer !== null) resolve({ answer, ends: { ...ends } });
    }
  };
  world.lasting(work().catch(reject));
  return promise;
}

function count(counters: Counters, half: "object" | "kv", ends: Ends): void {
  const end = ends[half];
  if (end === "failed" || end === "unanswered" || end === "late") counters.add(`${half}_${end}`);
  if (end === "older") counters.add("object_older");
  if (end === "gone") counters.add("write_gone");
}
