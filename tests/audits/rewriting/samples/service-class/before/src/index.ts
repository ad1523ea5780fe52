import { SessionService } from "./sessions";

export interface Env {
  SESSIONS: KVNamespace;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const sessions = new SessionService(env);
    const id = request.headers.get("X-Session");
    if (id === null) return new Response(await sessions.create("u"));
    if (request.method === "DELETE") await sessions.remove(id);
    return Response.json(await sessions.find(id));
  },
};
