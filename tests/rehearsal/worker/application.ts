// One isolate of one version of the rehearsed application: that of the races, by the shifted clock. Its KV is that of
// its location. It counts all that it has under way, so that the clock is set forwards while nothing is.

import racing from "../../live/worker/racing.ts";
import type { Env } from "../../live/worker/racing.ts";
import { shift } from "./shift.ts";

type Method = (...given: unknown[]) => unknown;

let underWay = 0;
let bound: Env | null = null;

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const ahead = searchParams.get("ahead");
    if (ahead !== null) shift(Number(ahead));
    bound ??= { ...env, SESSIONS: counted(env.SESSIONS), ...within(env, "USER_SESSIONS"), ...within(env, "MIGRATION_STATS") };
    const answer = await racing.fetch(request, bound);
    if (pathname !== "/idle") return answer;
    const halves = Object.values(await answer.json<Record<string, number>>());
    const stage = String(env["SESSION_STAGE"]);
    return Response.json({ [stage]: halves.reduce((sum, one) => sum + one, underWay) });
  },
} satisfies ExportedHandler<Env>;

function within(env: Env, name: "USER_SESSIONS" | "MIGRATION_STATS"): object {
  const real = env[name];
  const get = (id: DurableObjectId, options?: object) => counted(real.get(id, options));
  return { [name]: { idFromName: (given: string) => real.idFromName(given), get } };
}

// The same, with every call counted until it has ended.
function counted<Real extends object>(real: Real): Real {
  return new Proxy(real, {
    get: (target, name) => {
      const method = (target as Record<string | symbol, unknown>)[name];
      return typeof method !== "function" ? method : async (...given: unknown[]) => {
        underWay += 1;
        try {
          return await (Reflect.apply(method as Method, target, given) as Promise<unknown>);
        } finally {
          underWay -= 1;
        }
      };
    },
  });
}
