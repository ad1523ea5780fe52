import { end } from "./index";

declare const env: { SESSIONS: KVNamespace };

await env.SESSIONS.put("session:x", "{}");
await end(env, "x");
