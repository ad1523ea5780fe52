import type { H3Event } from "h3";
import { getCookie } from "h3";
import { sessionStore } from "../../session-store";

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
  return sid ? ((await sessionStore(event.context.cloudflare.env as Env).get<Session>(sid))?.data ?? null) : null;
}

export async function dropSession(event: H3Event, sid: string): Promise<void> {
  await sessionStore(bindings(event)).delete(sid);
}
