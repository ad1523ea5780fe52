import { Hono } from 'hono';
import { getCookie, setCookie, deleteCookie } from 'hono/cookie';
import { requireSession } from './middleware';
import type { AppEnv, Session } from './types';
import { sessionStore } from './session-store';

const app = new Hono<AppEnv>();

app.post('/login', async (c) => {
  const { email } = await c.req.json<{ email: string }>();
  const sessionId = crypto.randomUUID();
  const session: Session = { userId: email, roles: [] };
  await sessionStore(c.env).create(sessionId, session, {
    expirationTtl: 60 * 60 * 24, // a day
  });
  setCookie(c, 'sid', sessionId, { httpOnly: true, secure: true });
  return c.json({ ok: true });
});

app.post('/logout', async (c) => {
  const sid = getCookie(c, 'sid');
  if (sid) {
    c.executionCtx.waitUntil(sessionStore(c.env).delete(sid));
    deleteCookie(c, 'sid');
  }
  return c.json({ ok: true });
});

app.get('/me', requireSession, (c) => c.json({ user: c.get('session').userId }));

export default app;
