import { DurableObject } from "cloudflare:workers";

interface Env {
  SESSIONS: KVNamespace;
  GATE: DurableObjectNamespace<Gate>;
}

interface Session {
  userId: string;
  hits: number;
}

export class Gate extends DurableObject<Env> {
  async hit(sessionId: string): Promise<number> {
    const session = await this.env.SESSIONS.get<Session>(`session:${sessionId}`, "json");
    if (!session) return 0;
    session.hits += 1;
    await this.env.SESSIONS.put(`session:${sessionId}`, JSON.stringify(session), { expirationTtl: 3600 });
    await this.ctx.storage.put("last", sessionId);
    return session.hits;
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const sessionId = request.headers.get("X-Session");
    if (!sessionId) return new Response(null, { status: 400 });
    const stub = env.GATE.get(env.GATE.idFromName(sessionId));
    return Response.json(await stub.hit(sessionId));
  },
};
