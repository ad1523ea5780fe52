// The bridge of the tests: the real one, with a clock that a test can set.

import { bridge } from "EDGE/bridge.ts";
import type { BridgeEnv } from "EDGE/bridge.ts";

const time = { now: null as number | null };
const real = bridge(() => time.now ?? Date.now() / 1000);

export default {
  async fetch(request: Request<unknown, IncomingRequestCfProperties>, env: BridgeEnv, ctx: ExecutionContext): Promise<Response> {
    if (new URL(request.url).pathname === "/test/clock") {
      time.now = await request.json();
      return Response.json(null);
    }
    return (real.fetch as NonNullable<typeof real.fetch>)(request, env, ctx);
  },
} satisfies ExportedHandler<BridgeEnv>;
