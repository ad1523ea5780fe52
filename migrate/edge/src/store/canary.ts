// The canary: a number in KV that is read as the sessions that only KV has are, and written anew now and then. It
// shows how far KV lags behind, and that the counter of those sessions counts, which is to stand at 0.
//
// Whose turn it is, and what follows from what was read, is the statistics' word (canaries.ts).

import { decoded } from "../decoded.ts";
import { CANARY_HITS, CANARY_KEY } from "../stats-calls.ts";
import type { Canary as Turn, CanarySeen, CanaryWritten } from "../stats-calls.ts";
import { utf8 } from "../text.ts";
import type { Counters } from "./counters.ts";
import { KvSide } from "./kv-side.ts";
import type { KvSessions } from "./kv-side.ts";
import { Reader } from "./reader.ts";
import { UNANSWERED } from "./world.ts";
import type { World } from "./world.ts";

const LIVES = 86_400; // seconds; the next one comes sooner, as long as anybody is at work
const ANSWERS_WITHIN = 2; // seconds that a heartbeat waits for it
const NOT_AFTER = 20; // seconds

export class Canary {
  readonly #kv: KvSide;
  readonly #reader: Reader;
  readonly #world: World;
  readonly #counters: Counters;

  constructor(kv: KvSessions, world: World, counters: Counters) {
    this.#counters = counters.ofCanary();
    this.#kv = new KvSide(kv, "", "", world, this.#counters);
    this.#reader = new Reader(() => this.#kv, nobody, world, this.#counters);
    this.#world = world;
  }

  // What KV shows of it, null: nothing; undefined: KV does not answer. Never raises.
  async look(): Promise<CanarySeen | null | undefined> {
    const before = this.#counters.all()[CANARY_HITS] ?? 0;
    try {
      const kept = await this.#world.within(ANSWERS_WITHIN, this.#reader.left(CANARY_KEY));
      if (kept !== UNANSWERED) return kept && { ...turnOf(kept.value), before };
    } catch {
      // counted below
    }
    this.#counters.add("unread");
    return undefined;
  }

  // Write the one whose turn has just come. null: KV is not known to have it. Never raises.
  async write({ number, at }: Turn): Promise<CanaryWritten | null> {
    const began = this.#world.clock();
    const value = utf8(JSON.stringify({ number, at }));
    const kept = { value, metadata: null, expiration: Math.ceil(began) + LIVES };
    // As at `kv`: without a stamp, which is for sessions.
    const end = await this.#kv.put(CANARY_KEY, kept, { stage: "kv", version: undefined }, began + NOT_AFTER);
    if (end === "done") return { number, at, took: this.#world.clock() - began };
    this.#counters.add("unwritten");
    return null;
  }
}

// What is none of ours has a number that nobody has given.
function turnOf(value: Uint8Array): Turn {
  const { number, at } = Object(decoded(value)) as Record<string, unknown>;
  return Number.isSafeInteger(number) && typeof at === "number" ? { number: number as number, at } : { number: 0, at: 0 };
}

function nobody(): never {
  throw new TypeError("the canary has no object");
}
