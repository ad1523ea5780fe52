import { AutoRouter, error, json, type IRequest } from "itty-router";
import { sessionStore } from "./session-store";

interface Env {
  SESSIONS: KVNamespace;
}

type Args = [Env, ExecutionContext];

const withSession = async (request: IRequest, env: Env) => {
  const sid = request.headers.get("x-sid");
  if (!sid) return error(401);
  request.session = (await sessionStore(env).get(sid))?.data ?? null;
  if (!request.session) return error(401);
};

const router = AutoRouter<IRequest, Args>();

router
  .get("/me", withSession, ({ session }) => json(session))
  .delete("/session/:sid", async ({ params }, { SESSIONS }) => {
    await SESSIONS.delete(`sess_${params.sid}`);
    return json({ ok: true });
  });

export default { fetch: router.fetch };
