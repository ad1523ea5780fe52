// An application of the races: one isolate, which does one verb of the real session store for each request, at
// the stage that the request names. Its KV shows the past, and halves of writes fail as requests say. It is also
// Cloudflare's API for the same KV, as stale as that.

import { AsyncLocalStorage } from "node:async_hooks";
import { sessionStore } from "EDGE/session-store.ts";
import type { SessionOptions, SessionStore } from "EDGE/session-store.ts";
import { Halves } from "./halves.ts";
import type { Fault } from "./halves.ts";
import { answered } from "./rest.ts";
import { Past } from "./past.ts";

export interface Env {
  SESSIONS: KVNamespace;
  USER_SESSIONS: DurableObjectNamespace;
  MIGRATION_STATS: DurableObjectNamespace;
  KVFERRY_PREFIX: string;
  STALE: number; // seconds
  FAR: number; // milliseconds that KV is away, at most
  [variable: string]: unknown;
}

// `expiration`: Unix seconds, or "never".
interface Order {
  stage: string;
  verb: "get" | "create" | "put" | "touch" | "update" | "delete";
  id: string;
  value?: number;
  expiration?: number | "never";
  metadata?: unknown;
  faults?: { object?: Fault[]; kv?: Fault[] };
  deaf?: boolean; // the statistics cannot be reached
}

type Held = { value: ArrayBuffer | null; metadata: unknown };
type Method = (...given: unknown[]) => Promise<unknown>;

// What a request is about. `carried`: the value that it has read last before it writes.
interface Context {
  key: string;
  object: Fault[];
  kv: Fault[];
  deaf: boolean;
  carried: number | null;
}

const contexts = new AsyncLocalStorage<Context>();
const stages = new Map<string, { env: object; halves: Halves }>();

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/do") return Response.json(await done(env, await request.json()));
    if (pathname === "/idle") return Response.json(Object.fromEntries([...stages].map(([stage, { halves }]) => [stage, halves.underWay])));
    if (pathname === "/all") return Response.json(await all(env.SESSIONS));
    return answered(request, env);
  },
} satisfies ExportedHandler<Env>;

async function done(env: Env, order: Order): Promise<object> {
  const { object = [], kv = [] } = order.faults ?? {};
  const context: Context = { key: env.KVFERRY_PREFIX + order.id, object, kv, deaf: order.deaf ?? false, carried: null };
  try {
    const told = await contexts.run(context, () => verb(sessionStore(environment(env, order.stage)), order, context));
    return { done: true, carried: context.carried, ...told };
  } catch (error) {
    return { done: false, carried: context.carried, error: String(error) };
  }
}

async function verb(store: SessionStore, { verb, id, value, expiration, metadata }: Order, context: Context): Promise<object> {
  const until: SessionOptions = typeof expiration === "number" ? { expiration } : {};
  const options = metadata === undefined ? until : { ...until, metadata };
  switch (verb) {
    case "get": {
      const found = await store.get<{ v: number }>(id);
      return { value: found?.data.v ?? null, expiration: told(found?.expiration), metadata: found?.metadata ?? null };
    }
    case "update":
      await store.update<{ v: number }>(id, (found) => ((context.carried = found?.data.v ?? null), { v: value as number }), options);
      return {};
    case "touch":
      await store.touch(id, until);
      return {};
    case "delete":
      await store.delete(id);
      return {};
    default:
      await store[verb](id, { v: value }, options);
      return {};
  }
}

function told(expiration: number | null | undefined): number | "never" | null {
  return expiration === null ? "never" : expiration ?? null;
}

// The bindings of this isolate at a stage: always the same, as an application's are.
function environment(env: Env, stage: string): object {
  let known = stages.get(stage);
  if (known === undefined) {
    const halves = new Halves();
    const bound = { SESSIONS: kv(env, halves), USER_SESSIONS: objects(env, halves), MIGRATION_STATS: stats(env) };
    known = { env: { ...env, ...bound, SESSION_STAGE: stage }, halves };
    stages.set(stage, known);
  }
  return known.env;
}

let past: Past<Held> | null = null;

function kv({ SESSIONS: real, STALE, FAR }: Env, halves: Halves): object {
  const memory = (past ??= new Past<Held>(STALE));
  const onTheWay = () => new Promise((resolve) => setTimeout(resolve, Math.random() * FAR));
  const half = (key: string, call: () => Promise<void>) => {
    const context = contexts.getStore();
    return halves.run(context?.key === key ? context.kv : [], () => onTheWay().then(call));
  };
  return {
    async getWithMetadata(key: string, type: "arrayBuffer"): Promise<Held> {
      await onTheWay();
      const held = await memory.read(key, () => real.getWithMetadata(key, type));
      const context = contexts.getStore();
      if (held.value !== null && context?.key === key) {
        context.carried = (JSON.parse(new TextDecoder().decode(held.value)) as { v: number }).v;
      }
      return held;
    },
    put: (key: string, value: Uint8Array, options: KVNamespacePutOptions) => half(key, () => real.put(key, value, options)),
    delete: (key: string) => half(key, () => real.delete(key)),
  };
}

function objects({ USER_SESSIONS: real }: Env, halves: Halves): object {
  return {
    idFromName: (name: string) => real.idFromName(name),
    get(id: DurableObjectId, options: object) {
      const stub = real.get(id, options) as unknown as Record<string, Method>;
      return new Proxy(stub, {
        get: (target, name) => (given: unknown) => {
          const call = () => (target[String(name)] as Method)(given);
          const writes = /kvferry(Put|Touch|Delete)/.test(String(name));
          return writes ? halves.run(contexts.getStore()?.object ?? [], call) : call();
        },
      });
    },
  };
}

function stats({ MIGRATION_STATS: real }: Env): object {
  return {
    idFromName: (name: string) => real.idFromName(name),
    get(id: DurableObjectId) {
      const stub = real.get(id) as unknown as Record<string, Method>;
      return new Proxy(stub, {
        get: (target, name) => async (given: unknown) => {
          if (contexts.getStore()?.deaf) throw new Error("the statistics cannot be reached");
          return (target[String(name)] as Method)(given);
        },
      });
    },
  };
}

// What KV has, as it is.
async function all(sessions: KVNamespace): Promise<object[]> {
  const found: object[] = [];
  for (let cursor: string | undefined, complete = false; !complete; ) {
    const page = await sessions.list(cursor === undefined ? {} : { cursor });
    for (const { name, expiration, metadata } of page.keys) {
      found.push({ name, value: await sessions.get(name), expiration: expiration ?? null, metadata: metadata ?? null });
    }
    complete = page.list_complete;
    cursor = page.list_complete ? undefined : page.cursor;
  }
  return found;
}
