import type { Env, Session } from "./env";

export async function nullish(env: Env, id: string): Promise<Session | null> {
  const stub = env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id));
  return await stub.getSession(id);
}

export async function or(env: Env, id: string) {
  const session =
    await env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id)).getSession(id);
  return session?.user ?? "nobody";
}

export async function ternary(env: Env, id: string) {
  const found = await env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id)).getSession(id);
  const session = found;
  return session;
}

export async function assigned(env: Env, id: string) {
  let session = await env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id)).getSession(id);
  return session;
}
