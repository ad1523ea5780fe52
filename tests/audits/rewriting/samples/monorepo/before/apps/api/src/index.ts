import { env } from "cloudflare:workers";
import { sessionKey } from "../../../packages/keys/src/index.js";
import { log } from "./log.js";

export default {
  async fetch(request: Request): Promise<Response> {
    const jti = request.headers.get("X-Token") ?? "";
    const session = await env.SESSIONS.get<{ user: string }>(sessionKey(jti), "json");
    log(session?.user ?? "nobody");
    return Response.json(session);
  },
};
