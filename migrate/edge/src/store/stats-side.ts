// The store's word to the statistics: heartbeats now and then, with what they see of the canary, and each half that
// is not known to be done. None of it is waited for, but the journal by a write that needs it. Without a binding nobody is told, and nobody can prove that a stage is over.

import { BEAT_EVERY, STATS_NAME } from "../stats-calls.ts";
import type { FailedHalf, StatsObject } from "../stats-calls.ts";
import type { Canary } from "./canary.ts";
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
const HITS_AFTER = 5; // seconds, in which more of them may follow

export class StatsSide {
  readonly #stats: StatsObjects | null;
  readonly #ramp: Ramp;
  readonly #identity: Identity;
  readonly #canary: Canary | null;
  readonly #world: World;
  readonly #counters: Counters;
  readonly #due = new Map<Stage, number>();
  #telling = false; // of hits

  // `canary`: null where there is no KV.
  constructor(
    stats: StatsObjects | null,
    ramp: Ramp,
    identity: Identity,
    canary: Canary | null,
    world: World,
    counters: Counters,
  ) {
    this.#stats = stats;
    this.#ramp = ramp;
    this.#identity = identity;
    this.#canary = canary;
    this.#world = world;
    this.#counters = counters;
  }

  // At work. Told once in BEAT_EVERY seconds, and again at once when it could not be told. `stage`: where it
  // is another than the settings say.
  beat(stage: Stage = earliest(this.#ramp)): void {
    const now = this.#world.clock();
    if (this.#stats === null || now < (this.#due.get(stage) ?? -Infinity)) return;
    this.#due.set(stage, now + BEAT_EVERY);
    this.#world.lasting(this.#beaten(this.#stats, stage));
  }

  // A session was found in KV alone. That is told although the isolate may never be at work again: who decides
  // that KV may go asks whether it happened.
  hit(): void {
    const stats = this.#stats;
    if (stats === null || this.#telling) return;
    this.#telling = true;
    this.#world.later(HITS_AFTER, () => {
      this.#telling = false;
      return this.#beaten(stats, earliest(this.#ramp));
    });
  }

  // Was it put into the journal, if there is one?
  async note(failed: FailedHalf): Promise<boolean> {
    const stats = this.#stats;
    return stats === null || (await this.#told(stats, (object) => object.kvferryNote(failed))) !== UNANSWERED;
  }

  // Never raises.
  async #beaten(stats: StatsObjects, stage: Stage): Promise<void> {
    const canary = stage === "object-only" ? null : this.#canary; // nothing touches KV there
    const seen = await canary?.look();
    const isolate = this.#identity.isolate();
    const beat = { isolate, stage, version: this.#identity.version, counters: this.#counters.all() };
    const whole = seen === undefined ? beat : { ...beat, canary: seen };
    const answer = await this.#told(stats, (object) => object.kvferryBeat(whole));
    if (answer === UNANSWERED) this.#due.delete(stage);
    else if (canary && answer?.turn) {
      const written = await canary.write(answer.turn);
      if (written !== null) await this.#told(stats, (object) => object.kvferryCanary(written));
    }
  }

  // The answer; UNANSWERED: it is not known to have arrived.
  async #told<Answer>(
    stats: StatsObjects,
    tell: (object: StatsObject) => Promise<Answer>,
  ): Promise<Answer | typeof UNANSWERED> {
    try {
      const object = stats.get(stats.idFromName(STATS_NAME));
      const answer = await this.#world.within(ANSWERS_WITHIN, tell(object));
      if (answer !== UNANSWERED) return answer;
    } catch {
      // counted below
    }
    this.#counters.add("stats_failed");
    return UNANSWERED;
  }
}
