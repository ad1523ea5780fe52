import type { H3Event } from "h3";
import { getCookie } from "h3";

interface Env {
  SESSIONS: KVNamespace;
}

interface Session {
  user: string;
}

function bindings(event: H3Event): Env {
  return event.context.cloudflare.env;
}

export async function useSession(event: H3Event): Promise<Session | null> {
  const sid = getCookie(event, "sid");
  return sid ? await (event.context.cloudflare.env as Env).SESSIONS.get<Session>(`session:${sid}`, "json") : null;
}

export async function dropSession(event: H3Event, sid: string): Promise<void> {
  await bindings(event).SESSIONS.delete(`session:${sid}`);
}
