// What applications rely on, and the bridge, as types: this file is checked and never run.

import type { BridgeEnv } from "EDGE/bridge.ts";
import type { UserSessions } from "EDGE/user-sessions.ts";

type Plain = DurableObjectNamespace<UserSessions>;
type Env = { USER_SESSIONS: DurableObjectNamespace<UserSessions<{ user: string }>> };

export async function application({ USER_SESSIONS: ns }: Env, sessionId: string): Promise<string | null> {
  const id = ns.idFromName(sessionId);
  const stub = ns.get(id);
  const found: { data: { user: string } } | null = await stub.getSession(sessionId);
  await stub.putSession(sessionId, { user: "u" }, { expirationTtl: 3600 });
  const touched = await stub.touchSession(sessionId, { expirationTtl: 3600 });
  if (touched.outcome !== "stored") await stub.deleteSession(sessionId);
  return found?.data.user ?? null;
}

export async function plain(ns: Plain, sessionId: string): Promise<object | null> {
  const found = await ns.get(ns.idFromName(sessionId)).getSession(sessionId);
  return found && found.data;
}

export function bound(env: Env): Pick<BridgeEnv, "USER_SESSIONS"> {
  return env;
}
