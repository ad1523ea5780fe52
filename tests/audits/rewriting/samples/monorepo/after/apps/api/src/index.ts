import { env } from "cloudflare:workers";
import { log } from "./log.js";
import { sessionStore } from "./session-store.js";

export default {
  async fetch(request: Request): Promise<Response> {
    const jti = request.headers.get("X-Token") ?? "";
    const session = (await sessionStore(env).get<{ user: string }>(jti))?.data ?? null;
    log(session?.user ?? "nobody");
    return Response.json(session);
  },
};
