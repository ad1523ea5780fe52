import { getCloudflareContext } from "@opennextjs/cloudflare";
import { cookies } from "next/headers";
import { sessionStore } from "../session-store";

export interface Session {
  userId: string;
}

export async function currentSession(): Promise<Session | null> {
  const sessionId = (await cookies()).get("session")?.value;
  if (!sessionId) return null;

  const { env } = getCloudflareContext();
  return (await sessionStore(env).get<Session>(`${sessionId}`))?.data ?? null;
}

export async function startSession(session: Session): Promise<string> {
  const sessionId = crypto.randomUUID();
  await sessionStore(getCloudflareContext().env).create(sessionId, session, {
    expirationTtl: 60 * 60 * 24 * 30,
    metadata: { userId: session.userId },
  });
  return sessionId;
}

export async function endSession(sessionId: string) {
  const kv = getCloudflareContext().env.SESSIONS;
  await kv.delete(`session:${sessionId}`);
}
