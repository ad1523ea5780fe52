const objectOf = (env, id) => env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id));

async function fromKv(kv, id) {
  return kv.get(`session:${id}`, "json");
}

export async function current(env, id) {
  let session = await objectOf(env, id).getSession(id);
  if (!session) session = await fromKv(env.SESSIONS, id);
  return session;
}

export async function end(env, id) {
  await Promise.allSettled([env.SESSIONS.delete(`session:${id}`), objectOf(env, id).deleteSession(id)]);
}
