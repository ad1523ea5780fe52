interface Env {
  SESSIONS: KVNamespace;
}

interface Data extends Record<string, unknown> {
  user?: string;
}

export const onRequest: PagesFunction<Env, string, Data> = async (context) => {
  const sessionId = context.request.headers.get("X-Session-Id");
  if (sessionId) {
    const session = await context.env.SESSIONS.get<{ user: string }>(`session:${sessionId}`, "json");
    if (session) context.data.user = session.user;
  }
  return context.next();
};
