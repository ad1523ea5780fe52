// The objects behind the bridge: which of them a key lives in, and how many are asked at once.

import type { Range } from "./looks.ts";
import type { SessionObject } from "./methods.ts";
import { bookOf, namespaceOf, objectOf, shardName } from "./placement.ts";
import type { LocationHint, Placement } from "./placement.ts";
import { Problem } from "./problem.ts";
import { Misshapen } from "./shape.ts";

const AT_ONCE = 100; // calls in flight

// As much of a DurableObjectNamespace as is used.
export interface SessionObjects {
  idFromName(name: string): DurableObjectId;
  idFromString(id: string): DurableObjectId;
  get(id: DurableObjectId, options?: DurableObjectNamespaceGetDurableObjectOptions): SessionObject;
}

export class Objects {
  readonly placement: Placement;
  readonly #namespace: SessionObjects;
  readonly #prefix: string;
  readonly #options: DurableObjectNamespaceGetDurableObjectOptions;

  constructor(
    namespace: SessionObjects,
    placement: Placement,
    prefix: string,
    locationHint: LocationHint | undefined,
  ) {
    this.placement = placement;
    this.#namespace = namespace;
    this.#prefix = prefix;
    this.#options = locationHint === undefined ? {} : { locationHint };
  }

  // The same objects; those that nobody has asked for yet are made near `hint`.
  near(hint: LocationHint | undefined): Objects {
    return hint === undefined ? this : new Objects(this.#namespace, this.placement, this.#prefix, hint);
  }

  // The session's id: what the application calls it, and what the objects know it by.
  id(key: string, at: string): string {
    if (!key.startsWith(this.#prefix)) throw new Misshapen(at, "does not begin with the bridge's prefix");
    if (key.length === this.#prefix.length) throw new Misshapen(at, "has nothing behind the bridge's prefix");
    return key.slice(this.#prefix.length);
  }

  key(id: string): string {
    return this.#prefix + id;
  }

  // A range of keys as a range of ids.
  range(prefix: string, after: string | null, upto: string | null): Pick<Range, "prefix" | "after" | "upto"> {
    const ids = this.#prefix;
    if (!prefix.startsWith(ids) && !ids.startsWith(prefix)) {
      throw new Misshapen("/prefix", "has nothing in common with the bridge's prefix");
    }
    for (const [name, bound] of [["after", after], ["upto", upto]] as const) {
      if (bound !== null && !bound.startsWith(ids)) {
        throw new Misshapen(`/${name}`, "does not begin with the bridge's prefix");
      }
    }
    return {
      prefix: prefix.slice(ids.length),
      after: after && after.slice(ids.length),
      upto: upto && upto.slice(ids.length),
    };
  }

  objectOf(id: string): string {
    return objectOf(this.placement, id);
  }

  get book(): string {
    return bookOf(this.placement);
  }

  // The name of a shard. Sessions with objects of their own have no list of names.
  shard(number: number): string {
    if (this.placement.kind !== "shards") throw new Problem("placement");
    if (number >= this.placement.shards) throw new Misshapen("/shard", "is out of range");
    return shardName(this.placement.shards, number);
  }

  get shards(): string[] {
    if (this.placement.kind !== "shards") throw new Problem("placement");
    return Array.from({ length: this.placement.shards }, (_, number) => this.shard(number));
  }

  get(name: string): SessionObject {
    return this.#namespace.get(this.#namespace.idFromName(name), this.#options);
  }

  // As stamps in KV name it.
  get namespace(): string {
    return namespaceOf(this.#namespace);
  }

  get placementText(): string {
    return this.placement.kind === "shards" ? `shards:${this.placement.shards}` : "per-session";
  }

  get prefix(): string {
    return this.#prefix;
  }

  // An object by its id in hexadecimal digits, and whether a name is the one that the id was made of.
  byId(text: string): { object: SessionObject; isNamed: (name: string) => boolean } {
    let id: DurableObjectId;
    try {
      id = this.#namespace.idFromString(text);
    } catch {
      throw new Problem("foreign"); // ids are signed: those of another class are no ids here
    }
    const isNamed = (name: string): boolean => this.#namespace.idFromName(name).equals(id);
    return { object: this.#namespace.get(id, this.#options), isNamed };
  }
}

// Sort items into groups by the object that each belongs to, in the order of the first of each.
export function grouped<Item>(items: Item[], of: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(of(item));
    if (group === undefined) groups.set(of(item), [item]);
    else group.push(item);
  }
  return groups;
}

// Ask for each item, `AT_ONCE` at a time; the first error ends it, once those in flight are done.
export async function each<Item, Result>(
  items: Item[],
  ask: (item: Item) => Promise<Result>,
  atOnce = AT_ONCE,
): Promise<Result[]> {
  const results: Result[] = new Array(items.length);
  let next = 0;
  let failed = false;
  const worker = async (): Promise<void> => {
    while (next < items.length && !failed) {
      const index = next++;
      try {
        results[index] = await ask(items[index] as Item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const done = await Promise.allSettled(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  for (const one of done) if (one.status === "rejected") throw one.reason;
  return results;
}
