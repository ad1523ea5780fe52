import { sessionStore } from "./session-store";

interface Env {
  SESSIONS: KVNamespace;
}

declare function sha256(text: string): Promise<string>;

export async function login(env: Env, userId: string) {
  const token = crypto.randomUUID();
  const sessionId = await sha256(token);
  await sessionStore(env).put(`${sessionId}`, { userId }, { expirationTtl: 3600 });
  return token;
}

export async function logout(env: Env, token: string) {
  await sessionStore(env).delete(`${await sha256(token)}`);
}
