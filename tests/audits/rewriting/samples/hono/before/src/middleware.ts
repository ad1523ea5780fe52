import { createMiddleware } from 'hono/factory';
import { getCookie } from 'hono/cookie';
import { sessionKey } from './lib/keys';
import type { AppEnv, Session } from './types';

export const requireSession = createMiddleware<AppEnv>(async (c, next) => {
  const sid = getCookie(c, 'sid');
  if (!sid) return c.json({ error: 'unauthorized' }, 401);

  const session = await c.env.AUTH_SESSIONS.get<Session>(sessionKey(sid), { type: 'json', cacheTtl: 60 });
  if (!session) return c.json({ error: 'unauthorized' }, 401);

  c.set('session', session);
  await next();
});
