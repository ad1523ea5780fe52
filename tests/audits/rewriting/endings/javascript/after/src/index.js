const objectOf = (env, id) => env.SESSION_OBJECT.get(env.SESSION_OBJECT.idFromName(id));

export async function current(env, id) {
  let session = await objectOf(env, id).getSession(id);
  return session;
}

export async function end(env, id) {
  await Promise.allSettled([objectOf(env, id).deleteSession(id)]);
}
