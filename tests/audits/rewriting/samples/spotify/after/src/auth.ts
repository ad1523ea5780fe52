import { Hono } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { sessionStore } from "./session-store";

type Bindings = {
  SPOTIFY_KV: KVNamespace;
  CLIENT_ID: string;
};

type SpotifySession = {
  accessToken: string;
  refreshToken: string;
  expiresAt: number;
};

const SESSION_TTL = 60 * 60 * 24 * 30;

export const auth = new Hono<{ Bindings: Bindings }>();

auth.get("/login", async (c) => {
  const state = crypto.randomUUID();
  await c.env.SPOTIFY_KV.put(`oauth_state:${state}`, "1", { expirationTtl: 600 });
  return c.redirect(`https://accounts.spotify.com/authorize?client_id=${c.env.CLIENT_ID}&state=${state}`);
});

auth.get("/callback", async (c) => {
  const state = c.req.query("state") ?? "";
  if (!(await c.env.SPOTIFY_KV.get(`oauth_state:${state}`))) return c.text("bad state", 400);
  const sessionId = crypto.randomUUID();
  const session: SpotifySession = { accessToken: "a", refreshToken: "r", expiresAt: Date.now() + 3_600_000 };
  await sessionStore(c.env).create(sessionId, session, { expirationTtl: SESSION_TTL });
  await c.env.SPOTIFY_KV.delete(`oauth_state:${state}`);
  setCookie(c, "spotify_session", sessionId, { httpOnly: true });
  return c.redirect("/");
});

export async function accessToken(env: Bindings, sessionId: string): Promise<string | null> {
  const stored = await sessionStore(env).get(sessionId);
  if (!stored) return null;
  const session = stored.data as SpotifySession;
  if (session.expiresAt > Date.now()) return session.accessToken;
  const fresh: SpotifySession = { ...session, expiresAt: Date.now() + 3_600_000 };
  await sessionStore(env).put(sessionId, fresh, { expirationTtl: SESSION_TTL });
  return fresh.accessToken;
}

auth.post("/logout", async (c) => {
  const sessionId = getCookie(c, "spotify_session");
  if (sessionId) await sessionStore(c.env).delete(sessionId);
  return c.body(null, 204);
});
