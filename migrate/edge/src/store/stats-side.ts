// The store's word to the statistics: heartbeats now and then, and each half that is not known to be done.
// Without a binding nobody is told, and nobody can prove that a stage is over.

import { BEAT_EVERY, STATS_NAME } from "../stats-calls.ts";
import type { FailedHalf, StatsObject } from "../stats-calls.ts";
import type { Counters } from "./counters.ts";
import { earliest } from "./stages.ts";
import type { Ramp, Stage } from "./stages.ts";
import { UNANSWERED } from "./world.ts";
import type { World } from "./world.ts";

// As much of a DurableObjectNamespace as is used.
export interface StatsObjects {
  idFromName(name: string): DurableObjectId;
  get(id: DurableObjectId): StatsObject;
}

// Who beats: an isolate, under a name that it makes up, of a version of its Worker.
export interface Identity {
  isolate(): string;
  version: string;
}

const ANSWERS_WITHIN = 3; // seconds

export class StatsSide {
  readonly #stats: StatsObjects | null;
  readonly #ramp: Ramp;
  readonly #identity: Identity;
  readonly #world: World;
  readonly #counters: Counters;
  readonly #due = new Map<Stage, number>();

  constructor(stats: StatsObjects | null, ramp: Ramp, identity: Identity, world: World, counters: Counters) {
    this.#stats = stats;
    this.#ramp = ramp;
    this.#identity = identity;
    this.#world = world;
    this.#counters = counters;
  }

  // At work. Told once in BEAT_EVERY seconds, and again at once when it could not be told. `stage`: where it
  // is another than the settings say.
  beat(stage: Stage = earliest(this.#ramp)): void {
    const now = this.#world.clock();
    if (this.#stats === null || now < (this.#due.get(stage) ?? -Infinity)) return;
    this.#due.set(stage, now + BEAT_EVERY);
    const { version } = this.#identity;
    const beat = { isolate: this.#identity.isolate(), stage, version, counters: this.#counters.all() };
    const told = this.#told((object) => object.kvferryBeat(beat));
    this.#world.lasting(told.then((done) => void (done || this.#due.delete(stage))));
  }

  // Was it put into the journal, if there is one?
  note(failed: FailedHalf): Promise<boolean> {
    return this.#told((object) => object.kvferryNote(failed));
  }

  async #told(tell: (object: StatsObject) => Promise<void>): Promise<boolean> {
    if (this.#stats === null) return true;
    try {
      const object = this.#stats.get(this.#stats.idFromName(STATS_NAME));
      if ((await this.#world.within(ANSWERS_WITHIN, tell(object))) !== UNANSWERED) return true;
    } catch {
      // counted below
    }
    this.#counters.add("stats_failed");
    return false;
  }
}
