import { sessionStore } from "../session-store";

interface Env {
  SESSIONS: KVNamespace;
}

interface Data extends Record<string, unknown> {
  user?: string;
}

export const onRequest: PagesFunction<Env, string, Data> = async (context) => {
  const sessionId = context.request.headers.get("X-Session-Id");
  if (sessionId) {
    const session = (await sessionStore(context.env).get<{ user: string }>(sessionId))?.data ?? null;
    if (session) context.data.user = session.user;
  }
  return context.next();
};
