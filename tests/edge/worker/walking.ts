// Sessions of random walks: operations of the session store that stand still before each half and each read,
// until a walk says how that is to end. The objects are the real ones; KV is a list of all that was written
// for a session, of which a read is shown any entry, because the local runtime's KV is never stale.

import { DurableObject } from "cloudflare:workers";
import { Counters } from "EDGE/store/counters.ts";
import { settingsOf } from "EDGE/store/settings.ts";
import type { World } from "EDGE/store/world.ts";
import { STORES } from "./builds.ts";
import type { Build } from "./builds.ts";
import { clock } from "./time.ts";

// What of an operation is held, under the model's names; the calls that are not named here are not held.
const PARTS: Record<string, Part> = {
  kvferryLook: "reads row",
  "kv.get": "reads KV",
  kvferryAdopt: "import",
  kvferryPut: "object",
  kvferryTouch: "object",
  kvferryDelete: "object",
  "kv.put": "KV",
  "kv.delete": "KV",
};
type Part = "reads row" | "reads KV" | "import" | "object" | "KV";
type Ending = "done" | "fails" | "does not answer" | "lands late" | "is lost";

// How an object's half has ended, in the model's words.
const OUTCOMES: Record<string, string> = { stored: "done", gone: "says gone", changed: "says refused", late: "comes late" };

// The batch: which store, whose objects, under names of their own.
interface Opened {
  build: string;
  objects: string;
  world: string;
  vars: Record<string, string>;
}

// One step of an operation. `begin`: its first one. `half`: of one that was not waited for. `shown`: the
// entry that a read of KV sees.
interface Go {
  op: number;
  begin?: { stage: string; verb: string; args: unknown[] };
  end: Ending;
  half?: "object" | "KV";
  looks?: boolean; // a get begins, and has asked the object when it stands still
  shown?: number | null;
}

// A read at a stage, which nothing holds.
interface Look {
  look: string;
  shown: number | null;
}

interface Entry {
  value: Uint8Array | null;
  metadata: unknown;
  expiration: number | null; // Unix seconds
}

type Call = () => Promise<unknown>;
type Through = (name: string, call: (shown: number | null) => Promise<unknown>) => Promise<unknown>;
type Verbs = Record<string, (...given: unknown[]) => Promise<unknown>>;

interface Done {
  name: string;
  after: string; // what is held next; "": nothing is left
  answered: boolean;
  thrown: string | null;
  value: unknown;
}

export class Walking extends DurableObject<Record<string, DurableObjectNamespace>> {
  #opened: Opened = { build: "EDGE", objects: "OWN", world: "", vars: {} };
  readonly #entries = new Map<string, Entry[]>();
  readonly #operations = new Map<string, Operation>();

  override async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const body: unknown = await request.json();
    switch (pathname) {
      case "/walking/open":
        this.#opened = body as Opened;
        return Response.json(null);
      case "/walking/steps":
        return Response.json(await this.#steps(body as Record<string, (Go | Look)[]>));
      case "/walking/late":
        return Response.json(await this.#late());
      default:
        return Response.json(this.#shown(body as Record<string, number>));
    }
  }

  // The steps of each session, in their order; those of different sessions at once.
  async #steps(all: Record<string, (Go | Look)[]>): Promise<Record<string, unknown[]>> {
    const done = Object.entries(all).map(async ([id, steps]) => {
      const ended: unknown[] = [];
      for (const step of steps) ended.push("look" in step ? await this.#look(id, step) : await this.#go(id, step));
      return [id, ended] as const;
    });
    return Object.fromEntries(await Promise.all(done));
  }

  #go(id: string, { op, begin, end, half, looks, shown }: Go): Promise<Done> {
    const name = `${id} ${op}`;
    let operation = this.#operations.get(name);
    if (begin !== undefined) {
      const { stage, verb, args } = begin;
      const build = STORES[this.#opened.build] as Build;
      operation = new Operation(verb, stage, build, (through, world) => this.#store(id, stage, through, world), [id, ...args]);
      this.#operations.set(name, operation);
    }
    if (operation === undefined) throw new Error(`there is no operation ${op}`);
    if (looks) return operation.looked();
    return half === undefined ? operation.go(end, shown ?? null) : operation.late(half, end);
  }

  async #look(id: string, { look, shown }: Look): Promise<unknown> {
    const world: World = {
      clock,
      pause: async () => {},
      within: (_, work) => work,
      lasting: () => {},
      later: () => {},
    };
    try {
      const found = await (this.#store(id, look, (_, call) => call(shown), world).get as Verbs[string])(id);
      return { value: outward(found) };
    } catch (error) {
      return { thrown: String(error) };
    }
  }

  // Time has passed: everything that was held goes on, and every half of an object must say that it comes
  // late. What was on its way to KV does not arrive any more.
  async #late(): Promise<string[]> {
    const names = await Promise.all([...this.#operations.values()].map((operation) => operation.end()));
    this.#operations.clear();
    return names.flat();
  }

  #shown(wanted: Record<string, number>): Record<string, object | null> {
    const found = Object.entries(wanted).map(([id, number]) => {
      const entry = this.#entry(id, number);
      if (entry?.value == null) return [id, null];
      const { value, metadata, expiration } = entry;
      return [id, { value: new TextDecoder().decode(value), metadata, expiration }];
    });
    return Object.fromEntries(found);
  }

  // As KV serves it: what has expired is not there.
  #entry(id: string, number: number | null): Entry | null {
    const entry = this.#entries.get(id)?.[number ?? -1];
    if (entry === undefined || (entry.expiration !== null && entry.expiration <= clock())) return null;
    return entry;
  }

  #store(id: string, stage: string, through: Through, world: World): Verbs {
    const { build, objects, world: within, vars } = this.#opened;
    const namespace = this.env[objects] as DurableObjectNamespace;
    const settings = settingsOf({
      ...vars,
      SESSION_STAGE: stage,
      SESSIONS: this.#kv(id, through),
      USER_SESSIONS: {
        idFromName: (name: string) => namespace.idFromName(within + name),
        get: (objectId: DurableObjectId) => held(namespace.get(objectId), through),
      },
    });
    const { Store } = STORES[build] as Build;
    return new Store(settings, world, () => "i", new Counters()) as unknown as Verbs;
  }

  #kv(id: string, through: Through): object {
    const write = (entry: Entry) => async () => {
      const before = this.#entries.get(id) ?? [];
      this.#entries.set(id, [...before, entry]);
    };
    return {
      getWithMetadata: (_: string, __: string) =>
        through("kv.get", async (shown) => {
          const { value = null, metadata = null } = this.#entry(id, shown) ?? {};
          return { value: value && value.slice().buffer, metadata };
        }),
      put: (_: string, value: Uint8Array, { metadata = null, expiration, expirationTtl }: Options) => {
        const until = expirationTtl === undefined ? (expiration ?? null) : Math.floor(clock()) + expirationTtl;
        if (until !== null && until < clock() + 60) throw new Error("KV takes no expiration that is nearer");
        return through("kv.put", write({ value, metadata: JSON.parse(JSON.stringify(metadata)), expiration: until }));
      },
      delete: (_: string) => through("kv.delete", write({ value: null, metadata: null, expiration: null })),
    };
  }
}

interface Options {
  metadata?: unknown;
  expiration?: number;
  expirationTtl?: number;
}

// One operation, which goes on by one step at a time.
class Operation {
  readonly #label: string;
  readonly #build: Build;
  readonly #silences = new WeakMap<Promise<unknown>, Promise<Build["UNANSWERED"]>>();
  readonly #unanswered: { half: string; call: Call }[] = [];
  readonly #left: Promise<unknown>[] = [];
  readonly #over: Promise<void>;
  #held: { part: Part; go: (how: { end: Ending; shown: number | null }) => void } | null = null;
  #arrived = Promise.withResolvers<void>();
  #answer: { thrown: string | null; value: unknown } | null = null;
  #ended = "";

  // `build`: the store's, which knows its own word for silence only.
  constructor(
    verb: string,
    stage: string,
    build: Build,
    storeOf: (through: Through, world: World) => Verbs,
    args: unknown[],
  ) {
    this.#label = `${verb} at ${stage}: `;
    this.#build = build;
    const never = new Promise<never>(() => {});
    const world: World = {
      clock,
      pause: async () => {},
      within: (_, work) => Promise.race([work, this.#silences.get(work) ?? never]),
      lasting: (work) => void this.#left.push(work),
      later: () => {},
    };
    const store = storeOf((name, call) => this.#through(name, call, verb), world);
    this.#over = this.#run((store[verb] as Verbs[string])(...args));
  }

  // It has asked the object, which nothing holds, and stands still before it asks KV.
  async looked(): Promise<Done> {
    await this.#rest();
    return this.#done("looks");
  }

  // Let what is held end in this way, and wait until it stands still again.
  async go(end: Ending, shown: number | null): Promise<Done> {
    await this.#rest();
    const held = this.#held;
    if (held === null) throw new Error(`${this.#label}nothing is left of it`);
    this.#held = null;
    this.#arrived = Promise.withResolvers();
    this.#ended = "";
    held.go({ end, shown });
    await this.#rest();
    const ended = end === "done" ? this.#ended : `${held.part} ${end}`;
    return this.#done(ended);
  }

  // A half that was not waited for arrives, or does not.
  async late(half: string, end: Ending): Promise<Done> {
    const index = this.#unanswered.findIndex((one) => one.half === half);
    const [one] = this.#unanswered.splice(index, 1);
    if (index < 0 || one === undefined) throw new Error(`${this.#label}no half is on its way`);
    if (end === "lands late") await one.call();
    return this.#done(`${half} half ${end}`);
  }

  // Let everything go on, too late: the names of what the objects said.
  async end(): Promise<string[]> {
    const names: string[] = [];
    for (await this.#rest(); this.#held !== null; ) {
      const { part } = this.#held;
      const { name } = await this.go(part === "KV" ? "does not answer" : "done", null);
      if (part === "object" || part === "import") names.push(name);
    }
    for (const { half, call } of this.#unanswered.splice(0)) {
      if (half === "object") names.push(`${this.#label}object ${outcome(await call())}`);
    }
    return names;
  }

  // Until something is held, or nothing is left.
  async #rest(): Promise<void> {
    await Promise.race([this.#arrived.promise, this.#over]);
    for (let turns = 0; turns < 40; turns += 1) await null; // an answer may be on its way to the caller
  }

  #done(ended: string): Done {
    const { thrown = null, value = null } = this.#answer ?? {};
    const after = this.#held === null ? "" : this.#held.part;
    return { name: this.#label + ended, after, answered: this.#answer !== null, thrown, value: outward(value) };
  }

  async #run(answer: Promise<unknown>): Promise<void> {
    try {
      this.#answer = { thrown: null, value: await answer };
    } catch (error) {
      this.#answer = { thrown: String(error), value: null };
    }
    for (let next = this.#left.shift(); next !== undefined; next = this.#left.shift()) await next;
  }

  #through(name: string, call: (shown: number | null) => Promise<unknown>, verb: string): Promise<unknown> {
    const part = PARTS[name];
    // The model's read at object-first is one step: the object has nothing, and KV is asked.
    if (part === undefined || (verb === "get" && part === "reads row")) return call(null);
    const { promise: silence, resolve: silent } = Promise.withResolvers<Build["UNANSWERED"]>();
    const work = this.#hold(part, call, () => silent(this.#build.UNANSWERED));
    this.#silences.set(work, silence);
    return work;
  }

  async #hold(part: Part, call: (shown: number | null) => Promise<unknown>, silent: () => void): Promise<unknown> {
    const { promise, resolve: go } = Promise.withResolvers<{ end: Ending; shown: number | null }>();
    this.#held = { part, go };
    this.#arrived.resolve();
    const { end, shown } = await promise;
    if (end === "fails") throw new Error("it fails");
    if (end === "does not answer") {
      this.#unanswered.push({ half: part, call: () => call(null) });
      silent();
      return new Promise(() => {});
    }
    const answer = await call(shown);
    this.#ended = part === "object" ? `object ${outcome(answer)}` : part === "KV" ? "KV done" : part;
    if (part === "import" && answer === null) this.#ended = "import comes late";
    return answer;
  }
}

function held(stub: object, through: Through): object {
  return new Proxy(stub, {
    get: (target, name) => (given: unknown) =>
      through(String(name), () => ((target as Verbs)[String(name)] as Verbs[string])(given)),
  });
}

function outcome(answer: unknown): string {
  const { outcome: said } = answer as { outcome: string };
  return OUTCOMES[said] ?? `says ${said}`;
}

function outward(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value ?? null;
  return "expiration" in value && value.expiration === undefined ? { ...value, expiration: "unknown" } : value;
}
