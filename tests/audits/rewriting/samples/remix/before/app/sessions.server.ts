import type { AppLoadContext } from "@remix-run/cloudflare";

type SessionData = { userId: string; flash?: string };

const KEY = "remix_session:";

export async function loadSession(context: AppLoadContext, request: Request) {
  const sessionId = request.headers.get("Cookie")?.match(/__session=([^;]+)/)?.[1];
  if (!sessionId) return null;
  const { env } = context.cloudflare;
  const data = await env.SESSIONS.get<SessionData>(`${KEY}${sessionId}`, "json");
  return data && { sessionId, data };
}

export async function commitSession(context: AppLoadContext, sessionId: string, data: SessionData) {
  const body = JSON.stringify(data);
  await context.cloudflare.env.SESSIONS.put(`${KEY}${sessionId}`, body, { expirationTtl: 86_400 });
  return `__session=${sessionId}; Path=/; HttpOnly`;
}

export async function destroySession(context: AppLoadContext, sessionId: string) {
  return context.cloudflare.env.SESSIONS.delete(`${KEY}${sessionId}`);
}
