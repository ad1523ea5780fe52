import type { AppLoadContext } from "@remix-run/cloudflare";
import { sessionStore } from "../session-store";

type SessionData = { userId: string; flash?: string };

export async function loadSession(context: AppLoadContext, request: Request) {
  const sessionId = request.headers.get("Cookie")?.match(/__session=([^;]+)/)?.[1];
  if (!sessionId) return null;
  const { env } = context.cloudflare;
  const data = (await sessionStore(env).get<SessionData>(`${sessionId}`))?.data ?? null;
  return data && { sessionId, data };
}

export async function commitSession(context: AppLoadContext, sessionId: string, data: SessionData) {
  await sessionStore(context.cloudflare.env).put(sessionId, data, { expirationTtl: 86_400 });
  return `__session=${sessionId}; Path=/; HttpOnly`;
}

export async function destroySession(context: AppLoadContext, sessionId: string) {
  return sessionStore(context.cloudflare.env).delete(sessionId);
}
