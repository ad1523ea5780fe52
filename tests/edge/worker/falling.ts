// A bridge that stops for good in the middle of an import, so that a test can kill it right there.

import { bridge } from "EDGE/bridge.ts";
import type { BridgeEnv } from "EDGE/bridge.ts";
import type { SessionObjects } from "EDGE/objects.ts";
import type { Part, PartAnswer } from "EDGE/part.ts";

const holding = { imports: 0, held: false };
const real = bridge(() => Date.now() / 1000);

// Which import is held, counted from 1 among those with records, and before which of its calls: the number of
// calls that are done by then, or the one with the notes, or when all are done and nobody is told.
interface Hold {
  import: number;
  at: number | "book" | "answer";
}

// `TEST_RECORDS`: the most of an import that it claims to take.
type Env = BridgeEnv & { TEST_HOLD?: Hold; TEST_RECORDS: number };

export default {
  async fetch(request: Request<unknown, IncomingRequestCfProperties>, env: Env, ctx: ExecutionContext): Promise<Response> {
    if (new URL(request.url).pathname === "/test/held") return Response.json(holding.held);
    const hold = await held(request, env.TEST_HOLD);
    const there = hold ? { ...env, USER_SESSIONS: stopping(env.USER_SESSIONS, hold.at) } : env;
    const answer = await (real.fetch as NonNullable<typeof real.fetch>)(request, there, ctx);
    if (hold?.at === "answer") await forever();
    return smaller(request, answer, env.TEST_RECORDS);
  },
} satisfies ExportedHandler<Env>;

// The hold, if this is the request that it is about.
async function held(request: Request, hold: Hold | undefined): Promise<Hold | null> {
  if (hold === undefined || !request.url.endsWith("/import")) return null;
  const { records } = await request.clone().json<{ records: unknown[] }>();
  if (records.length > 0) holding.imports += 1;
  return records.length > 0 && holding.imports === hold.import ? hold : null;
}

// The same objects, until the hold: what has been called by then ends, and nothing else is called.
function stopping(objects: SessionObjects, at: Hold["at"]): SessionObjects {
  const calls: Promise<PartAnswer>[] = [];
  const get: SessionObjects["get"] = (id, options) => {
    const stub = objects.get(id, options);
    const called = async (part: Part): Promise<PartAnswer> => {
      if (at === "answer" || (at === "book" ? part.book === null : calls.length < at)) {
        const call = stub.kvferryImport(part);
        calls.push(call);
        return call;
      }
      await Promise.allSettled(calls);
      return forever();
    };
    return replacing(stub, "kvferryImport", called);
  };
  return replacing(objects, "get", get);
}

// The same, but for one method.
function replacing<Thing extends object>(thing: Thing, method: keyof Thing, other: unknown): Thing {
  return new Proxy(thing, {
    get: (target, name) => {
      if (name === method) return other;
      const found: unknown = Reflect.get(target, name);
      return typeof found === "function" ? (...given: unknown[]) => Reflect.apply(found, target, given) : found;
    },
  });
}

async function forever(): Promise<never> {
  holding.held = true;
  await new Promise((resolve) => setTimeout(resolve, 3_600_000));
  throw new Error("held for too long");
}

// The answer; of a question for its health, with another number of records.
async function smaller(request: Request, answer: Response, records: number): Promise<Response> {
  if (!request.url.endsWith("/health") || !answer.ok) return answer;
  const health = await answer.json<{ limits: object }>();
  return Response.json({ ...health, limits: { ...health.limits, records } });
}
