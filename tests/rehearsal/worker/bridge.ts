// The bridge as it is deployed, by the shifted clock.

import real from "EDGE/bridge-worker.ts";
import type { BridgeEnv } from "EDGE/bridge.ts";
import { shifted } from "./shift.ts";

export default {
  async fetch(request: Request<unknown, IncomingRequestCfProperties>, env: BridgeEnv, ctx: ExecutionContext): Promise<Response> {
    return (await shifted(request)) ?? (real.fetch as NonNullable<typeof real.fetch>)(request, env, ctx);
  },
} satisfies ExportedHandler<BridgeEnv>;
