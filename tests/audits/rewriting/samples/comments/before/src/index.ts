// Copyright someone.

/** What the Worker is given. */
interface Env {
  SESSIONS: KVNamespace; // the sessions
}

/** Makes the key. */
const sessionKey = (id: string) => `session:${id}`;

const key2 = (id: string) => `session:${id}`;

export async function one(env: Env, sid: string) {
  // before the key
  const key = sessionKey(sid); // behind the key
  /* before the read */
  const session = await env.SESSIONS.get<{ user: string }>(key, "json"); // behind the read
  return session;
}

export async function two(env: Env, sid: string) {
  return await env.SESSIONS.get<{ user: string }>(
    key2(sid), // which one
    "json", // parsed
  );
}

export async function three(env: Env, sid: string, user: string) {
  await env.SESSIONS.put(
    // the key
    key2(sid),
    JSON.stringify(
      // the data
      { user },
    ),
    {
      // an hour
      expirationTtl: 3600,
    },
  );
}

export async function four(env: Env, sid: string) {
  await env.SESSIONS.put(key2(sid), /* the data */ JSON.stringify({ /* nothing */ }), /* an hour */ { expirationTtl: 3600 });
}

export async function five(env: Env, sid: string) {
  await env.SESSIONS.delete(`session:${/* which */ sid}`);
}
