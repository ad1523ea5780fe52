// The session store: every verb at every stage, over KV's side and the object's.

import { decoded } from "../decoded.ts";
import { HALVES } from "../half-calls.ts";
import { namespaceOf } from "../placement.ts";
import { Canary } from "./canary.ts";
import { Counters } from "./counters.ts";
import { encoded, endOf, metadataText } from "./data.ts";
import type { Kept, Lifetime } from "./data.ts";
import type { Answer, Verb } from "./halves.ts";
import { KvSide } from "./kv-side.ts";
import type { Mark } from "./kv-side.ts";
import { ObjectSide } from "./object-side.ts";
import type { ObjectEnded } from "./object-side.ts";
import { keptOf, Reader } from "./reader.ts";
import type { Current, Operation } from "./reader.ts";
import { due, prolonged } from "./renewing.ts";
import { run } from "./running.ts";
import type { Does, Ended } from "./running.ts";
import type { Settings } from "./settings.ts";
import { originAt, stageOf } from "./stages.ts";
import type { Stage } from "./stages.ts";
import { StatsSide } from "./stats-side.ts";
import { SessionStoreError } from "./store-error.ts";
import type { World } from "./world.ts";

export type WriteOptions = Lifetime & { metadata?: unknown };

export interface Found {
  data: unknown;
  // Unix seconds; null: it never expires; undefined: unknown.
  expiration: number | null | undefined;
  metadata: unknown;
}

const NOT_AFTER = 20; // seconds from its start in which a half may be done, or begin
const TRIES = 5; // of an update, against others that write the same session
const PAUSE = 0.2; // seconds, until the other half of such a write may be done

export class Store {
  readonly counters: Counters;
  readonly #settings: Settings;
  readonly #world: World;
  readonly #kvSide: KvSide | null;
  readonly #objectSide: ObjectSide | null;
  readonly #reader: Reader;
  readonly #stats: StatsSide;

  // `isolate`: its name, made up when it is first asked for.
  constructor(settings: Settings, world: World, isolate: () => string, counters = new Counters()) {
    const { kv, objects, placement, locationHint, prefix, ramp, stats, version } = settings;
    this.counters = counters;
    this.#settings = settings;
    this.#world = world;
    const namespace = objects === null ? "" : namespaceOf(objects);
    this.#kvSide = kv && new KvSide(kv, prefix, namespace, world, counters);
    this.#objectSide = objects && placement && new ObjectSide(objects, placement, locationHint, world);
    this.#reader = new Reader(() => this.#kv, () => this.#object, world, counters, () => this.#stats.hit());
    const canary = kv && new Canary(kv, world, counters);
    this.#stats = new StatsSide(stats, ramp, { isolate, version }, canary, world, counters);
  }

  // ---------------------------------------------------------------- the verbs

  async get(given: string): Promise<Found | null> {
    const id = `${given}`;
    if (!this.#possible(id)) return null;
    const { kept } = await this.#reader.current(this.#begin(id), "together");
    return kept && found(kept);
  }

  async create(given: string, data: unknown, options: WriteOptions = {}): Promise<void> {
    const operation = this.#begin(this.#sound(given));
    const answer = await this.#put(operation, this.#kept(data, options), null, 0);
    if (answer === "gone") throw new SessionStoreError("this id was deleted before, and is never used again");
  }

  async put(given: string, data: unknown, options: WriteOptions = {}): Promise<void> {
    const operation = this.#begin(this.#sound(given));
    await this.#put(operation, this.#kept(data, options), null, this.#settings.putEvery);
  }

  async touch(given: string, options: Lifetime): Promise<void> {
    const operation = this.#begin(this.#sound(given));
    const until = endOf(options, this.#world.clock());
    if (until === null) throw new TypeError("say how long: expirationTtl or expiration");
    if (originAt(operation.stage) === "app") await this.#touchObject(operation, until);
    else await this.#touchBoth(operation, until);
  }

  async update(
    given: string,
    change: (session: Found | null) => unknown,
    options: WriteOptions = {},
  ): Promise<unknown> {
    const id = this.#sound(given);
    for (let left = TRIES; left > 0; left -= 1) {
      const before = await this.#reader.current(this.#begin(id), "in order");
      if (before.ahead) {
        // What a KV that lags behind shows would undo what the row has; its half may be on its way.
        await this.#world.pause(PAUSE);
        continue;
      }
      const data = await change(before.kept && found(before.kept));
      const kept = this.#updated(data, options, before.kept);
      const answer = await this.#put(this.#begin(id), kept, before.version, 0);
      if (answer !== "changed") return data;
    }
    throw new SessionStoreError("others write the same session all the time, or KV lags behind");
  }

  async delete(given: string): Promise<void> {
    const { id, stage, notAfter } = this.#begin(this.#sound(given));
    const ask = { halves: HALVES, key: id, notAfter, origin: originAt(stage) };
    await this.#write({ id, stage, notAfter }, "delete", {
      object: () => this.#object.half(id, (object) => object.kvferryDelete(ask)),
      kv: () => this.#kv.remove(id, notAfter),
    });
  }

  // ---------------------------------------------------------------- writing

  // `expect`: the version that the row must have, null: any.
  async #put(operation: Operation, kept: Kept, expect: number | null, every: number): Promise<Answer> {
    const { id, stage, notAfter } = operation;
    const origin = originAt(stage);
    const expiration = kept.expiration ?? null;
    const ask = { halves: HALVES, key: id, notAfter, ...kept, expiration, origin, expect };
    const idle = origin === "app" ? every : 0; // KV is not known to have it, as long as it is authoritative
    return this.#write(operation, "put", {
      object: () => this.#object.half(id, (object) => object.kvferryPut({ ...ask, every: idle })),
      kv: async (object) =>
        object?.end === "done" && !object.changed ? "done" : this.#kv.put(id, kept, mark(stage, object), notAfter),
    });
  }

  // While KV is authoritative a touch is a put of what was read; at shadow-read only if the row is still
  // the one that was read before KV, and has the same value: KV may have shown an older one, and once
  // the gate is open no sweep mends what that would overwrite.
  async #touchBoth(operation: Operation, until: number): Promise<void> {
    const { id, stage, notAfter } = operation;
    let before: Current;
    try {
      before = await this.#reader.current(operation, "in order");
    } catch (error) {
      if (stage === "shadow-read") return; // it has not extended, and says no more
      throw error;
    }
    const { kept, version } = before;
    if (kept === null) return;
    if (before.disputed) {
      this.counters.add("touch_disputed");
      return;
    }
    if (!due(kept.expiration, until, this.#world.clock(), this.#settings.touchEvery)) {
      this.counters.add("touch_skipped");
      return;
    }
    const longer = { ...kept, expiration: prolonged(kept.expiration, until) };
    const ask = { halves: HALVES, key: id, notAfter, ...longer, origin: "dual" as const, every: 0 };
    await this.#write(operation, "touch", {
      object: () => this.#object.half(id, (object) => object.kvferryPut({ ...ask, expect: version })),
      kv: (object) => this.#kv.put(id, longer, mark(stage, object), notAfter),
    });
  }

  // Once the object is authoritative, a touch is one call, which carries no value. A session that only KV
  // has is given to the object first.
  async #touchObject(operation: Operation, until: number): Promise<void> {
    for (let left = 2; left > 0; left -= 1) {
      if ((await this.#extended(operation, until)) !== "nothing" || operation.stage === "object-only") return;
      const { kept, version } = await this.#reader.fallback(operation);
      if (kept === null) return;
      if (version !== 0) continue;
      // How long it lives is not known, but how long it is to live is.
      if ((await this.#put(operation, { ...kept, expiration: prolonged(kept.expiration, until) }, 0, 0)) !== "changed") return;
    }
  }

  #extended(operation: Operation, until: number): Promise<Answer> {
    const { id, stage, notAfter } = operation;
    const every = this.#settings.touchEvery;
    const ask = { halves: HALVES, key: id, notAfter, until, origin: originAt(stage), every };
    return this.#write(operation, "touch", {
      object: () => this.#object.half(id, (object) => object.kvferryTouch(ask)),
      kv: async (object) => {
        const kept = object?.changed && object.row ? keptOf(object.row) : null;
        return kept === null ? "done" : this.#kv.put(id, kept, mark(stage, object), notAfter);
      },
    });
  }

  async #write({ id, stage }: Operation, verb: Verb, halves: Omit<Does, "note">): Promise<Answer> {
    const note: Does["note"] = (half, end) => this.#stats.note({ key: id, half, verb, stage, end });
    const ended = await run(stage, verb, { ...halves, note }, this.#world, this.counters);
    if (ended.ends.object === "older") this.#stats.beat("kv");
    if (ended.answer === "failed") throw failure(verb, ended);
    return ended.answer;
  }

  // ---------------------------------------------------------------- arguments

  #begin(id: string): Operation {
    this.#stats.beat();
    const stage = stageOf(this.#settings.ramp, id);
    return { id, stage, notAfter: this.#world.clock() + NOT_AFTER };
  }

  #kept(data: unknown, options: WriteOptions): Kept {
    const expiration = endOf(options, this.#world.clock());
    return { value: encoded(data), metadata: metadataText(options.metadata), expiration };
  }

  // What the options of an update leave out stays as it was.
  #updated(data: unknown, options: WriteOptions, before: Kept | null): Kept {
    const kept = this.#kept(data, options);
    if (before === null) return kept;
    const stays = options.expirationTtl === undefined && options.expiration === undefined;
    if (stays && before.expiration === undefined) {
      throw new TypeError("say how long: KV does not tell when this session expires");
    }
    return {
      ...kept,
      ...(stays ? { expiration: before.expiration } : {}),
      ...(options.metadata === undefined ? { metadata: before.metadata } : {}),
    };
  }

  // Could there be such a session?
  #possible(id: string): boolean {
    return id !== "" && id.isWellFormed() && (this.#kvSide?.possible(id) ?? true);
  }

  #sound(given: string): string {
    const id = `${given}`;
    if (!this.#possible(id)) throw new TypeError("a session id is text, and no longer than a key of KV may be");
    return id;
  }

  get #kv(): KvSide {
    if (this.#kvSide === null) throw new TypeError("bind the sessions' KV namespace");
    return this.#kvSide;
  }

  get #object(): ObjectSide {
    if (this.#objectSide === null) throw new TypeError("bind the session class");
    return this.#objectSide;
  }
}

function found({ value, expiration, metadata }: Kept): Found {
  return { data: decoded(value), expiration, metadata: metadata === null ? null : JSON.parse(metadata) };
}

// What KV is told of the object's half. Where its code is older, the session has stayed at `kv`.
function mark(stage: Stage, object: ObjectEnded | null): Mark {
  return { stage: object?.end === "older" ? "kv" : stage, version: object?.version };
}

function failure(verb: Verb, { ends, noted }: Ended): SessionStoreError {
  const what = { put: "stored", touch: "extended", delete: "deleted" }[verb];
  if (ends.object === "older") return new SessionStoreError("the session class is older than the store: deploy it first");
  const halves = Object.entries(ends).filter(([, end]) => end !== "done");
  const ways = halves.map(([half, end]) => `${half === "kv" ? "KV's" : "the object's"} half: ${end}`);
  const how = [...ways, ...(noted ? [] : ["it could not be put into the journal"])].join(", ");
  return new SessionStoreError(`the session is not known to be ${what} (${how})`);
}
