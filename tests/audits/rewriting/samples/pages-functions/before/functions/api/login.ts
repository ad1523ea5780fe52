interface Env {
  SESSIONS: KVNamespace;
}

export const onRequestPost: PagesFunction<Env> = async ({ env, request, waitUntil }) => {
  const form = await request.formData();
  const sessionId = crypto.randomUUID();
  waitUntil(
    env.SESSIONS.put(
      `session:${sessionId}`,
      JSON.stringify({
        user: String(form.get("user")),
        at: Date.now(),
      }),
      { expirationTtl: 3600 },
    ),
  );
  return Response.json({ sessionId });
};
