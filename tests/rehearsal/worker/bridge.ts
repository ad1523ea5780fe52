// The bridge as it is deployed, by the shifted clock.

import real from "EDGE/bridge-worker.ts";
import type { BridgeEnv } from "EDGE/bridge.ts";
import { shifted } from "./shift.ts";
import { shiftedKv } from "./shifted-kv.ts";

export default {
  async fetch(request: Request<unknown, IncomingRequestCfProperties>, env: BridgeEnv, ctx: ExecutionContext): Promise<Response> {
    const { SESSIONS_KV: kv } = env as { SESSIONS_KV?: unknown };
    if (kv !== undefined) env = { ...env, SESSIONS_KV: shiftedKv(kv as KVNamespace) };
    return (await shifted(request)) ?? (real.fetch as NonNullable<typeof real.fetch>)(request, env, ctx);
  },
} satisfies ExportedHandler<BridgeEnv>;
