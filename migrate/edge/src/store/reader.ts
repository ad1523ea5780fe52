// Reads a session at a stage: asks whom the stage says, in its order, and gives the object what only KV has.

import { HALVES } from "../half-calls.ts";
import type { Here } from "../half-calls.ts";
import type { Counters } from "./counters.ts";
import type { Kept } from "./data.ts";
import { differences } from "./differences.ts";
import type { KvSide } from "./kv-side.ts";
import type { ObjectSide } from "./object-side.ts";
import { served } from "./reading.ts";
import type { Stage } from "./stages.ts";
import { SessionStoreError } from "./store-error.ts";
import type { World } from "./world.ts";

// A session as it is read, and the version of its row: 0 where there is nothing at all, null where no
// object was asked. `disputed`: the object has another value. `ahead`: it has a write of this store's that KV
// does not show, or not yet.
export interface Current {
  kept: Kept | null;
  version: number | null;
  disputed?: boolean;
  ahead?: boolean;
}

// One operation: its session, its stage, and until when its halves may be done (Unix seconds).
export interface Operation {
  id: string;
  stage: Stage;
  notAfter: number;
}

export class Reader {
  readonly #kv: () => KvSide;
  readonly #object: () => ObjectSide;
  readonly #world: World;
  readonly #counters: Counters;
  readonly #hit: () => void;

  // `hit`: called when a session was found in KV alone.
  constructor(kv: () => KvSide, object: () => ObjectSide, world: World, counters: Counters, hit: () => void = () => {}) {
    this.#kv = kv;
    this.#object = object;
    this.#world = world;
    this.#counters = counters;
    this.#hit = hit;
  }

  // `order`: "in order" asks KV after the object, for a write that is compared with the row's version.
  async current(operation: Operation, order: "together" | "in order"): Promise<Current> {
    const { id, stage } = operation;
    if (stage === "kv" || stage === "dual-write") return { kept: await this.#kv().read(id), version: null };
    const early = stage === "shadow-read" && order === "together" ? this.#kv().read(id) : null;
    early?.catch(() => {}); // it may not be needed
    const here = await this.#object().look(id);
    const version = here.is === "row" ? here.version : 0;
    switch (served(stage, here)) {
      case "nobody":
        return { kept: null, version };
      case "row":
        return { kept: keptOf(here), version };
      case "kv": {
        const kept = await (early ?? this.#kv().read(id));
        const difference = differences(here, kept);
        this.#counters.add(`shadow_${difference}`);
        const disputed = difference === "value";
        const dual = here.is === "row" && here.origin === "dual";
        return { kept, version, disputed, ahead: dual && (disputed || difference === "extra") };
      }
      case "adopt":
        return this.fallback(operation);
      case "error":
        throw new SessionStoreError("the session class is older than the store: deploy it first");
    }
  }

  // What KV has of what the object knows nothing of. The canary comes this way, so that a counter which has
  // stopped counting shows.
  async left(id: string): Promise<Kept | null> {
    const kept = await this.#kv().read(id);
    this.#counters.add(kept === null ? "fallback_miss" : "fallback_hit");
    return kept;
  }

  // Nothing at all is in the object: what KV has, which is given to the object with its own expiration.
  async fallback({ id, notAfter }: Operation): Promise<Current> {
    const kept = await this.left(id);
    if (kept === null) return { kept, version: 0 };
    this.#hit();
    if (kept.expiration === undefined) {
      this.#counters.add("fallback_unknown");
      return { kept, version: 0 };
    }
    const { value, metadata, expiration } = kept;
    const ask = { halves: HALVES, key: id, notAfter, value, metadata, expiration };
    const adopting = this.#object().adopt(ask);
    this.#world.lasting(adopting);
    const here = await adopting;
    if (here === null || here.is === "older" || here.is === "nothing") {
      this.#counters.add("fallback_failed");
      return { kept, version: 0 };
    }
    const version = here.is === "row" ? here.version : 0;
    return { kept: served("object-only", here) === "row" ? keptOf(here) : null, version };
  }
}

// The row as a session; null: there is none, or it has expired.
export function keptOf(here: Here): Kept | null {
  if (here.is !== "row" || here.value === null) return null;
  return { value: here.value, metadata: here.metadata, expiration: here.expiration };
}
