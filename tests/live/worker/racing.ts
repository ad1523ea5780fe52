// An application of the races: one isolate, which does one verb of the real session store for each request, at
// the stage that the request names. Its KV shows the past, and halves of writes fail as requests say. It is also
// Cloudflare's API for the same KV, as stale as that.

import { sessionStore } from "EDGE/session-store.ts";
import type { SessionOptions } from "EDGE/session-store.ts";
import { Halves } from "./halves.ts";
import type { Fault } from "./halves.ts";
import { answered } from "./rest.ts";
import { Past } from "./past.ts";

export interface Env {
  SESSIONS: KVNamespace;
  USER_SESSIONS: DurableObjectNamespace;
  MIGRATION_STATS: DurableObjectNamespace;
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

const halves = new Map<string, Halves>(); // of each stage
const beaten = new Map<string, number>();
let past: Past<Held> | null = null;

export default {
  async fetch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/do") return Response.json(await done(env, await request.json(), ctx));
    if (pathname === "/idle") return Response.json(Object.fromEntries([...halves].map(([stage, { underWay }]) => [stage, underWay])));
    if (pathname === "/all") return Response.json(await all(env.SESSIONS));
    return answered(request, env);
  },
} satisfies ExportedHandler<Env>;

async function done(env: Env, order: Order, ctx: ExecutionContext): Promise<object> {
  const { verb, id, value, expiration, metadata, deaf = false } = order;
  const seen: { carried: number | null } = { carried: null };
  const store = sessionStore({
    ...env,
    SESSION_STAGE: order.stage,
    SESSIONS: kv(env, order, seen, ctx),
    USER_SESSIONS: objects(env, order, ctx),
    MIGRATION_STATS: stats(env, order.stage, deaf),
  });
  const until: SessionOptions = typeof expiration === "number" ? { expiration } : {};
  const options = metadata === undefined ? until : { ...until, metadata };
  try {
    switch (verb) {
      case "get": {
        const found = await store.get<{ v: number }>(id);
        return { done: true, value: found?.data.v ?? null, expiration: told(found?.expiration), metadata: found?.metadata ?? null };
      }
      case "update": {
        await store.update<{ v: number }>(id, (found) => ((seen.carried = found?.data.v ?? null), { v: value as number }), options);
        return { done: true, carried: seen.carried };
      }
      case "touch":
        await store.touch(id, until);
        return { done: true, carried: seen.carried };
      case "delete":
        await store.delete(id);
        return { done: true };
      default:
        await store[verb](id, { v: value }, options);
        return { done: true };
    }
  } catch (error) {
    return { done: false, carried: seen.carried, error: String(error) };
  }
}

function told(expiration: number | null | undefined): number | "never" | null {
  return expiration === null ? "never" : expiration ?? null;
}

function halvesAt(stage: string): Halves {
  const found = halves.get(stage) ?? new Halves();
  halves.set(stage, found);
  return found;
}

function kv(env: Env, { stage, faults }: Order, seen: { carried: number | null }, ctx: ExecutionContext): object {
  const memory = (past ??= new Past<Held>(env.STALE));
  const script = [...(faults?.kv ?? [])];
  const lasting = (work: Promise<unknown>) => ctx.waitUntil(work);
  return {
    async getWithMetadata(key: string, type: "arrayBuffer"): Promise<Held> {
      await onTheWay(env);
      const held = await memory.read(key, () => env.SESSIONS.getWithMetadata(key, type));
      if (held.value !== null) seen.carried = (JSON.parse(new TextDecoder().decode(held.value)) as { v: number }).v;
      return held;
    },
    put: (key: string, value: Uint8Array, options: KVNamespacePutOptions) =>
      halvesAt(stage).run(script, () => onTheWay(env).then(() => env.SESSIONS.put(key, value, options)), lasting),
    delete: (key: string) => halvesAt(stage).run(script, () => onTheWay(env).then(() => env.SESSIONS.delete(key)), lasting),
  };
}

function onTheWay({ FAR }: Env): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.random() * FAR));
}

function objects({ USER_SESSIONS: real }: Env, { stage, faults }: Order, ctx: ExecutionContext): object {
  const script = [...(faults?.object ?? [])];
  const lasting = (work: Promise<unknown>) => ctx.waitUntil(work);
  return {
    idFromName: (name: string) => real.idFromName(name),
    get(id: DurableObjectId, options: object) {
      const stub = real.get(id, options) as unknown as Record<string, Method>;
      return new Proxy(stub, {
        get: (target, name) => (given: unknown) => {
          const call = () => (target[String(name)] as Method)(given);
          return /kvferry(Put|Touch|Delete)/.test(String(name)) ? halvesAt(stage).run(script, call, lasting) : call();
        },
      });
    },
  };
}

// A heartbeat from this isolate now and then: each request has a store of its own here.
function stats({ MIGRATION_STATS: real }: Env, stage: string, deaf: boolean): object {
  return {
    idFromName: (name: string) => real.idFromName(name),
    get(id: DurableObjectId) {
      const stub = real.get(id) as unknown as Record<string, Method>;
      return {
        async kvferryBeat(beat: unknown) {
          if ((beaten.get(stage) ?? 0) > Date.now() - 5000) return;
          beaten.set(stage, Date.now());
          await (stub.kvferryBeat as Method)(beat);
        },
        async kvferryNote(note: unknown) {
          if (deaf) throw new Error("the statistics cannot be reached");
          await (stub.kvferryNote as Method)(note);
        },
      };
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
