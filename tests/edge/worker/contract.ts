// What applications rely on, and the bridge, as types: this file is checked and never run.

import type { BridgeEnv } from "EDGE/bridge.ts";
import type { UserSessions } from "EDGE/user-sessions.ts";
import { withToolkit } from "EDGE/with-toolkit.ts";
import type { OwnStorage } from "EDGE/with-toolkit.ts";
import { PlainSessions } from "./plain-sessions.ts";
import type { Session } from "./plain-sessions.ts";
import { METHODS } from "./words.ts";
import type { WrappedSessions } from "./wrapped-sessions.ts";

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

// A class of the application's own keeps the types of its methods.
type Wrapped = DurableObjectNamespace<WrappedSessions>;

export async function wrapped(ns: Wrapped, sessionId: string): Promise<string | null> {
  const stub = ns.get(ns.idFromName(sessionId));
  await stub.setSession(sessionId, { userId: "u" }, 3600);
  const { expiresAt }: { expiresAt: number } = await stub.refreshSession(sessionId);
  const found: { data: Session } | null = await stub.getSession(sessionId);
  // @ts-expect-error a session has a user
  await stub.setSession(sessionId, {}, 3600);
  return found && `${found.data.userId} until ${expiresAt}`;
}

export function wrappedBound(ns: Wrapped): Pick<BridgeEnv, "USER_SESSIONS"> {
  return { USER_SESSIONS: ns };
}

const storage = (): OwnStorage => null as never;
const { signOut: _, ...others } = METHODS;

// @ts-expect-error a method without a word
withToolkit(PlainSessions, { storage, methods: others });
// @ts-expect-error a word that there is not
withToolkit(PlainSessions, { storage, methods: { ...METHODS, signOut: "forget" } });
// @ts-expect-error it cannot answer null, and does not say what a miss is
withToolkit(PlainSessions, { storage, methods: { ...METHODS, refreshSession: "read" } });
withToolkit(PlainSessions, {
  storage,
  methods: { ...METHODS, refreshSession: { does: "read", miss: { expiresAt: 0 }, keys: (id: string) => [id] } },
  duties: (object) => object.setSetting("alarm", "rang"),
});
