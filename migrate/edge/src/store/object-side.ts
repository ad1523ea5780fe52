// The object's half, by RPC: every answer, error and silence of an object is told as one of the ways in
// which a half may end.

import { HALVES } from "../half-calls.ts";
import type { AdoptHalf, HalfEnd, HalfObject, Here, HereRow } from "../half-calls.ts";
import { objectOf } from "../placement.ts";
import type { Placement } from "../placement.ts";
import type { ObjectEnd } from "./halves.ts";
import { SessionStoreError } from "./store-error.ts";
import { UNANSWERED } from "./world.ts";
import type { World } from "./world.ts";

// As much of a DurableObjectNamespace as is used.
export interface HalfObjects {
  idFromName(name: string): DurableObjectId;
  get(id: DurableObjectId, options?: DurableObjectNamespaceGetDurableObjectOptions): HalfObject;
}

const ANSWERS_WITHIN = 8; // seconds; KV's half must find time left before the not-after time

// How the half ended; where it was done: the row's version, whether anything was written, and the row
// that a touch extended.
export interface ObjectEnded {
  end: ObjectEnd;
  version: number | undefined;
  changed: boolean;
  row: HereRow | null;
}

export class ObjectSide {
  readonly #objects: HalfObjects;
  readonly #placement: Placement;
  readonly #options: DurableObjectNamespaceGetDurableObjectOptions;
  readonly #world: World;

  constructor(
    objects: HalfObjects,
    placement: Placement,
    locationHint: DurableObjectLocationHint | undefined,
    world: World,
  ) {
    this.#objects = objects;
    this.#placement = placement;
    this.#options = locationHint === undefined ? {} : { locationHint };
    this.#world = world;
  }

  // A read. Raises SessionStoreError: an error is never a miss. It is waited for as long as the runtime waits,
  // because nothing could be served instead.
  async look(id: string): Promise<Here> {
    try {
      return await this.#get(id).kvferryLook({ halves: HALVES, key: id });
    } catch (error) {
      if (isOlder(error)) return { is: "older" };
      throw new SessionStoreError("the session's object failed");
    }
  }

  // Give the object what only KV has. Answers what is there then; null: it is not known. Never raises.
  async adopt(ask: AdoptHalf): Promise<Here | null> {
    try {
      const here = await this.#world.within(ANSWERS_WITHIN, this.#get(ask.key).kvferryAdopt(ask));
      return here === UNANSWERED ? null : here;
    } catch {
      return null;
    }
  }

  // A write; never raises.
  async half(id: string, call: (object: HalfObject) => Promise<HalfEnd>): Promise<ObjectEnded> {
    try {
      const answer = await this.#world.within(ANSWERS_WITHIN, call(this.#get(id)));
      if (answer === UNANSWERED) return ended("unanswered");
      if (answer.outcome !== "stored") return ended(answer.outcome);
      return { end: "done", version: answer.version, changed: answer.changed, row: answer.row };
    } catch (error) {
      return ended(isOlder(error) ? "older" : "failed");
    }
  }

  #get(id: string): HalfObject {
    return this.#objects.get(this.#objects.idFromName(objectOf(this.#placement, id)), this.#options);
  }
}

function ended(end: ObjectEnd): ObjectEnded {
  return { end, version: undefined, changed: false, row: null };
}

// What the runtime says of a class that has no such method, or none at all that can be called.
function isOlder(error: unknown): boolean {
  return /does not implement the method|does not support RPC/.test(String(error));
}
