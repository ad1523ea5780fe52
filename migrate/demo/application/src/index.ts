// The application of `kvferry demo --edge`: its sessions are in KV, and it has the session class already,
// whose objects are still empty.

import { objectOf, placementOf } from "./kvferry/placement";
import { UserSessions } from "./kvferry/user-sessions";

export { UserSessions };

type User = { id: string; name: string };

interface Env {
  PLACEMENT: string;
  SESSIONS: KVNamespace;
  USER_SESSIONS: DurableObjectNamespace<UserSessions<User>>;
}

const MONTH = 30 * 24 * 60 * 60;

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const id = /sid=([\w-]+)/.exec(request.headers.get("cookie") ?? "")?.[1] ?? "";
    switch (pathname) {
      case "/sign-in":
        return signIn(env, Number(searchParams.get("users") ?? 1));
      case "/me":
        return Response.json({ kv: await env.SESSIONS.get(keyOf(id), "json"), object: await inObject(env, id) });
      case "/become":
        return become(env, id, searchParams.get("name") ?? "");
    }
    return new Response("not found", { status: 404 });
  },
};

const keyOf = (id: string) => `spotify_session:${id}`;

// Signs users in; the cookie is that of the last.
async function signIn(env: Env, users: number): Promise<Response> {
  let id = "";
  for (let number = 1; number <= users; number += 1) {
    id = crypto.randomUUID();
    const user: User = { id: String(number), name: `user-${number}` };
    const device = number % 3 === 0 ? "phone" : "laptop";
    await env.SESSIONS.put(keyOf(id), JSON.stringify(user), { metadata: { device }, expirationTtl: MONTH + number });
  }
  return new Response(null, { status: 204, headers: { "set-cookie": `sid=${id}; HttpOnly; Secure` } });
}

function objectFor(env: Env, id: string): DurableObjectStub<UserSessions<User>> {
  const placement = placementOf(env.PLACEMENT) ?? { kind: "per-session" };
  return env.USER_SESSIONS.get(env.USER_SESSIONS.idFromName(objectOf(placement, id)));
}

async function inObject(env: Env, id: string): Promise<User | null> {
  const found = await objectFor(env, id).getSession(id);
  return found && found.data;
}

// Writes another user into the session's object, and not into KV: what must never happen.
async function become(env: Env, id: string, name: string): Promise<Response> {
  const found = (await env.SESSIONS.list({ prefix: keyOf(id) })).keys[0];
  if (found?.expiration === undefined) return new Response("nobody is signed in", { status: 401 });
  const { metadata, expiration } = found;
  await objectFor(env, id).putSession(id, { id: "0", name }, { metadata, expiration, origin: "dual" });
  return new Response(null, { status: 204 });
}
