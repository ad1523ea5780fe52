// The bridge of the tests: the real one, with a clock that a test can set, and fresh objects.

import { bridge } from "EDGE/bridge.ts";
import type { BridgeEnv } from "EDGE/bridge.ts";
import type { KvWriter } from "EDGE/kv-writing.ts";
import type { SessionObjects } from "EDGE/objects.ts";

const time = { now: null as number | null };
const world = { name: "" };
const budget = { calls: null as number | null };
// How the next writes in KV end (null: they are done), and the seconds that each takes.
const kv = { ends: [] as (string | null)[], takes: 0 };
const hints: (string | null)[] = [];
const certs = { url: "http://127.0.0.1:1/" };
const real = bridge(
  () => time.now ?? Date.now() / 1000,
  (issuer) => `${certs.url}?issuer=${issuer}`,
);

export default {
  async fetch(request: Request<unknown, IncomingRequestCfProperties>, env: BridgeEnv, ctx: ExecutionContext): Promise<Response> {
    if (new URL(request.url).pathname === "/test/clock") {
      time.now = await request.json();
      return Response.json(null);
    }
    if (new URL(request.url).pathname === "/test/certs") {
      certs.url = await request.json();
      return Response.json(null);
    }
    if (new URL(request.url).pathname === "/test/world") {
      world.name = await request.json();
      return Response.json(null);
    }
    if (new URL(request.url).pathname === "/test/hints") {
      return Response.json([...hints.splice(0)]);
    }
    if (new URL(request.url).pathname === "/test/kv") {
      Object.assign(kv, await request.json());
      return Response.json(null);
    }
    if (new URL(request.url).pathname === "/test/budget") {
      budget.calls = await request.json();
      return Response.json(null);
    }
    const elsewhere = { ...env, USER_SESSIONS: within(env.USER_SESSIONS, world.name) };
    if (env.SESSIONS_KV !== undefined) Object.assign(elsewhere, { SESSIONS_KV: faulty(env.SESSIONS_KV) });
    const { MIGRATION_STATS: stats } = env;
    if (stats !== undefined) {
      const renamed = { idFromName: (name: string) => stats.idFromName(world.name + name), get: stats.get.bind(stats) };
      Object.assign(elsewhere, { MIGRATION_STATS: renamed });
    }
    return (real.fetch as NonNullable<typeof real.fetch>)(request, elsewhere, ctx);
  },
} satisfies ExportedHandler<BridgeEnv>;

// The same namespace, which answers as a test says.
function faulty(real: KvWriter): KvWriter {
  const end = (): void => {
    if (time.now !== null) time.now += kv.takes;
    const error = kv.ends.shift() ?? null;
    if (error !== null) throw new Error(error);
  };
  return {
    put: async (...given) => (end(), real.put(...given)),
    delete: async (key) => (end(), real.delete(key)),
  };
}

// The same objects under other names, so that every test can have fresh ones; as many of them for a
// request as a test allows.
function within(objects: SessionObjects, name: string): SessionObjects {
  let left = budget.calls ?? Infinity;
  return {
    idFromName: (given) => objects.idFromName(name + given),
    idFromString: (id) => objects.idFromString(id),
    get: (id, options) => {
      left -= 1;
      if (left < 0) throw new Error("Too many subrequests by single Worker invocation.");
      hints.push(options?.locationHint ?? null);
      return objects.get(id, options);
    },
  };
}
