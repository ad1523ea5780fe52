// KV's half: reads that obey the true expiration, and writes that begin in time or not at all.

import { CANARY_KEY } from "../stats-calls.ts";
import { digest, utf8 } from "../text.ts";
import type { Counters } from "./counters.ts";
import type { Kept } from "./data.ts";
import type { KvEnd } from "./halves.ts";
import type { Stage } from "./stages.ts";
import { stamped, unstamped } from "./stamp.ts";
import type { Stamp } from "./stamp.ts";
import { UNANSWERED } from "./world.ts";
import type { World } from "./world.ts";

// As much of a KVNamespace as is used.
export interface KvSessions {
  getWithMetadata(key: string, type: "arrayBuffer"): Promise<{ value: ArrayBuffer | null; metadata: unknown }>;
  put(
    key: string,
    value: Uint8Array,
    options: { metadata?: unknown; expiration?: number; expirationTtl?: number },
  ): Promise<void>;
  delete(key: string): Promise<void>;
}

const SOONEST = 60; // seconds; KV takes no expiration that is nearer
const ON_THE_WAY = 5; // seconds that a put may take until KV looks at its expiration
const ANSWERS_WITHIN = 8; // seconds
const LONGEST_KEY = 512; // bytes

// Where a version is known, and at which stage it was written.
export interface Mark {
  stage: Stage;
  version: number | undefined;
}

export class KvSide {
  readonly #kv: KvSessions;
  readonly #prefix: string;
  readonly #namespace: string;
  readonly #world: World;
  readonly #counters: Counters;

  // `namespace`: of the objects, as stamps name it.
  constructor(kv: KvSessions, prefix: string, namespace: string, world: World, counters: Counters) {
    this.#kv = kv;
    this.#prefix = prefix;
    this.#namespace = namespace;
    this.#world = world;
    this.#counters = counters;
  }

  // The session; null: there is none, or it has expired. Raises whatever KV raises.
  async read(id: string): Promise<Kept | null> {
    const { value, metadata } = await this.#kv.getWithMetadata(this.#prefix + id, "arrayBuffer");
    if (value === null) return null;
    const { metadata: own, stamp } = unstamped(metadata);
    if (typeof stamp.e === "number" && stamp.e <= this.#world.clock()) return null;
    return { value: new Uint8Array(value), metadata: own, expiration: stamp.e };
  }

  // `expiration` of `kept` is known.
  async put(id: string, kept: Kept, mark: Mark, notAfter: number): Promise<KvEnd> {
    const { value, metadata, expiration = null } = kept;
    const near = expiration !== null && expiration < this.#world.clock() + SOONEST + ON_THE_WAY;
    const { metadata: whole, holds } = stamped(metadata, await this.#stamp(value, expiration, near, mark));
    if (holds !== "all") this.#counters.add(holds === "nothing" ? "stamp_left_out" : "stamp_shortened");
    if (near && holds === "nothing") this.#counters.add("expiration_lengthened");
    const until = near ? { expirationTtl: SOONEST + ON_THE_WAY } : expiration === null ? {} : { expiration };
    const options = whole === null ? until : { ...until, metadata: whole };
    return this.#write(notAfter, () => this.#kv.put(this.#prefix + id, value, options));
  }

  // None at `kv`, where code from before the store may write as well, and may carry on metadata that it
  // finds; but for an expiration that KV would not take.
  async #stamp(value: Uint8Array, e: number | null, near: boolean, { stage, version }: Mark): Promise<Stamp | null> {
    if (stage === "kv") return near ? { e } : null;
    const s = `${stage}@${this.#namespace}`;
    return { d: await digest(value), ...(version === undefined ? {} : { v: version }), s, e };
  }

  remove(id: string, notAfter: number): Promise<KvEnd> {
    return this.#write(notAfter, () => this.#kv.delete(this.#prefix + id));
  }

  // Is this the key of anything that KV could have, and a session's?
  possible(id: string): boolean {
    const key = this.#prefix + id;
    return key !== "." && key !== ".." && key !== CANARY_KEY && (key.length * 3 <= LONGEST_KEY || utf8(key).length <= LONGEST_KEY);
  }

  // Once more after a second, when KV says that this key was written less than a second ago.
  async #write(notAfter: number, write: () => Promise<void>): Promise<KvEnd> {
    for (let again = false; ; again = true) {
      if (this.#world.clock() > notAfter) return "late";
      try {
        const ended = await this.#world.within(ANSWERS_WITHIN, write());
        return ended === UNANSWERED ? "unanswered" : "done";
      } catch (error) {
        if (again || !/\b429\b/.test(String(error))) return "failed";
        this.#counters.add("kv_429");
        await this.#world.pause(1);
      }
    }
  }
}
