// The application of the store's tests: it does one verb at a time, at the stage that a test names, with
// halves that end as a script says. Time is the test's, for the store and for the objects.

import { DurableObject } from "cloudflare:workers";
import { MigrationStats } from "EDGE/migration-stats.ts";
import { sessionStore } from "EDGE/session-store.ts";
import { Counters } from "EDGE/store/counters.ts";
import { settingsOf } from "EDGE/store/settings.ts";
import type { World } from "EDGE/store/world.ts";
import { UserSessions } from "EDGE/user-sessions.ts";
import { SessionTable } from "EDGE/values.ts";
import { UserSessions as Overwriting } from "OVERWRITING/user-sessions.ts";
import { UserSessions as Untimed } from "UNTIMED/user-sessions.ts";
import { UserSessions as Unversioned } from "UNVERSIONED/user-sessions.ts";
import { STORES } from "./builds.ts";
import type { Build } from "./builds.ts";
import { clock, time } from "./time.ts";
import { WrappedSessions as Wrapped } from "./wrapped-sessions.ts";

export { Walking } from "./walking.ts";

const advance = (seconds: number) => {
  if (time.now !== null) time.now += seconds;
};

export class StoreSessions extends UserSessions<object, Env> {
  readonly #sql: SqlStorage;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, clock);
    this.#sql = ctx.storage.sql;
  }

  // A row as an application had them before the toolkit.
  plant(key: string, value: string, expiration: number | null): void {
    new SessionTable(this.#sql).write(key, new TextEncoder().encode(value), expiration);
  }
}

export class OverwritingSessions extends Overwriting<object, Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, clock);
  }
}

export class UnversionedSessions extends Unversioned<object, Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, clock);
  }
}

export class UntimedSessions extends Untimed<object, Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, clock);
  }
}

export class WrappedSessions extends Wrapped {}

export class Stats extends MigrationStats<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, clock);
  }
}

// Sessions and statistics of their own, for whoever goes back with all of them.
export class RolledSessions extends StoreSessions {}
export class RolledApart extends StoreSessions {}
export class RolledStats extends Stats {}

// Statistics from before the canary.
export class EarlyStats extends DurableObject<Env> {
  #heard = 0;

  kvferryBeat(): void {
    this.#heard += 1;
  }

  kvferryStats(): object {
    const journal = { entries: 0, oldest: null };
    return { now: clock(), beatEvery: 30, seen: [], counters: { heard: this.#heard }, journal };
  }
}

// A class from before the store's calls.
export class OldSessions extends DurableObject<Env> {}

type Env = Record<string, DurableObjectNamespace> & { SESSIONS: KVNamespace };

// How one call of an object or of KV ends (canary.get, canary.put: of KV, for the canary): "fails" before anything is done, "fails after" it was done,
// says "429" or "overloaded", is "slow" (done, and then 21 seconds have passed), is "silent" (nothing is done and nothing answered), "lands" without an answer, or is "held":
// without an answer, and done when the test says so.
type Fault = "fails" | "fails after" | "429" | "overloaded" | "slow" | "silent" | "lands" | "held" | null;

interface Order {
  build?: string;
  vars: Record<string, string>;
  objects?: string;
  verb: "get" | "create" | "put" | "touch" | "update" | "delete";
  args: unknown[];
  faults?: Record<string, Fault[]>; // of each call, by its method: kvferryPut, or kv.put
  stats?: string | null; // the name of the statistics' object; left out or null: there are none
  statistics?: string; // the binding of another class of them
  isolate?: string;
  version?: string;
  stale?: { value: string; metadata: unknown } | "missing"; // what KV's reads show
  canary?: string | "missing"; // what its reads of the canary show
  meanwhile?: Order; // done before the first write of an object
}

type Method = (...given: unknown[]) => Promise<unknown>;
type Through = (name: string, call: () => Promise<unknown>, id?: string, given?: unknown) => Promise<unknown>;

const silent = new WeakSet<Promise<unknown>>();
const held: { objects: string; id: string | undefined; name: string; given: unknown }[] = [];

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname.startsWith("/walking/")) {
      const walking = env.WALKING as DurableObjectNamespace;
      return walking.get(walking.idFromName(searchParams.get("batch") ?? "")).fetch(request);
    }
    const body: unknown = await request.json();
    if (pathname === "/clock") {
      time.now = body as number | null;
      return Response.json(null);
    }
    if (pathname === "/now") return Response.json(clock());
    if (pathname === "/land") return Response.json(await landed(env));
    if (pathname === "/kv") return Response.json(await kept(env.SESSIONS, body as string));
    if (pathname === "/plant") {
      const { key, value, options } = body as { key: string; value: string; options: KVNamespacePutOptions };
      await env.SESSIONS.put(key, value, options);
      return Response.json(null);
    }
    if (pathname === "/call") {
      const { binding, object, method, args } = body as { binding: string; object: string; method: string; args: unknown[] };
      const namespace = env[binding] as DurableObjectNamespace;
      const stub = namespace.get(namespace.idFromName(object)) as unknown as Record<string, Method>;
      return Response.json((await (stub[method] as Method)(...args)) ?? null);
    }
    if (pathname === "/beats") return Response.json(await beats(env, body as Order & { times: { at: number }[] }));
    if (pathname === "/real") return Response.json(await real(env, body as Order));
    return Response.json(await done(env, body as Order));
  },
};

interface Scripted {
  store: Record<string, Method>;
  trace: string[];
  left: Promise<unknown>[];
  counters: Counters;
}

// One verb of the store as applications have it: nothing is scripted, and nothing is waited for. `faults`:
// KV's puts say that they have come, and wait until there is a key for each that says so. `stats`: there are some, and KV never shows the canary.
async function real(env: Env, { vars, verb, args, faults, stats }: Order): Promise<unknown> {
  if (typeof stats === "string") return outward(await (canaryless(env, vars, stats)[verb] as Method)(...args));
  const waiting: Pick<KVNamespace, "getWithMetadata" | "put" | "delete"> = {
    getWithMetadata: env.SESSIONS.getWithMetadata.bind(env.SESSIONS) as never,
    delete: (key) => env.SESSIONS.delete(key as string),
    async put(key, value, options) {
      await env.SESSIONS.put(`came:${key as string}`, "");
      while ((await env.SESSIONS.get(`go:${key as string}`)) === null) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await env.SESSIONS.put(key as string, value, options);
    },
  };
  const SESSIONS = faults === undefined ? env.SESSIONS : waiting;
  const store: unknown = sessionStore({ ...vars, SESSIONS, USER_SESSIONS: env.OWN });
  return outward(await ((store as Record<string, Method>)[verb] as Method)(...args));
}

function canaryless(env: Env, vars: Record<string, string>, name: string): Record<string, Method> {
  const namespace = env.STATS as DurableObjectNamespace;
  const SESSIONS = {
    getWithMetadata: (key: string, type: "arrayBuffer") =>
      key === "kvferry:canary" ? new Promise(() => {}) : env.SESSIONS.getWithMetadata(key, type),
    put: env.SESSIONS.put.bind(env.SESSIONS),
    delete: env.SESSIONS.delete.bind(env.SESSIONS),
  };
  const MIGRATION_STATS = { idFromName: () => namespace.idFromName(name), get: (id: DurableObjectId) => namespace.get(id) };
  const store: unknown = sessionStore({ ...vars, SESSIONS, MIGRATION_STATS, USER_SESSIONS: env.OWN });
  return store as Record<string, Method>;
}

// Do one verb, wait for everything that it left behind, and say what happened in which order.
async function done(env: Env, order: Order): Promise<object> {
  const { store, trace, left, counters } = scriptedStore(env, order);
  const args = order.verb === "update" ? [order.args[0], changing(order.args[1]), ...order.args.slice(2)] : order.args;
  let answer: object;
  try {
    const value = await (store[order.verb] as Method)(...args.map(inward));
    answer = { value: outward(value) };
  } catch (error) {
    answer = { thrown: String(error) };
  }
  trace.push("answered");
  await over(left);
  return { ...answer, trace, counters: counters.all() };
}

// Do one verb with the same store at several times, in seconds from now on: does it tell that it is at work?
async function beats(env: Env, order: Order & { times: { at: number }[] }): Promise<boolean[]> {
  const { store, trace, left } = scriptedStore(env, order);
  const began = clock();
  const found: boolean[] = [];
  for (const { at } of order.times) {
    time.now = began + at;
    trace.length = 0;
    await (store[order.verb] as Method)(...order.args);
    await over(left);
    found.push(trace.some((one) => one.startsWith("kvferryBeat")));
  }
  return found;
}

async function over(left: Promise<unknown>[]): Promise<void> {
  for (let next = left.shift(); next !== undefined; next = left.shift()) await next;
}

function scriptedStore(env: Env, order: Order): Scripted {
  const trace: string[] = [];
  const left: Promise<unknown>[] = [];
  const counters = new Counters();
  let hushed = false; // was the last call silent? Work that makes one call, and waits for it, is silent then
  const build = STORES[order.build ?? "EDGE"] as Build;
  const world: World = {
    clock,
    async pause(seconds) {
      trace.push(`pause ${seconds}`);
      advance(seconds);
    },
    async within(seconds, work) {
      const waits = hushed || silent.has(work);
      hushed = false;
      if (!waits) return work;
      advance(seconds);
      return build.UNANSWERED;
    },
    lasting: (work) => void left.push(work),
    later(seconds, work) {
      trace.push(`later ${seconds}`);
      left.push({ then: (...done) => work().then(...done) } as Promise<unknown>); // begun when it is waited for
    },
  };
  const faults = structuredClone(order.faults ?? {});
  let meanwhile = order.meanwhile;
  const before = async (name: string): Promise<void> => {
    const first = meanwhile;
    if (first === undefined || !/kvferry(Put|Touch|Delete|Adopt)/.test(name)) return;
    meanwhile = undefined;
    trace.push("meanwhile");
    await done(env, first);
  };
  // A call through the script. Its promise is known to be silent as soon as it is made.
  const through: Through = (name, call, id, given) => {
    const fault = faults[name]?.shift() ?? null;
    trace.push(fault === null ? name : `${name} ${fault}`);
    hushed = fault === "silent" || fault === "lands" || fault === "held";
    if (fault === "silent" || fault === "lands" || fault === "held") {
      if (fault === "held") held.push({ objects: order.objects ?? "OWN", id, name, given });
      const landing = fault === "lands" ? call() : Promise.resolve();
      const never = new Promise(() => {});
      silent.add(never);
      left.push(landing);
      return never;
    }
    return before(name).then(async () => {
      if (fault === "fails") throw new Error("it fails");
      if (fault === "429") throw new Error("KV PUT failed: 429 Too Many Requests");
      if (fault === "overloaded") throw overloaded();
      const answer = await call();
      if (fault === "fails after") throw new Error("it fails");
      if (fault === "slow") advance(21);
      trace.push(`${name} done`);
      return answer;
    });
  };
  const objects = env[order.objects ?? "OWN"] as DurableObjectNamespace;
  const stats = env[order.statistics ?? "STATS"] as DurableObjectNamespace;
  const id = stats.idFromName(order.stats ?? "");
  const settings = settingsOf({
    ...order.vars,
    ...(typeof order.stats !== "string"
      ? {}
      : { MIGRATION_STATS: { idFromName: () => id, get: () => scripted(stats.get(id), through, String(id)) } }),
    ...(order.version === undefined ? {} : { CF_VERSION_METADATA: { id: order.version } }),
    SESSIONS: withCanary(scriptedKv(env.SESSIONS, through, order.stale), env.SESSIONS, through, order),
    USER_SESSIONS: {
      idFromName: (name: string) => objects.idFromName(name),
      get: (id: DurableObjectId, options: object) => scripted(objects.get(id, options), through, String(id)),
    },
  });
  const store: unknown = new build.Store(settings, world, () => order.isolate ?? "i", counters);
  return { store: store as Record<string, Method>, trace, left, counters };
}

function scripted(stub: object, through: Through, id: string): object {
  return new Proxy(stub, {
    get: (target, name) => (given: unknown) =>
      through(String(name), () => asked(target, String(name), given), id, given),
  });
}

function asked(stub: object, name: string, given: unknown): Promise<unknown> {
  return ((stub as Record<string, Method>)[name] as Method)(given);
}

interface Kv {
  getWithMetadata(key: string, type: "arrayBuffer"): Promise<unknown>;
  put(key: string, value: Uint8Array, options: KVNamespacePutOptions): Promise<unknown>;
  delete(key: string): Promise<unknown>;
}

function scriptedKv(kv: KVNamespace, through: Through, stale: Order["stale"]): Kv {
  const shown = (): Promise<unknown> => {
    if (stale === "missing") return Promise.resolve({ value: null, metadata: null });
    const { value, metadata } = stale as Exclude<Order["stale"], "missing" | undefined>;
    return Promise.resolve({ value: new TextEncoder().encode(value).buffer, metadata });
  };
  return {
    getWithMetadata: (key: string, type: "arrayBuffer") =>
      through("kv.get", () => (stale === undefined ? kv.getWithMetadata(key, type) : shown())),
    put: (key: string, value: Uint8Array, options: KVNamespacePutOptions) =>
      through("kv.put", () => kv.put(key, value, options), undefined, [key, value, options]),
    delete: (key: string) => through("kv.delete", () => kv.delete(key), undefined, [key]),
  };
}

// Beside it the canary, of which every statistics' object has one of its own.
function withCanary(sessions: Kv, kv: KVNamespace, through: Through, order: Order): Kv {
  const own = (key: string) => (key === "kvferry:canary" ? `${order.stats}/${key}` : null);
  const shown = (): Promise<unknown> => {
    const value = order.canary === "missing" ? null : new TextEncoder().encode(order.canary).buffer;
    return Promise.resolve({ value, metadata: null });
  };
  return {
    ...sessions,
    getWithMetadata(key, type) {
      const canary = own(key);
      if (canary === null) return sessions.getWithMetadata(key, type);
      return through("canary.get", () => (order.canary === undefined ? kv.getWithMetadata(canary, type) : shown()));
    },
    put(key, value, options) {
      const canary = own(key);
      if (canary === null) return sessions.put(key, value, options);
      return through("canary.put", () => kv.put(canary, value, options));
    },
  };
}

// What the runtime says for an object that has too much to do.
function overloaded(): Error {
  const error = new Error("Durable Object is overloaded. Requests queued for too long.");
  return Object.assign(error, { overloaded: true, retryable: true, remote: false });
}

// The calls of objects and of KV that were held, done now.
async function landed(env: Env): Promise<unknown[]> {
  return Promise.all(
    held.splice(0).map(async ({ objects, id, name, given }) => {
      if (id === undefined) return (await (env.SESSIONS as unknown as Record<string, Method>)[name.slice(3)]?.(...(given as unknown[]))) ?? null;
      const namespace = env[objects] as DurableObjectNamespace;
      return (await asked(namespace.get(namespace.idFromString(id)), name, given)) ?? null;
    }),
  );
}

async function kept(kv: KVNamespace, key: string): Promise<object | null> {
  const { value, metadata } = await kv.getWithMetadata(key, "text");
  const { keys } = await kv.list({ prefix: key });
  const listed = keys.find(({ name }) => name === key);
  return value === null ? null : { value, metadata, expiration: listed?.expiration ?? null };
}

// The change of an update: these members over those that there are.
function changing(members: unknown): (session: { data: object } | null) => object {
  return (session) => ({ ...session?.data, ...(members as object) });
}

// Bytes travel as {"base64": …}.
function inward(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("base64" in value)) return value;
  return Uint8Array.from(atob(value.base64 as string), (byte) => byte.charCodeAt(0));
}

function outward(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value ?? null;
  const shown = "expiration" in value && value.expiration === undefined ? { ...value, expiration: "unknown" } : value;
  if (!("data" in shown) || !(shown.data instanceof Uint8Array)) return shown;
  return { ...shown, data: { base64: btoa(String.fromCharCode(...shown.data)) } };
}
