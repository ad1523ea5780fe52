// An application that had moved half-way before the toolkit came, as such applications do: a login is written
// to both stores, the object is read first and KV where it has nothing, and renewed tokens go to KV only. In
// another one (`tokens`: "object") they go to the object only. The same application, rewritten, asks the
// session store for everything.

import { sessionStore } from "EDGE/session-store.ts";
import { objectOf, placementOf } from "EDGE/placement.ts";
import type { Placement } from "EDGE/placement.ts";

const PREFIX = "spotify_session:";
const PLACEMENT = "shards:4";
const TTL = 7200;

interface Env {
  HALF_MOVED: KVNamespace;
  USER_SESSIONS: DurableObjectNamespace;
}

interface Session {
  userId: string;
  token: string;
}

interface Order {
  verb: "login" | "read" | "renew" | "logout";
  id: string;
  token: string;
  stage: string | null; // of the session store; null: the application as it was
  tokens: "kv" | "object"; // where it renewed them
}

interface SessionObject {
  getSession(id: string): Promise<{ data: Session } | null>;
  deleteSession(id: string): Promise<boolean>;
  statement(query: string, bindings: unknown[]): Promise<unknown>;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const order = (await request.json()) as Order;
    return Response.json((await (order.stage === null ? asItWas(env, order) : rewritten(env, order))) ?? null);
  },
};

async function asItWas(env: Env, { verb, id, token, tokens }: Order): Promise<string | null> {
  const kv = env.HALF_MOVED;
  const object = objectFor(env, id);
  const until = Math.floor(Date.now() / 1000) + TTL;
  const inKv = (session: Session) => kv.put(PREFIX + id, JSON.stringify(session), { expiration: until });
  // What its class did for a login before it had the toolkit.
  const inObject = (session: Session) =>
    object.statement(
      `INSERT OR REPLACE INTO sessions (id, data, user_id, created_at, last_accessed, expires_at)
       VALUES (?, ?, ?, ?, ?, ?)`,
      [id, JSON.stringify(session), session.userId, Date.now(), Date.now(), until * 1000],
    );
  const read = async (): Promise<Session | null> =>
    (await object.getSession(id))?.data ?? (await kv.get<Session>(PREFIX + id, "json"));
  switch (verb) {
    case "login":
      await inObject({ userId: id, token });
      await inKv({ userId: id, token });
      return null;
    case "read":
      return (await read())?.token ?? null;
    case "renew":
      await (tokens === "kv" ? inKv : inObject)({ userId: id, token });
      return null;
    case "logout":
      await object.deleteSession(id);
      await kv.delete(PREFIX + id);
      return null;
  }
}

async function rewritten(env: Env, { verb, id, token, stage }: Order): Promise<string | null> {
  const variables = {
    SESSION_STAGE: stage,
    KVFERRY_PREFIX: PREFIX,
    KVFERRY_PLACEMENT: PLACEMENT,
    KVFERRY_KV_BINDING: "HALF_MOVED",
  };
  const sessions = sessionStore({ ...variables, ...env });
  switch (verb) {
    case "login":
      await sessions.create(id, { userId: id, token }, { expirationTtl: TTL });
      return null;
    case "read":
      return (await sessions.get<Session>(id))?.data.token ?? null;
    case "renew":
      await sessions.put(id, { userId: id, token }, { expirationTtl: TTL });
      return null;
    case "logout":
      await sessions.delete(id);
      return null;
  }
}

function objectFor({ USER_SESSIONS }: Env, id: string): SessionObject {
  const name = objectOf(placementOf(PLACEMENT) as Placement, id);
  return USER_SESSIONS.get(USER_SESSIONS.idFromName(name)) as unknown as SessionObject;
}
