import { createMiddleware } from 'hono/factory';
import { getCookie } from 'hono/cookie';
import type { AppEnv, Session } from './types';
import { sessionStore } from './session-store';

export const requireSession = createMiddleware<AppEnv>(async (c, next) => {
  const sid = getCookie(c, 'sid');
  if (!sid) return c.json({ error: 'unauthorized' }, 401);

  const session = (await sessionStore(c.env).get<Session>(sid))?.data ?? null;
  if (!session) return c.json({ error: 'unauthorized' }, 401);

  c.set('session', session);
  await next();
});
