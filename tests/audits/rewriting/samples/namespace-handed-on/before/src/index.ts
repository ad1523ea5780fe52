import { removeSession, SessionRepository } from "./repository";

interface Env {
  SESSIONS: KVNamespace;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const id = request.headers.get("X-Session") ?? "";
    if (request.method === "DELETE") await removeSession(env.SESSIONS, id);
    const stop = env.SESSIONS.delete.bind(env.SESSIONS);
    if (request.method === "PURGE") await stop(`session:${id}`);
    return Response.json(await new SessionRepository(env.SESSIONS).get(id));
  },
};
